from pathlib import Path

from deploy.local.nodes import bootstrap_servers, cluster_brokers
from deploy.local.statedir import StateDir


def test_the_nodes_of_a_cluster_agree_on_its_voters_and_its_id(tmp_path: Path) -> None:
    brokers = cluster_brokers(StateDir(tmp_path), nodes=3, heap="256m")
    assert [broker.node_id for broker in brokers] == [1, 2, 3]
    assert len({broker.voters for broker in brokers}) == 1
    assert len({broker.cluster_id for broker in brokers}) == 1
    assert len({broker.directory for broker in brokers}) == 3
    assert brokers[0].cluster_id is not None


def test_no_two_nodes_share_a_port(tmp_path: Path) -> None:
    brokers = cluster_brokers(StateDir(tmp_path), nodes=3, heap="256m")
    ports = [port for broker in brokers for port in (broker.port, broker.controller_port)]
    assert len(set(ports)) == 6


def test_a_cluster_that_starts_again_is_the_same(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    before = cluster_brokers(state, nodes=3, heap="256m")
    assert cluster_brokers(state, nodes=3, heap="256m") == before


def test_clients_are_given_every_node(tmp_path: Path) -> None:
    brokers = cluster_brokers(StateDir(tmp_path), nodes=3, heap="256m")
    assert bootstrap_servers(brokers).split(",") == [f"127.0.0.1:{broker.port}" for broker in brokers]
