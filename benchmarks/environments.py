"""Environments for peers: each has its own beside its code, made anew when its requirements change."""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.command import say
from benchmarks.errors import PeerSetupError
from deploy.local.process import bound

PEERS: Final = Path(__file__).with_name("peers")
_SETUP_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Environment:
    """A peer's directory under `peers`, whose `requirements.txt` pins everything it needs."""

    name: str

    @property
    def directory(self) -> Path:
        return PEERS / self.name

    def python(self) -> str:
        """The interpreter of the environment, which is made where it is missing or of other requirements.

        Raises:
            PeerSetupError: with the last word of whatever could not be done.
        """
        home = self.directory / ".venv"
        interpreter, stamp = home / "bin" / "python", home / "made-of"
        needed = fingerprint(sys.version, (self.directory / "requirements.txt").read_text())
        if not (stamp.is_file() and stamp.read_text() == needed):
            say(f"making the environment of {self.name}, once")
            shutil.rmtree(home, ignore_errors=True)
            run_to_end([sys.executable, "-m", "venv", str(home)])
            run_to_end(
                [
                    *(str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
                    *("--requirement", str(self.directory / "requirements.txt")),
                ]
            )
            stamp.write_text(needed)
        return str(interpreter)


def fingerprint(*parts: str) -> str:
    """A short text that is another one where any part is."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def run_to_end(arguments: list[str]) -> str:
    """Run a program and return what it writes to its standard output.

    Raises:
        PeerSetupError: it failed or took longer than ten minutes.
    """
    try:
        done = subprocess.run(
            bound(arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SETUP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PeerSetupError(f"{arguments[0]} took longer than {_SETUP_SECONDS:.0f} s") from error
    if done.returncode != 0:
        raise PeerSetupError(f"{' '.join(arguments[:4])} failed: {last_line(done.stderr or done.stdout)}")
    return done.stdout


def last_line(text: str) -> str:
    """The last line that says anything."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
