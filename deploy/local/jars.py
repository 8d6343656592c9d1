"""Finds jars: fetched once from Maven Central by jgo, then known by a small file in the cache."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.errors import JarsError
from deploy.local.atomic import write_atomically
from deploy.local.process import bound

KAFKA_VERSION: Final = "4.2.0"

# jgo lets the dependency management of every coordinate rule all others: log4j's would turn kafka-clients
# 4.2.0 into 3.9.1, with which the broker does not start, and Jackson and zstd into versions Kafka was not
# built with. The "!" says: take the jar, leave its management.
COORDINATES: Final = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.3!",
)

_RESOLVE: Final = """
import json, sys, jgo
print(json.dumps([str(jar) for jar in jgo.build(sys.argv[1]).all_jars]))
"""


@dataclass(frozen=True, slots=True)
class JarSet:
    """The jars of one program: `name` is that of its record in the cache, `title` is for people."""

    name: str
    title: str
    size_mb: int
    coordinates: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256("+".join(self.coordinates).encode()).hexdigest()[:12]


_BROKER: Final = JarSet(f"kafka-{KAFKA_VERSION}", f"Kafka {KAFKA_VERSION}", 45, COORDINATES)


def kafka_jars(cache_dir: Path, java_home: Path, say: Callable[[str], None]) -> list[Path]:
    """The jars of a Kafka broker, as `jars_of` gives them."""
    return jars_of(_BROKER, cache_dir, java_home, say)


def jars_of(wanted: JarSet, cache_dir: Path, java_home: Path, say: Callable[[str], None]) -> list[Path]:
    """The jars of a set, in the order of the class path; `say` is told when it takes a while.

    The first call on a machine downloads them; later ones read one file. Several processes may call at once:
    one fetches, the others wait.

    Raises:
        JarsError: they could not be fetched, twice: from the shared Maven caches and into fresh ones.
    """
    record = cache_dir / f"{wanted.name}-{wanted.fingerprint}.json"
    cache_dir.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(cache_dir / "kafka.lock"):
        jars = recorded_jars(record)
        if jars is None:
            say(f"fetching the jars of {wanted.title}, once on this machine: about {wanted.size_mb} MB …")
            jars = _fetch(wanted, cache_dir, java_home)
            write_atomically(record, json.dumps([str(jar) for jar in jars], indent=1))
        return jars


def recorded_jars(record: Path) -> list[Path] | None:
    """What `record` says, or None where it is missing, unreadable or names a jar that is gone."""
    try:
        jars = [Path(name) for name in json.loads(record.read_text())]
    except (OSError, ValueError, TypeError):
        return None
    return jars if jars and all(jar.is_file() for jar in jars) else None


def damaged_jars(jars: list[Path]) -> list[Path]:
    """Those that are no whole zip file: a download that was cut off leaves such a file behind."""
    return [jar for jar in jars if not zipfile.is_zipfile(jar)]


def _fetch(wanted: JarSet, cache_dir: Path, java_home: Path) -> list[Path]:
    try:
        return _resolve(wanted, {"JAVA_HOME": str(java_home)})
    except JarsError:
        # jgo never looks again at a file that an interrupted download left in the shared Maven caches. Others
        # use those too, so they are left alone and all begins anew in caches of our own.
        private = cache_dir / f"maven-{wanted.name}"
        shutil.rmtree(private, ignore_errors=True)
        return _resolve(
            wanted,
            {
                "JAVA_HOME": str(java_home),
                "M2_REPO": str(private / "repository"),
                "JGO_CACHE_DIR": str(private / "jgo"),
            },
        )


def _resolve(wanted: JarSet, environment: dict[str, str]) -> list[Path]:
    # A process of its own: jgo reads its settings from the environment, where JAVA_HOME keeps it from looking
    # for a JDK to download, and writes warnings that mean nothing here.
    done = subprocess.run(
        bound([sys.executable, "-c", _RESOLVE, "+".join(wanted.coordinates)]),
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise JarsError(
            f"the jars of {wanted.title} could not be fetched from Maven Central "
            f"({', '.join(wanted.coordinates)}): "
            f"{_last_line(done.stderr)}. Check the network and try again, or name a Kafka that "
            f"runs already in METERSTREAM_KAFKA_BOOTSTRAP_SERVERS."
        )
    jars = [Path(name) for name in json.loads(done.stdout.splitlines()[-1])]
    if damaged := damaged_jars(jars):
        raise JarsError(f"these jars are damaged: {', '.join(map(str, damaged))}. Delete them and try again.")
    return jars


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
