"""What a process used while it ran: CPU time at any moment, and the most memory it had."""

import threading
import time
from bisect import bisect_left
from collections.abc import Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self

import psutil

_EVERY_SECONDS: Final = 0.05


class Sample(NamedTuple):
    """Epoch seconds, CPU seconds used until then, bytes resident."""

    moment: float
    cpu_seconds: float
    resident: int


def cpu_seconds_at(samples: Sequence[Sample], moment: float) -> float:
    """Interpolate the CPU time used until a moment; outside the samples the nearest one's."""
    index = bisect_left(samples, moment, key=lambda sample: sample.moment)
    if index == 0:
        return samples[0].cpu_seconds
    if index == len(samples):
        return samples[-1].cpu_seconds
    before, after = samples[index - 1], samples[index]
    share = (moment - before.moment) / (after.moment - before.moment)
    return before.cpu_seconds + share * (after.cpu_seconds - before.cpu_seconds)


class Sampler:
    """Samples one process every 50 ms while entered."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample_until_ended, daemon=True)
        self.samples: list[Sample] = []

    def __enter__(self) -> Self:
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def cpu_seconds_between(self, start: float, end: float) -> float:
        """CPU time used from one moment to another, epoch seconds."""
        return cpu_seconds_at(self.samples, end) - cpu_seconds_at(self.samples, start)

    def _sample_until_ended(self) -> None:
        try:
            while not self._ended.wait(_EVERY_SECONDS):
                self._sample()
        except psutil.NoSuchProcess:  # whoever waits for the process says so
            return

    def _sample(self) -> None:
        with self._process.oneshot():
            times = self._process.cpu_times()
            resident = self._process.memory_info().rss
        self.samples.append(Sample(time.time(), times.user + times.system, resident))
