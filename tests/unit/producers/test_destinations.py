"""`kafka_url` names brokers or a REST proxy."""

import pytest

from producers.destinations import Brokers, RestProxy, destination


@pytest.mark.parametrize(
    ("kafka_url", "servers"),
    [
        ("kafka://host:9093", "host:9093"),
        ("kafka://host", "host:9092"),
        ("KAFKA://host:9092/", "host:9092"),
        ("host:9092,host2:9093", "host:9092,host2:9093"),
        ("kafka://a:1, b:2", "a:1,b:2"),
        ("kafka://a:1,kafka://b", "a:1,b:9092"),
        ("[::1]:9092", "[::1]:9092"),
        (" 127.0.0.1:9092 ", "127.0.0.1:9092"),
    ],
)
def test_a_broker_list_becomes_bootstrap_servers(kafka_url: str, servers: str) -> None:
    assert destination(kafka_url) == Brokers(servers)


@pytest.mark.parametrize("kafka_url", ["https://stream.example.com/", "HTTPS://stream.example.com"])
def test_a_web_address_is_a_rest_proxy(kafka_url: str) -> None:
    assert destination(kafka_url) == RestProxy(kafka_url.rstrip("/"))


@pytest.mark.parametrize(
    "kafka_url", ["https://", "host", "host:0", "a:1,b", "kafka://", "host:port", "a b:1"]
)
def test_anything_else_is_refused(kafka_url: str) -> None:
    with pytest.raises(ValueError, match="kafka_url"):
        destination(kafka_url)
