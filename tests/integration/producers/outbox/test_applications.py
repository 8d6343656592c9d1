"""Applications that count their requests, run for real: the broker is stopped, and they are killed meanwhile.

METERSTREAM_TEST_OUTAGE_SECONDS is how long the broker is away; `pytest -s` shows the counts along the way.
"""

import os
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.local.embedded import embedded_kafka

OUTAGE_SECONDS = float(os.environ.get("METERSTREAM_TEST_OUTAGE_SECONDS", "3"))
PAUSE_SECONDS = 0.01
TOPIC = "requests"
RunProgram = Callable[..., "subprocess.Popen[str]"]


class Application:
    """A process that serves, and a client that keeps asking; every request has a source of its own."""

    def __init__(self, framework: str, run_program: RunProgram, outbox: Path, servers: str) -> None:
        self.acknowledged: list[str] = []
        self._command = (f"{framework}_app", str(_free_port()), TOPIC, servers)
        self._settings = {"METERSTREAM_OUTBOX_PATH": str(outbox)}
        self._run_program = run_program
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{self._command[1]}", timeout=30)
        self._stop = threading.Event()
        self._asking = threading.Thread(target=self._keep_asking, args=(framework,))

    def start(self) -> None:
        self.process = self._run_program(*self._command, **self._settings)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def counts(self) -> dict[str, int]:
        return dict(self._http.get("/counts").raise_for_status().json())

    def is_up(self) -> bool:
        try:
            return bool(self.counts())
        except httpx.TransportError:
            assert self.process.poll() is None, "it ended"
            return False

    @contextmanager
    def asking(self) -> Iterator[None]:
        self._asking.start()
        yield
        self._stop.set()
        self._asking.join()

    def close(self) -> None:
        self._http.close()

    def _keep_asking(self, framework: str) -> None:
        number = 0
        while not self._stop.wait(PAUSE_SECONDS):
            number += 1
            source = f"{framework}-{number}"
            try:
                answer = self._http.get("/maps?12", headers={"X-SDK-Source": source})
            except httpx.TransportError:
                continue  # killed: it may have been counted, but nobody was told
            assert answer.status_code == 200
            self.acknowledged.append(source)


@pytest.fixture(autouse=True)
def quiet_client(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", logger="httpx")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("framework", ["fastapi", "django"])
def test_every_request_is_published_once_through_an_outage_and_two_kills(
    framework: str, run_program: RunProgram, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    with embedded_kafka(tmp_path / "kafka") as servers:
        admin = AdminClient({"log_level": 0, "bootstrap.servers": servers})
        admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result()
        app = Application(framework, run_program, tmp_path / "outbox.sqlite3", servers)
        app.start()
        eventually(app.is_up)
        asking = app.asking()
        asking.__enter__()
        eventually(lambda: len(app.acknowledged) > 20)
        _say("broker up", app)
    _say("broker stopped", app)
    for kill in (1, 2):
        known = len(app.acknowledged)
        _outlast(OUTAGE_SECONDS / 3)
        eventually(lambda known=known: len(app.acknowledged) > known + 20)
        _say(f"before kill {kill}", app)
        app.kill()
        app.start()
        eventually(app.is_up)
        _say(f"after kill {kill}", app)
    _outlast(OUTAGE_SECONDS / 3)
    _say("before the broker is started", app)
    with embedded_kafka(tmp_path / "kafka") as again:
        assert again == servers
        asking.__exit__(None, None, None)
        eventually(lambda: app.counts() == {"todo": 0, "doing": 0, "failed": 0})
        _say("broker up again", app)
        published = _published(servers)
    events = {each["event_id"]: each["source"] for each in published}
    counted = Counter(events.values())
    unanswered = len(counted) - len(app.acknowledged)
    print(f"{framework}: {len(app.acknowledged)} answered, {len(published)} records, {len(events)} event ids")
    assert set(app.acknowledged) <= counted.keys()
    assert set(counted.values()) == {1}
    assert 0 <= unanswered <= 2
    app.close()


def _outlast(seconds: float) -> None:
    """An outage is a length of time: nothing else says when it is over."""
    time.sleep(seconds)


def _say(when: str, app: Application) -> None:
    print(f"{when}: {len(app.acknowledged)} answered, {app.counts()}")


def _published(servers: str) -> list[dict[str, Any]]:
    consumer = Consumer({"log_level": 0, "bootstrap.servers": servers, "group.id": "all"})
    try:
        partition = TopicPartition(TOPIC, 0, OFFSET_BEGINNING)
        _, end = consumer.get_watermark_offsets(partition)
        consumer.assign([partition])
        return [orjson.loads(each.value()) for each in consumer.consume(end, 60)]
    finally:
        consumer.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
