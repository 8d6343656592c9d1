"""The counting of both bare loops: decode, match, add up, and hand out what changed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from meters import BILLED_MODELS, BILLED_REGION, CALLS_EU, REQUESTS, TOKENS, Windows
from msgspec import Struct
from msgspec.json import Decoder

Where = tuple[str, str, int]

_LINES_A_RECORD = 1_000


class Properties(Struct, gc=False):
    model: str
    tokens: str
    region: str


class Event(Struct, gc=False):
    event_name: str
    customer_id: str
    tenant_id: str
    timestamp: str
    properties: Properties


class Totals:
    """What was counted since the rows were last taken; nothing guards it against a crash or a repeat."""

    def __init__(self) -> None:
        self._decode = Decoder(Event).decode
        self._windows = Windows()
        self._requests: defaultdict[Where, int] = defaultdict(int)
        self._tokens: defaultdict[Where, int] = defaultdict(int)
        self._calls: defaultdict[Where, int] = defaultdict(int)

    def fold(self, values: Iterable[bytes | None]) -> None:
        """Count the events of a batch; control records have no value."""
        decode, windows = self._decode, self._windows
        requests, tokens, calls = self._requests, self._tokens, self._calls
        for value in values:
            if value is None:
                continue
            event = decode(value)
            name = event.event_name
            if name == "llm.tokens":
                where = event.tenant_id, event.customer_id, windows[event.timestamp]
                requests[where] += 1
                properties = event.properties
                if properties.model in BILLED_MODELS:
                    tokens[where] += int(properties.tokens)
            elif name == "api.call" and event.properties.region == BILLED_REGION:
                calls[event.tenant_id, event.customer_id, windows[event.timestamp]] += 1

    def take_rows(self) -> Iterator[bytes]:
        """Give what was counted, as records of many rows, and begin anew."""
        for meter_id, amounts in (
            (REQUESTS, self._requests),
            (TOKENS, self._tokens),
            (CALLS_EU, self._calls),
        ):
            lines = _lines(meter_id, amounts)
            while record := "\n".join(islice(lines, _LINES_A_RECORD)):
                yield record.encode()
            amounts.clear()


def _lines(meter_id: str, amounts: Mapping[Where, int]) -> Iterator[str]:
    for (tenant, customer, window), amount in amounts.items():
        yield f"{meter_id}|{tenant}|{customer}|{window}|{amount}"
