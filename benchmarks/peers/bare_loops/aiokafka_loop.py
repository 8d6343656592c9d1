"""Three meters in a bare loop on aiokafka: as a careful person writes it, with no guarantee."""

import gc
import time

import uvloop
from aiokafka_clients import clients
from task import Task
from totals import Totals

_BATCH = 10_000
_WAIT_MS = 50
_EMIT_SECONDS = 1.0


async def main() -> None:
    """Count until the process is ended; rows go out every second and whenever nothing is left to read."""
    task, totals = Task.given(), Totals()
    read, due = 0, time.monotonic() + _EMIT_SECONDS
    gc.disable()  # nothing here makes cycles that grow with the events
    async with clients(task) as (consumer, producer):
        while True:
            batches = await consumer.getmany(timeout_ms=_WAIT_MS, max_records=_BATCH)
            for records in batches.values():
                values = [record.value for record in records]
                totals.fold(values)
                read += len(values) - values.count(None)
                if read == task.events:
                    task.tell_all_read()
            if not batches or time.monotonic() > due:
                for record in totals.take_rows():
                    await producer.send(task.output, record)
                due = time.monotonic() + _EMIT_SECONDS


if __name__ == "__main__":
    uvloop.run(main())
