"""What waits in an outbox: jobs, and how many there are in each state."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from producers.event_ids import new_event_id
from schemas import decode_exactly

State = Literal["todo", "doing", "failed"]
JobData = Mapping[str, Any]
"""What a job is about, as JSON has it."""

_TIME_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands in the outbox.

    `put_ms` is when it was put, in epoch milliseconds; `attempts` is how often it was taken, this time
    included. `key` is the record key of a job that is a whole usage event, whose `document` is published
    byte by byte; None: `document` is the JSON of any other data.
    """

    job_id: str
    document: bytes
    put_ms: int
    attempts: int = 0
    key: bytes | None = None

    @property
    def data(self) -> JobData:
        """What was put, decoded; of a usage event with every digit, as int and Decimal."""
        if self.key is not None:
            return decode_exactly(self.document)
        data: JobData = orjson.loads(self.document)
        return data


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job that encountered an error, and which."""

    job: Job
    reason: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many jobs there are in each state."""

    todo: int = 0
    doing: int = 0
    failed: int = 0


def new_job_id(now_ms: int) -> str:
    """48 bits of time and 80 random bits in hexadecimal: ids made later sort later.

    So the index over them grows at its end, and a put writes few pages.
    """
    return f"{now_ms:0{_TIME_DIGITS}x}"[-_TIME_DIGITS:] + new_event_id()[_TIME_DIGITS:]


def epoch_milliseconds() -> int:
    """Now."""
    return time.time_ns() // 1_000_000
