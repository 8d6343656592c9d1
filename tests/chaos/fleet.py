"""The processes of a run: started, hurt as asked, started again when they die, as `meterstream up` does."""

import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Final

import psutil

from deploy.local.backoff import Backoff
from deploy.local.process import Command, start, tail
from deploy.local.supervisor import manner

_TERM_SECONDS: Final = 30.0
_SAMPLE_SECONDS: Final = 1.0


class Wish(Enum):
    """What becomes of a process when it ends."""

    STAY = auto()  # it is to run: an end nobody asked for is told of
    AGAIN = auto()  # it was killed or asked to end, and is started again
    GONE = auto()  # it is not started again


@dataclass(slots=True)
class Member:
    """One process by name, whichever pid it has at the moment.

    Attributes:
        command: Asked for at every start, for settings change.
        is_job: It ends by itself, with exit code 0, and is done then.
        due: When it is to be started, while it does not run.
        down: How long it stays away after its next end.
        thaw: When it is sent SIGCONT.
        patience: When an end that was asked for is enforced.
    """

    name: str
    command: Callable[[], Command]
    is_job: bool = False
    process: "subprocess.Popen[bytes] | None" = None
    wish: Wish = Wish.STAY
    due: float = 0.0
    down: float = 0.0
    thaw: float | None = None
    patience: float | None = None
    started: float = 0.0
    failures: int = 0
    cpu_before: float = 0.0
    cpu_now: float = 0.0

    @property
    def cpu_seconds(self) -> float:
        """What all its runs have used, to the second."""
        return self.cpu_before + self.cpu_now


@dataclass(slots=True)
class Fleet:
    """All processes; every method belongs to the main thread, and `now` is monotonic seconds.

    Attributes:
        deaths: What ended without being asked to, in words.
    """

    logs: Path
    say: Callable[[str], None]
    backoff: Backoff = field(default_factory=Backoff)
    deaths: list[str] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    _sampled: float = 0.0

    def add(self, name: str, command: Callable[[], Command], now: float, *, is_job: bool = False) -> None:
        """Start a process, or one of this name again that was retired."""
        known = self.members.get(name)
        cpu = 0.0 if known is None else known.cpu_seconds
        self.members[name] = Member(name, command, is_job, cpu_before=cpu)
        self._start(self.members[name], now)

    def is_done(self, name: str) -> bool:
        """Whether a job has ended well."""
        member = self.members[name]
        return member.process is None and member.wish is Wish.GONE

    def runs(self, name: str) -> bool:
        """Whether a process is there, stopped or not."""
        member = self.members.get(name)
        return member is not None and member.process is not None

    def kill(self, name: str, down: float) -> None:
        """SIGKILL; it is started again after `down` seconds."""
        member = self.members[name]
        if member.process is not None and member.wish is not Wish.GONE:
            member.wish, member.down = Wish.AGAIN, down
            member.process.kill()

    def freeze(self, name: str, seconds: float, now: float) -> None:
        """SIGSTOP, and SIGCONT after so many seconds."""
        member = self.members[name]
        if member.process is not None:
            member.process.send_signal(signal.SIGSTOP)
            member.thaw = now + seconds

    def restart(self, name: str, now: float) -> None:
        """SIGTERM; it is started again once it has ended."""
        self._ask_to_end(self.members[name], Wish.AGAIN, now)

    def retire(self, name: str, now: float) -> None:
        """SIGTERM, for good."""
        self._ask_to_end(self.members[name], Wish.GONE, now)

    def tick(self, now: float) -> None:
        """Do what is due."""
        for member in list(self.members.values()):
            self._look_after(member, now)
        if now - self._sampled >= _SAMPLE_SECONDS:
            self._sampled = now
            for member in self.members.values():
                _sample(member)

    @property
    def is_calm(self) -> bool:
        """Whether everything that is to run runs, and nothing is stopped or about to end."""
        return all(
            member.thaw is None and member.patience is None and (member.process is None) == _is_over(member)
            for member in self.members.values()
        )

    def thaw_all(self) -> None:
        """SIGCONT to everything that is stopped."""
        for member in self.members.values():
            self._thaw(member)

    def end(self) -> None:
        """End everything at once: what is compared is compared by then."""
        processes = [member.process for member in self.members.values() if member.process is not None]
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()

    def _look_after(self, member: Member, now: float) -> None:
        if member.thaw is not None and now >= member.thaw:
            self._thaw(member)
        if member.patience is not None and now >= member.patience and member.process is not None:
            self.deaths.append(f"{member.name} did not end within {_TERM_SECONDS:.0f} s of SIGTERM")
            member.patience = None
            member.process.kill()
        if member.process is not None and member.process.poll() is not None:
            self._note_end(member, member.process.returncode, now)
        if member.process is None and not _is_over(member) and now >= member.due:
            self._start(member, now)

    def _note_end(self, member: Member, code: int, now: float) -> None:
        member.process, member.thaw, member.patience = None, None, None
        member.cpu_before, member.cpu_now = member.cpu_seconds, 0.0
        if member.is_job and code == 0:
            member.wish = Wish.GONE
        elif member.wish is Wish.STAY:
            ran = now - member.started
            member.failures = self.backoff.failures(member.failures, ran)
            member.due = now + self.backoff.wait(member.failures)
            self.deaths.append(f"{member.name} ended by itself after {ran:.1f} s, {manner(code)}")
            self.say(f"{self.deaths[-1]}:\n{tail(self._log(member), 8)}")
        else:
            member.due = now + member.down

    def _start(self, member: Member, now: float) -> None:
        member.process = start(member.command(), self._log(member))
        member.wish, member.down, member.started = Wish.STAY, 0.0, now

    def _ask_to_end(self, member: Member, wish: Wish, now: float) -> None:
        if member.wish is Wish.GONE:
            return
        member.wish, member.down = wish, 0.0
        if member.process is not None:
            self._thaw(member)
            member.process.terminate()
            member.patience = now + _TERM_SECONDS

    def _thaw(self, member: Member) -> None:
        if member.thaw is not None and member.process is not None:
            member.process.send_signal(signal.SIGCONT)
        member.thaw = None

    def _log(self, member: Member) -> Path:
        return self.logs / f"{member.name}.log"


def _is_over(member: Member) -> bool:
    return member.wish is Wish.GONE


def _sample(member: Member) -> None:
    if member.process is None:
        return
    try:
        times = psutil.Process(member.process.pid).cpu_times()
    except psutil.NoSuchProcess:
        return
    member.cpu_now = times.user + times.system
