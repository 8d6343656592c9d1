"""Three meters in a bare loop on confluent-kafka: as a careful person writes it, with no guarantee."""

import gc
import time

from confluent_clients import consumer, producer
from task import Task
from totals import Totals

_BATCH = 10_000
_WAIT_SECONDS = 0.05
_EMIT_SECONDS = 1.0


def main() -> None:
    """Count until the process is ended; rows go out every second and whenever nothing is left to read."""
    task = Task.given()
    events, rows, totals = consumer(task), producer(task), Totals()
    read, due = 0, time.monotonic() + _EMIT_SECONDS
    gc.disable()  # nothing here makes cycles
    while True:
        messages = events.consume(_BATCH, _WAIT_SECONDS)
        values = [message.value() for message in messages if message.error() is None]
        totals.fold(values)
        if messages:
            read += len(values) - values.count(None)
            if read == task.events:
                task.tell_all_read()
        if not messages or time.monotonic() > due:
            for record in totals.take_rows():
                rows.produce(task.output, record)
            rows.poll(0)
            due = time.monotonic() + _EMIT_SECONDS


if __name__ == "__main__":
    main()
