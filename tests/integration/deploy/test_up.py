import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Consumer, Producer

from deploy.errors import NotRunningError
from deploy.local.process import tail
from deploy.local.readiness import kafka_answers

STANDIN = str(Path(__file__).with_name("standin_up.py"))
STANDINS = {"consumer", "sleeper"}
SERVERS = {"kafka", "clickhouse"}

Up = Callable[..., Any]
Eventually = Callable[..., None]


def alive(pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if is_alive(pid)]


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end(stack: Any, number: signal.Signals = signal.SIGTERM) -> float:
    """Seconds until the stack is gone."""
    began = time.monotonic()
    os.kill(stack.process.pid, number)
    stack.process.wait(30)
    return time.monotonic() - began


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, module_up: Up) -> Any:
    """Servers of its own and stand-ins for the rest; shared by tests that leave it up."""
    stack = module_up(tmp_path_factory.mktemp("whole") / "state", STANDIN)
    stack.await_up()
    return stack


@pytest.fixture
def light(tmp_path: Path, up: Up, kafka: str) -> Callable[..., Any]:
    """Starts stand-ins alone, on the broker that all tests share."""
    servers = {
        "METERSTREAM_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "METERSTREAM_CLICKHOUSE_URL": "http://default:@127.0.0.1:1/metering",
    }
    return lambda *arguments: up(tmp_path / "state", STANDIN, *arguments, **servers)


def test_once_it_is_up_all_its_parts_are_there(whole: Any) -> None:
    endpoints = whole.endpoints
    assert endpoints.pids.keys() == SERVERS | STANDINS
    assert kafka_answers(endpoints.kafka_bootstrap_servers)
    assert Path(psutil.Process(endpoints.pids["kafka"]).exe()).name == "java"
    assert psutil.Process(endpoints.pids["clickhouse"]).cmdline()[1:3] == ["-m", "deploy.local.clickhouse"]


@pytest.mark.parametrize("name", sorted(SERVERS | STANDINS))
def test_a_part_that_is_killed_is_started_again_and_the_file_tells_its_new_pid(
    whole: Any, eventually: Eventually, name: str
) -> None:
    before = whole.endpoints
    os.kill(before.pids[name], signal.SIGKILL)
    eventually(lambda: whole.endpoints.pids[name] != before.pids[name])
    after = whole.endpoints
    assert after.pids | {name: before.pids[name]} == before.pids
    assert after.kafka_bootstrap_servers == before.kafka_bootstrap_servers
    eventually(lambda: kafka_answers(after.kafka_bootstrap_servers))


def test_a_second_stack_in_the_same_directory_is_refused_and_the_first_goes_on(whole: Any, up: Up) -> None:
    second = up(whole.state_dir, STANDIN)
    assert second.process.wait(20) == 1
    assert f"already up in {whole.state_dir} (process {whole.process.pid})" in tail(second.log)
    assert whole.endpoints.pids.keys() == SERVERS | STANDINS


def test_killed_it_leaves_nothing_alive_and_the_next_start_has_its_records_and_ports(
    tmp_path: Path, up: Up, eventually: Eventually
) -> None:
    first = up(tmp_path / "state", STANDIN)
    before = first.await_up()
    producer = Producer({"log_level": 0, "bootstrap.servers": before.kafka_bootstrap_servers})
    producer.produce("usage-events", b"kept")
    assert producer.flush(10) == 0
    first.process.kill()
    first.process.wait()
    eventually(lambda: not alive(before.pids.values()), within=5)

    second = up(tmp_path / "state", STANDIN)
    after = second.await_up()
    assert after.kafka_bootstrap_servers == before.kafka_bootstrap_servers
    assert after.clickhouse_url == before.clickhouse_url
    reader = {"group.id": "reader", "auto.offset.reset": "earliest"}
    consumer = Consumer({"log_level": 0, "bootstrap.servers": after.kafka_bootstrap_servers, **reader})
    consumer.subscribe(["usage-events"])
    assert [message.value() for message in consumer.consume(1, timeout=20)] == [b"kept"]
    consumer.close()
    assert end(second) < 15
    assert not alive(after.pids.values())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_asked_to_end_it_ends_its_parts_and_nothing_else(
    light: Callable[..., Any], kafka: str, number: signal.Signals
) -> None:
    stack = light()
    endpoints = stack.await_up()
    assert endpoints.kafka_bootstrap_servers == kafka
    assert endpoints.pids.keys() == STANDINS
    assert end(stack, number) < 15
    assert stack.process.returncode == 0
    assert not alive(endpoints.pids.values())
    assert kafka_answers(kafka)


def test_once_it_ended_nothing_is_up(light: Callable[..., Any]) -> None:
    stack = light()
    stack.await_up()
    end(stack)
    assert not (stack.state_dir / "endpoints.json").exists()
    with pytest.raises(NotRunningError):
        _ = stack.endpoints


def test_a_part_that_never_comes_up_ends_the_stack_with_the_end_of_its_log(light: Callable[..., Any]) -> None:
    stack = light("failer", "import sys; sys.exit('this is why')")
    assert stack.process.wait(60) == 1
    said = tail(stack.log)
    assert "error: failer ended 5 times before it was ready" in said
    assert "this is why" in said
    assert not (stack.state_dir / "endpoints.json").exists()


def test_asked_to_end_while_it_starts_it_ends_all_the_same(
    light: Callable[..., Any], eventually: Eventually
) -> None:
    stack = light("never", "print('started', flush=True); import signal; signal.pause()")
    eventually(lambda: "started" in tail(stack.state_dir / "logs" / "never.log"))
    children = [child.pid for child in psutil.Process(stack.process.pid).children(recursive=True)]
    assert children
    assert end(stack) < 15
    assert stack.process.returncode == 0
    assert not alive(children)
