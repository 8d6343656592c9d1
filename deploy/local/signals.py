"""Turns the signals that ask a program to end into something its loop can look at."""

import signal
from types import FrameType, TracebackType
from typing import Final, Self

_ASKING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopSignals:
    """While entered, SIGTERM, SIGINT and SIGHUP are noted in `received` and interrupt nothing.

    A start or an end that is under way is therefore never left half done. Only for the main thread.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        for number in _ASKING:
            # Under nohup a hangup is ignored, and stays so.
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() itself returned
        self._before.clear()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received = signal.Signals(number)
