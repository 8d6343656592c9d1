import json
import socket
from pathlib import Path

import pytest

from deploy.errors import PortError
from deploy.local.ports import HOST, assign_ports, choose_port, is_free


def test_a_given_port_is_taken_as_it_is() -> None:
    assert choose_port("kafka", 9092, remembered=20_001, taken=(), free=lambda _: True) == 9092


def test_a_given_port_that_is_not_free_is_an_error_that_names_it() -> None:
    with pytest.raises(PortError, match="port 9092 for kafka is taken"):
        choose_port("kafka", 9092, remembered=20_001, taken=(), free=lambda port: port != 9092)


def test_the_port_of_the_last_run_is_kept_where_it_is_free() -> None:
    assert choose_port("kafka", None, remembered=20_001, taken=(), free=lambda _: True) == 20_001


def test_a_port_of_the_last_run_that_is_taken_now_gives_way_to_another() -> None:
    port = choose_port("kafka", None, remembered=20_001, taken=(), free=lambda port: port != 20_001)
    assert port != 20_001


def test_no_two_parts_get_one_port() -> None:
    assert choose_port("b", None, None, taken={20_001}, free=lambda port: port in (20_001, 20_002)) == 20_002


def test_where_no_port_is_free_the_error_says_so() -> None:
    with pytest.raises(PortError, match="no port"):
        choose_port("kafka", None, None, taken=(), free=lambda _: False)


def test_chosen_ports_lie_below_those_of_outgoing_connections() -> None:
    assert choose_port("kafka", None, None, taken=(), free=lambda _: True) < 32_768


def test_ports_are_remembered_from_run_to_run(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    first = assign_ports(path, {"kafka": None, "clickhouse": None})
    assert assign_ports(path, {"clickhouse": None}) == {"clickhouse": first["clickhouse"]}
    assert assign_ports(path, {"kafka": None}) == {"kafka": first["kafka"]}


def test_a_broken_memory_of_ports_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    path.write_text("{")
    ports = assign_ports(path, {"kafka": None})
    assert json.loads(path.read_text()) == ports


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen()
        assert not is_free(server.getsockname()[1])
