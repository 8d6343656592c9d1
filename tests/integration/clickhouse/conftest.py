"""A ClickHouse server of the tests' own: a process on a free port over a temporary directory."""

import itertools
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import clickhouse_connect
import httpx
import pytest

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_NUMBERS = itertools.count()


@dataclass
class Server:
    """A server process; `options` are further ones of its command line."""

    path: Path
    port: int
    options: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes]" = field(init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def log(self) -> Path:
        return self.path.with_suffix(".log")

    def start(self) -> "Server":
        command = [sys.executable, "-m", "deploy.local.clickhouse", "--path", str(self.path)]
        command += ["--port", str(self.port), "--database", "metering", *self.options]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for(self._answers, _START_SECONDS, self.log.read_text)
        return self

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(_STOP_SECONDS)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(_STOP_SECONDS)

    def client(self, **options: Any) -> Any:
        return clickhouse_connect.get_client(
            host="127.0.0.1", port=self.port, **{"database": "metering", **options}
        )

    @property
    def takes_data(self) -> bool:
        """Whether the data of an INSERT is on its way in."""
        return any((self.path / "http").iterdir())

    def sql(self, text: str | bytes, **parameters: Any) -> str:
        response = httpx.post(self.url, params=parameters, content=text, timeout=120)
        assert response.status_code == 200, response.text
        return response.text

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.url}ping").text == "Ok.\n"
        except httpx.TransportError:
            return False


def wait_for(condition: Callable[[], bool], seconds: float, told: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so within {seconds} s: {condition} {told()}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of all tests that leave it running."""
    running = Server(tmp_path_factory.mktemp("clickhouse") / "data", free_port()).start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start a server of the test's own; it is killed at the end if it still runs."""
    with ExitStack() as stack:

        def make(*options: str) -> Server:
            made = Server(tmp_path / f"data{next(_NUMBERS)}", free_port(), options)
            made.start()
            stack.callback(lambda: made.kill() if made.process.poll() is None else None)
            return made

        yield make


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    made = server.client()
    yield made
    made.close()


@pytest.fixture
def table() -> str:
    """A name no other test has."""
    return f"t{next(_NUMBERS)}"


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait until a condition holds."""
    return wait_for
