"""Traffic without end: every event new, event time moving on, as cheap to make as Python allows.

Names and properties are those of `benchmarks.workload`, so the same meters count it. Every customer has some
of it, with a mild skew: of 100,000 the first thousand have three events in a hundred.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from confluent_kafka import Producer

from schemas import USAGE_EVENTS, message_key

TENANTS: Final = 20
_POOL: Final = 1 << 18  # draws that are used again and again: a draw an event would cost more than sending it
_NAMES: Final = ("llm.tokens",) * 5 + ("api.call",) * 3 + ("storage.write",) * 2
_MODELS: Final = ("gpt-4", "claude-3", "llama-3", "mistral-l")
_REGIONS: Final = ("eu", "us", "ap")
_POLL_EVERY: Final = 1_000

Moment = Callable[[int], int]
"""Gives the event time, epoch milliseconds, of the event of a number."""


class Traffic:
    """Events as bytes, in one order in every run; `moment` is asked for each event's time."""

    def __init__(self, customers: int, moment: Moment, source: str = "e", seed: int = 7) -> None:
        chance = Random(seed)
        self._moment = moment
        self._source = source.encode()
        drawn = [
            each if each < customers else int(customers * chance.random() ** 1.5) for each in range(_POOL)
        ]
        self._keys = [message_key(f"t{each % TENANTS}", f"c{each}") for each in drawn]
        self._tails = [_tail(chance, each) for each in drawn]

    def events(self, start: int, count: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield the keys and values of so many events, about 170 bytes each."""
        keys, tails, source, moment = self._keys, self._tails, self._source, self._moment
        for number in range(start, start + count):
            drawn = number * 40_503 % _POOL  # odd, so that all are drawn, in an order that wanders
            value = b'{"event_id":"%b%d","timestamp":%d,%b' % (source, number, moment(number), tails[drawn])
            yield keys[drawn], value


def _tail(chance: Random, customer: int) -> bytes:
    return (
        f'"event_name":"{chance.choice(_NAMES)}",'
        f'"customer_id":"c{customer}","tenant_id":"t{customer % TENANTS}",'
        f'"properties":{{"model":"{chance.choice(_MODELS)}","tokens":"{chance.randint(1, 2_000)}",'
        f'"region":"{chance.choice(_REGIONS)}"}}}}'
    ).encode()


def send(producer: Producer, traffic: Traffic, start: int, count: int) -> None:
    """Hand so many events over; waits where the queue is full."""
    for sent, (key, value) in enumerate(traffic.events(start, count)):
        while True:
            try:
                producer.produce(USAGE_EVENTS, value, key)
                break
            except BufferError:
                producer.poll(0.05)
        if not sent % _POLL_EVERY:
            producer.poll(0)
