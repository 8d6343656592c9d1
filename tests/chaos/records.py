"""Events as records: key and value of event `n`, cheap enough for 20,000 a second in a corner of a core."""

from collections.abc import Callable
from typing import Final, NamedTuple

from schemas import message_key
from tests.chaos.plan import CUSTOMERS, MODELS, REGIONS, Kind, Plan, mixed, tenant_of

TALK: Final = "talk"
_COLOURS: Final = 50
_PRODUCTS: Final = len(MODELS) * len(REGIONS)

_CALL: Final = (
    '{"event_id":"e%%d","tenant_id":"%s","event_name":"call","customer_id":"c%d","timestamp":%%d,'
    '"properties":{"model":"%s","region":"%s","tokens":%%d.%%02d}}'
)
_PING: Final = (
    '{"event_id":"e%%d","tenant_id":"%s","event_name":"ping","customer_id":"c%d","timestamp":%%d,'
    '"properties":{"latency":%%d}}'
)
_NOISE: Final = (
    '{"event_id":"e%d","tenant_id":"%s","event_name":"heartbeat","customer_id":"c%d","timestamp":%d}'
)
_PARTIAL: Final = (
    '{"event_id":"e%d","tenant_id":"%s","event_name":"probe","customer_id":"c%d","timestamp":%d,'
    '"properties":{"colour":"%s"}}'
)
_BOUNDARY: Final = (
    '{"ai_event":true,"meter_id":"%s","tenant_id":"%s","customer_id":"c%d","metadata":{"session_id":"s%d"},'
    '"%s":%d}'
)


class Call(NamedTuple):
    """What a call used: `tokens` are hundredths."""

    model: int
    region: int
    tokens: int


def is_ping(drawn: int) -> bool:
    """Whether usage with this number is a ping, and else a call."""
    return drawn & 0x10000 != 0


def latency(drawn: int) -> int:
    """What a ping measured."""
    return (drawn >> 3) % 2_000 - 100


def call(drawn: int) -> Call:
    """What a call used."""
    product = drawn // CUSTOMERS % _PRODUCTS
    return Call(product // len(REGIONS), product % len(REGIONS), drawn // 97 % 1_000_000)


def colour(plan: Plan, n: int) -> str:
    """What a probe saw."""
    return f"colour{mixed(plan.seed, n) // CUSTOMERS % _COLOURS}"


class Records:
    """Encodes the events of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.keys = [message_key(tenant_of(customer), f"c{customer}") for customer in range(CUSTOMERS)]
        self._pings = [(_PING % (tenant_of(customer), customer)).encode() for customer in range(CUSTOMERS)]
        self._calls = [
            [
                (_CALL % (tenant_of(customer), customer, model, region)).encode()
                for model in MODELS
                for region in REGIONS
            ]
            for customer in range(CUSTOMERS)
        ]
        self._other: dict[Kind, Callable[[int], tuple[bytes, bytes]]] = {
            Kind.REPEAT: lambda n: self.encode(plan.original(n)),
            Kind.NOISE: self._noise,
            Kind.MALFORMED: self._malformed,
            Kind.PARTIAL: self._partial,
            Kind.SESSION_START: lambda n: self._boundary(n, "start_time"),
            Kind.SESSION_END: lambda n: self._boundary(n, "end_time"),
        }

    def encode(self, n: int) -> tuple[bytes, bytes]:
        """Key and value of event `n`."""
        kind = self._plan.kind(n)
        if kind is Kind.CALL or kind is Kind.LATE:
            return self._usage(n)
        return self._other[kind](n)

    def _usage(self, n: int) -> tuple[bytes, bytes]:
        drawn = mixed(self._plan.seed, n)
        customer, timestamp = drawn % CUSTOMERS, self._plan.timestamp(n)
        if is_ping(drawn):
            return self.keys[customer], self._pings[customer] % (n, timestamp, latency(drawn))
        model, region, tokens = call(drawn)
        template = self._calls[customer][model * len(REGIONS) + region]
        return self.keys[customer], template % (n, timestamp, tokens // 100, tokens % 100)

    def _noise(self, n: int) -> tuple[bytes, bytes]:
        return self._plain(n, _NOISE)

    def _partial(self, n: int) -> tuple[bytes, bytes]:
        return self._plain(n, _PARTIAL, colour(self._plan, n))

    def _plain(self, n: int, form: str, *more: str) -> tuple[bytes, bytes]:
        customer = self._plan.customer(n)
        value = form % (n, tenant_of(customer), customer, self._plan.moment(n), *more)
        return self.keys[customer], value.encode()

    def _malformed(self, n: int) -> tuple[bytes, bytes]:
        return self.keys[self._plan.customer(n)], b"malformed %d" % n

    def _boundary(self, n: int, field: str) -> tuple[bytes, bytes]:
        session = self._plan.session(n)
        moment = session.start if field == "start_time" else session.end
        value = _BOUNDARY % (
            TALK,
            tenant_of(session.customer),
            session.customer,
            session.number,
            field,
            moment,
        )
        return self.keys[session.customer], value.encode()
