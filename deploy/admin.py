"""How this package asks a Kafka cluster about itself."""

from confluent_kafka.admin import AdminClient


def admin_client(bootstrap_servers: str) -> AdminClient:
    """An admin client that keeps quiet while brokers are away: whoever asks says what that means."""
    return AdminClient({"bootstrap.servers": bootstrap_servers, "socket.timeout.ms": 10_000, "log_level": 0})
