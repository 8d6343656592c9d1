import base64
from pathlib import Path

from deploy.local.java import Java
from deploy.local.kafka import Broker, Voter, broker_command, new_cluster_id, server_properties

BROKER = Broker(Path("/state/kafka"), port=20_001, controller_port=20_002, heap="300m")
NODE = Broker(
    Path("/state/kafka-2"),
    port=20_003,
    controller_port=20_004,
    node_id=2,
    others=(Voter(1, 20_002), Voter(3, 20_006)),
)


def properties(broker: Broker = BROKER) -> dict[str, str]:
    return dict(line.split("=", 1) for line in server_properties(broker).splitlines())


def ending(broker: Broker, *ends: str) -> dict[str, str]:
    return {name: value for name, value in properties(broker).items() if name.endswith(ends)}


def test_the_broker_never_makes_a_topic_because_somebody_asked_for_it() -> None:
    assert properties()["auto.create.topics.enable"] == "false"


def test_the_broker_listens_on_this_machine_only() -> None:
    listeners = properties()["listeners"].split(",")
    assert listeners == ["PLAINTEXT://127.0.0.1:20001", "CONTROLLER://127.0.0.1:20002"]


def test_clients_are_sent_to_the_address_they_were_given() -> None:
    assert properties()["advertised.listeners"] == f"PLAINTEXT://{BROKER.bootstrap_servers}"


def test_one_broker_is_replicas_enough_for_every_topic() -> None:
    factors = ending(BROKER, "replication.factor", ".isr", "insync.replicas")
    assert len(factors) == 7
    assert set(factors.values()) == {"1"}


def test_a_cluster_of_three_keeps_three_copies_of_everything_and_writes_two() -> None:
    assert set(ending(NODE, "replication.factor").values()) == {"3"}
    assert set(ending(NODE, ".isr", "insync.replicas").values()) == {"2"}


def test_every_node_of_a_cluster_knows_all_voters() -> None:
    assert properties(NODE)["node.id"] == "2"
    assert (
        properties(NODE)["controller.quorum.voters"]
        == "1@127.0.0.1:20002,2@127.0.0.1:20004,3@127.0.0.1:20006"
    )


def test_a_broker_alone_elects_itself_at_once_and_one_of_several_takes_its_time() -> None:
    timeout = "controller.quorum.election.timeout.ms"
    assert properties(BROKER)["controller.quorum.voters"] == "1@127.0.0.1:20002"
    assert timeout in properties(BROKER)
    assert timeout not in properties(NODE)


def test_committed_offsets_outlive_a_long_standstill() -> None:
    minutes = int(properties()["offsets.retention.minutes"])
    assert minutes > 60 * 24 * 60


def test_the_broker_keeps_its_files_in_its_directory() -> None:
    command = broker_command(
        BROKER, Java(Path("/java"), Path("/java/bin/java")), [Path("/a.jar"), Path("/b.jar")]
    )
    assert command.directory == BROKER.directory
    assert not Path(properties()["log.dirs"]).is_absolute()
    assert "-Djava.io.tmpdir=/state/kafka/tmp" in command.arguments


def test_the_command_is_java_itself_with_the_heap_and_all_jars() -> None:
    command = broker_command(
        BROKER, Java(Path("/java"), Path("/java/bin/java")), [Path("/a.jar"), Path("/b.jar")]
    )
    assert command.arguments[:2] == ["/java/bin/java", "-Xmx300m"]
    assert command.arguments[-4:] == ["-cp", "/a.jar:/b.jar", "kafka.Kafka", "server.properties"]


def test_a_cluster_id_is_a_uuid_in_kafkas_own_form() -> None:
    cluster_id = new_cluster_id()
    assert len(base64.urlsafe_b64decode(cluster_id + "==")) == 16
    assert cluster_id != new_cluster_id()
