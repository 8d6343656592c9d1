"""The nodes of a Kafka cluster on one machine: what each is told of the others."""

from pathlib import Path
from typing import Final

from deploy.local.atomic import write_atomically
from deploy.local.kafka import Broker, Voter, new_cluster_id
from deploy.local.ports import assign_ports
from deploy.local.statedir import StateDir

_CLUSTER_ID: Final = "cluster_id"


def cluster_brokers(state: StateDir, nodes: int, heap: str) -> list[Broker]:
    """The brokers of a cluster in a state directory, each broker and controller; `heap` is the -Xmx of each.

    Ports and cluster id are kept there: a second call gives the same brokers.

    Raises:
        PortError: there are not enough free ports.
    """
    names = [f"kafka-{number}" for number in range(1, nodes + 1)]
    ports = assign_ports(state.ports, {port: None for name in names for port in (name, f"{name}-controller")})
    voters = [Voter(number, ports[f"{name}-controller"]) for number, name in enumerate(names, 1)]
    cluster_id = _kept_cluster_id(state.path / _CLUSTER_ID)
    return [
        Broker(
            state.of(name),
            ports[name],
            voter.controller_port,
            heap,
            voter.node_id,
            tuple(other for other in voters if other != voter),
            cluster_id,
        )
        for name, voter in zip(names, voters, strict=True)
    ]


def bootstrap_servers(brokers: list[Broker]) -> str:
    """What clients of a cluster are given: every node, so that any one of them may be away."""
    return ",".join(broker.bootstrap_servers for broker in brokers)


def _kept_cluster_id(path: Path) -> str:
    if not path.exists():
        write_atomically(path, new_cluster_id())
    return path.read_text()
