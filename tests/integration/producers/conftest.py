"""A portal and a REST proxy in one hand-written server, and ways to look at topics."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import orjson
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from producers.settings import current_settings


@dataclass
class Web:
    """What the server answers next, and what it was asked."""

    url: str = ""
    status: int = 200
    answer: bytes = b'[{"id": "cust-1"}]'
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    drip: threading.Event = field(default_factory=threading.Event)
    """Cleared while an answer is to stop half-way."""


@pytest.fixture
def web() -> Iterator[Web]:
    state = Web()
    state.drip.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            state.requests.append((self.command, self.path, dict(self.headers.items()), body))
            self.send_response(state.status)
            self.send_header("content-length", str(len(state.answer)))
            self.end_headers()
            half = len(state.answer) // 2
            self.wfile.write(state.answer[:half])
            state.drip.wait(30)
            self.wfile.write(state.answer[half:])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield state
    state.drip.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets METERSTREAM_ variables as a user would, and has them read anew."""

    def change(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(f"METERSTREAM_{name.upper()}", value)
        current_settings.cache_clear()

    yield change
    monkeypatch.undo()
    current_settings.cache_clear()


@pytest.fixture
def topic(kafka: str, fresh: Callable[[str], str]) -> Iterator[str]:
    """A topic of the test's own."""
    admin, name = AdminClient({"log_level": 0, "bootstrap.servers": kafka}), fresh("usage")
    admin.create_topics([NewTopic(name, 3, 1)])[name].result()
    yield name
    admin.delete_topics([name])[name].result()


@pytest.fixture
def read_topic(kafka: str) -> Callable[[str], list[Message]]:
    """Reads a topic from its beginning to the end it has now."""

    def read(topic: str) -> list[Message]:
        consumer = Consumer(
            {
                "log_level": 0,
                "bootstrap.servers": kafka,
                "group.id": str(uuid4()),
                "enable.partition.eof": True,
                "enable.auto.commit": False,
            }
        )
        try:
            partitions = consumer.list_topics(topic).topics[topic].partitions
            consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
            return list(_until_ends(consumer, len(partitions)))
        finally:
            consumer.close()

    return read


def _until_ends(consumer: Consumer, ends: int) -> Iterator[Message]:
    while ends:
        message = consumer.poll(10)
        assert message is not None, "the broker does not answer"
        error = message.error()
        if error is None:
            yield message
        else:
            assert error.name() == "_PARTITION_EOF", error
            ends -= 1


@pytest.fixture
def read_one(read_topic: Callable[[str], list[Message]]) -> Callable[[dict[str, Any]], Message]:
    """The record that a post to brokers says it wrote."""

    def read(stored: dict[str, Any]) -> Message:
        place = stored["partition"], stored["offset"]
        [message] = [
            each for each in read_topic(stored["topic"]) if (each.partition(), each.offset()) == place
        ]
        return message

    return read


@pytest.fixture
def fields() -> Callable[[Message], dict[str, Any]]:
    """A record's JSON."""
    return lambda message: orjson.loads(message.value() or b"null")
