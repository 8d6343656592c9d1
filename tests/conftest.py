"""The embedded stack for every test that asks for it, started once a session and only when asked for."""

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Final

import hypothesis
import pytest

from deploy.errors import NotRunningError
from deploy.local.embedded import embedded_clickhouse, embedded_kafka
from deploy.local.endpoints import Endpoints
from deploy.local.process import Command, start, tail
from deploy.topics import apply_topics

# No example fails for being slow, and runs try the same ones; --hypothesis-profile=explore looks further.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=2_000)
hypothesis.settings.load_profile("steady")

POLL_SECONDS: Final = 0.05
UP_SECONDS: Final = 120.0
END_SECONDS: Final = 15.0

# A stack of a test's own, whatever the shell it runs in names.
OWN_SERVERS: Final = {"METERSTREAM_KAFKA_BOOTSTRAP_SERVERS": "", "METERSTREAM_CLICKHOUSE_URL": ""}

# Brokers that live for seconds are not worth the optimizing compiler: they start a third faster without.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")


CORE: Final = Path(__file__).parents[1] / "stream" / "core"


def pytest_configure() -> None:
    """Refuse to test a compiled module in place of the source that was changed since."""
    for built in CORE.glob("*.so"):
        source = CORE / f"{built.name.partition('.')[0]}.py"
        if built.stat().st_mtime < source.stat().st_mtime:
            pytest.exit(f"{built.name} is older than its source: run make native, or make clean-native", 2)


@dataclass(frozen=True)
class Stack:
    """A `meterstream up` under test, in a process of its own; `log` has what it said."""

    state_dir: Path
    log: Path
    process: "Popen[bytes]"

    @property
    def endpoints(self) -> Endpoints:
        """As they are now: a part that was started again has another pid."""
        return Endpoints.load(self.state_dir)

    def await_up(self) -> Endpoints:
        """Wait until it says that it is up."""
        deadline = time.monotonic() + UP_SECONDS
        while True:
            assert self.process.poll() is None, f"it ended:\n{tail(self.log, 60)}"
            assert time.monotonic() < deadline, f"it is not up:\n{tail(self.log, 60)}"
            try:
                return self.endpoints
            except NotRunningError:
                time.sleep(POLL_SECONDS)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap servers of a broker without topics."""
    with embedded_kafka(tmp_path_factory.mktemp("kafka")) as bootstrap_servers:
        yield bootstrap_servers


@pytest.fixture(scope="session")
def kafka_with_topics(kafka: str) -> str:
    """The bootstrap servers of the same broker, with Meterstream's topics; tests share what is in them."""
    apply_topics(kafka)
    return kafka


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a ClickHouse with an empty database `metering`."""
    with embedded_clickhouse(tmp_path_factory.mktemp("clickhouse")) as url:
        yield url


@pytest.fixture(scope="session")
def fresh() -> Callable[[str], str]:
    """Makes a name that no other test has: of a topic, a group, a tenant."""
    return lambda name: f"{name}-{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """Waits until a condition holds: `eventually(lambda: ..., within=10)`; fails where it never does."""

    def wait(condition: Callable[[], object], within: float = 60.0) -> None:
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, f"still not so after {within:.0f} s"
            time.sleep(POLL_SECONDS)

    return wait


@contextmanager
def stacks() -> "Iterator[Callable[..., Stack]]":
    """Starts stacks, and ends at last those that are still there."""
    begun: list[Stack] = []

    def begin(state_dir: Path, *arguments: str, **environment: str) -> Stack:
        settings = {"METERSTREAM_STATE_DIR": str(state_dir), "METERSTREAM_KAFKA_HEAP": "256m"}
        python = [sys.executable, *(arguments or ("-m", "deploy.local"))]
        command = Command(python, OWN_SERVERS | settings | environment)
        log = state_dir.with_name(f"{state_dir.name}-{len(begun)}.log")
        begun.append(Stack(state_dir, log, start(command, log)))
        return begun[-1]

    yield begin
    for stack in begun:
        stack.process.terminate()
    for stack in begun:
        stack.process.wait(END_SECONDS)


@pytest.fixture
def up() -> Iterator[Callable[..., Stack]]:
    """Starts a stack for one test: `up(state_dir, *python_arguments, **environment)`."""
    with stacks() as begin:
        yield begin


@pytest.fixture(scope="module")
def module_up() -> Iterator[Callable[..., Stack]]:
    """As `up`, for the tests of one file."""
    with stacks() as begin:
        yield begin


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole of `meterstream up`, for tests from end to end; they share it."""
    with stacks() as begin:
        started = begin(tmp_path_factory.mktemp("stack") / "state")
        started.await_up()
        yield started
