"""`python -m tests.chaos.load HOME`: publishes the plan's events at its rate, from where the last load was.

What is acknowledged is noted; a load that was killed begins there again and sends its last events anew, under
the ids they had. Never are more than WINDOW events out beyond what is noted, so a repeat is always within the
horizon of the workers' deduplication.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from deploy.local.atomic import write_atomically
from schemas import USAGE_EVENTS
from tests.chaos.home import Home
from tests.chaos.plan import Plan
from tests.chaos.records import Records

WINDOW: Final = 16_384

_STEP_SECONDS: Final = 0.05
_NOTE_SECONDS: Final = 0.1
_CATCH_UP: Final = 5.0
"""A load that is behind publishes at so many times its rate."""
_MOST_A_STEP: Final = 5_000


class Load:
    """Publishes events in order; `acknowledged` says how many of the first are stored for certain."""

    def __init__(self, plan: Plan, home: Home, servers: str) -> None:
        self._records = Records(plan)
        self._plan = plan
        self._home = home
        self.next = self.noted = home.acknowledged()
        self._batches: dict[int, int] = {}  # by first event: how many of the batch are still out
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "log_level": 3,
                "enable.idempotence": True,
                "acks": "all",
                "partitioner": "murmur2_random",
                "compression.type": "lz4",
                "linger.ms": 10,
                "message.timeout.ms": 0,  # for ever
                "queue.buffering.max.messages": 2 * WINDOW,
                "allow.auto.create.topics": False,
            }
        )

    def step(self, allowed: int) -> None:
        """Publish up to event number `allowed`, as far as the window lets."""
        end = min(allowed, self.noted + WINDOW, self.next + _MOST_A_STEP, self._plan.events)
        if self.next >= self._plan.change:
            end = end if self._home.meters_changed.exists() else self.next
        elif end > self._plan.change:
            end = self._plan.change
        if end > self.next:
            self._publish(self.next, end)
            self.next = end
        self._producer.poll(0)

    def _publish(self, start: int, end: int) -> None:
        self._batches[start] = end - start
        produce, encode, report = self._producer.produce, self._records.encode, self._report_of(start)
        for n in range(start, end):
            key, value = encode(n)
            produce(USAGE_EVENTS, value, key, on_delivery=report)

    def _report_of(self, start: int) -> Callable[[KafkaError | None, Message], None]:
        def report(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                sys.exit(f"a record was refused for good: {error}")
            self._batches[start] -= 1

        return report

    @property
    def acknowledged(self) -> int:
        """All events before this one are stored."""
        done = [start for start, out in self._batches.items() if out == 0]
        waiting = [start for start, out in self._batches.items() if out]
        first = min(waiting, default=self.next)
        for start in done:
            if start < first:
                del self._batches[start]
        return first

    def note(self) -> None:
        """Write down what is acknowledged."""
        if (acknowledged := self.acknowledged) > self.noted:
            write_atomically(self._home.progress, str(acknowledged))
            self.noted = acknowledged


def run(home: Home) -> None:
    """Publish until all is acknowledged."""
    plan = Plan.load(home.plan)
    load = Load(plan, home, home.servers.read_text())
    noted = 0.0
    while load.noted < plan.events:
        due = (time.time() * 1000 - plan.base) * plan.rate / 1000
        load.step(min(int(due), load.next + int(plan.rate * _STEP_SECONDS * _CATCH_UP) + 1))
        if time.monotonic() - noted >= _NOTE_SECONDS:
            noted = time.monotonic()
            load.note()
        time.sleep(_STEP_SECONDS)


if __name__ == "__main__":
    run(Home(Path(sys.argv[1])))
