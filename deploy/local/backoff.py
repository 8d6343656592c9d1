"""When a part that died is started again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from `first` to `limit` seconds; a run of `steady` seconds makes all good again."""

    first: float = 0.2
    limit: float = 10.0
    steady: float = 10.0

    def failures(self, before: int, ran: float) -> int:
        """Short runs in a row, with the one that just ended after `ran` seconds."""
        return 1 if ran >= self.steady else before + 1

    def wait(self, failures: int) -> float:
        """Seconds from the end of a run to the next start, after so many short runs in a row."""
        # The exponent is bounded, or a part that fails for days would overflow a float.
        doublings = min(failures - 1, 30)
        return min(self.limit, self.first * 2.0**doublings)
