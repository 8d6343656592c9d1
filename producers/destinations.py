"""Where usage goes: `kafka_url` names either Kafka brokers or a Kafka REST proxy."""

import re
from dataclasses import dataclass
from typing import Final

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_BROKER: Final = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[\w.-]+)(?::(?P<port>\d{1,5}))?", re.IGNORECASE)
_DEFAULT_PORT: Final = 9092
_LARGEST_PORT: Final = 65_535
_FORMS: Final = (
    "give brokers as kafka://host:9092 or host:9092,host2:9092, or a Kafka REST proxy as https://host"
)


@dataclass(frozen=True, slots=True)
class Brokers:
    """Kafka itself; `bootstrap_servers` is host:port, several separated by commas."""

    bootstrap_servers: str


@dataclass(frozen=True, slots=True)
class RestProxy:
    """A Kafka REST proxy (v2); `url` has no slash at its end."""

    url: str


def destination(kafka_url: str) -> Brokers | RestProxy:
    """Read a `kafka_url`; a broker without a port needs the scheme kafka:// and has port 9092.

    Raises:
        ValueError: neither brokers nor a proxy.
    """
    url = kafka_url.strip().rstrip("/")
    if is_web_address(url):
        return RestProxy(url)
    return brokers(url)


def brokers(kafka_url: str) -> Brokers:
    """Read a broker list.

    Raises:
        ValueError: not a list of brokers.
    """
    parts = [part.strip() for part in kafka_url.split(",")]
    with_scheme = parts[0].lower().startswith("kafka://")
    return Brokers(",".join(_broker(part, kafka_url, port_optional=with_scheme) for part in parts))


def is_web_address(url: str) -> bool:
    """Say whether a URL is http(s):// and names a host."""
    return re.match(r"https?://[^/\s]", url, re.IGNORECASE) is not None


def _broker(part: str, kafka_url: str, *, port_optional: bool) -> str:
    scheme = _SCHEME.match(part)
    if scheme and scheme[1].lower() != "kafka":
        raise ValueError(f"kafka_url {kafka_url!r} has the scheme {scheme[1]}: {_FORMS}")
    match = _BROKER.fullmatch(part[scheme.end() :].rstrip("/") if scheme else part.rstrip("/"))
    if match is None:
        raise ValueError(f"kafka_url {kafka_url!r} names no broker in {part!r}: {_FORMS}")
    if match["port"] is None and not port_optional:
        raise ValueError(f"kafka_url {kafka_url!r} has neither a port nor a scheme: {_FORMS}")
    port = int(match["port"] or _DEFAULT_PORT)
    if not 0 < port <= _LARGEST_PORT:
        raise ValueError(f"kafka_url {kafka_url!r} has the port {port}: use 1 to {_LARGEST_PORT}")
    return f"{match['host']}:{port}"
