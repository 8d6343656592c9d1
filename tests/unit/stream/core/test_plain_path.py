"""What the plain path counts is what the rules count: of every odd record, among known ones as alone."""

from collections.abc import Callable
from dataclasses import asdict

import pytest

from stream.core.accounting import Emissions
from stream.core.chunks import Chunk
from stream.core.decoding import Decoder
from stream.core.deduplication import Generations
from stream.core.definitions import Aggregation, Definition, DefinitionSet
from stream.core.log import Record, Source, Stretch
from stream.core.pins import Pin
from stream.core.rows import take_rows

NOW = 1_767_225_600_000
DAY = 86_400_000
PLAIN = (
    b'{"event_id":"%b","event_name":"request","customer_id":"c","tenant_id":"t","timestamp":1767225600000,'
    b'"properties":{"model":"m","tokens":"7"}}'
)
ODD = {
    "as any": PLAIN % b"x",
    "spaced": (PLAIN % b"x").replace(b":", b" : ").replace(b",", b" , "),
    "a field twice": (PLAIN % b"x").replace(b'"tenant_id":"t"', b'"tenant_id":"u","tenant_id":"t"'),
    "a field twice, another left out": (PLAIN % b"x").replace(b'"event_id":"x"', b'"customer_id":"d"'),
    "a property twice": (PLAIN % b"x").replace(b'"tokens":"7"', b'"tokens":"7","tokens":"8"'),
    "a property twice, spaced": (PLAIN % b"x").replace(b'"tokens":"7"', b'"tokens" :"7","tokens" :"8"'),
    "no id": (PLAIN % b"x").replace(b'"event_id":"x",', b""),
    "an environment in place of the id": (PLAIN % b"x").replace(b'"event_id":"x"', b'"environment_id":"e"'),
    "an environment beside the id": (PLAIN % b"x").replace(b'"event_id"', b'"environment_id":"e","event_id"'),
    "a device": (PLAIN % b"x").replace(b'"event_id"', b'"device_id":"d","event_id"'),
    "an unknown field": (PLAIN % b"x").replace(b'"event_id"', b'"unknown":[1,2],"event_id"'),
    "an interval": (PLAIN % b"x").replace(
        b'"event_id"', b'"interval":{"start":1767225600000,"end":1767225600001},"event_id"'
    ),
    "metadata": (PLAIN % b"x").replace(b"properties", b"metadata"),
    "metadata beside properties": (PLAIN % b"x").replace(b'"event_id"', b'"metadata":{},"event_id"'),
    "no properties": (PLAIN % b"x").replace(b',"properties":{"model":"m","tokens":"7"}', b""),
    "empty properties": (PLAIN % b"x").replace(b'{"model":"m","tokens":"7"}', b"{}"),
    "a comma in a text": (PLAIN % b"x").replace(b'"m"', b'"m,n"'),
    "an escape": (PLAIN % b"x").replace(b'"m"', b'"\\u006d\\u002c"'),
    "a fraction": (PLAIN % b"x").replace(b'"7"', b"0.1"),
    "no number": (PLAIN % b"x").replace(b'"7"', b'"seven"'),
    "a property that is none": (PLAIN % b"x").replace(b'"7"', b"null"),
    "a blank id": PLAIN % b" ",
    "an empty id": PLAIN % b"",
    "a blank customer": (PLAIN % b"x").replace(b'"c"', b'"\\u00a0"'),
    "a long customer": (PLAIN % b"x").replace(b'"c"', b'"%b"' % (b"c" * 513)),
    "a customer as long as may be": (PLAIN % b"x").replace(b'"c"', b'"%b"' % (b"c" * 512)),
    "a long id": PLAIN % (b"x" * 513),
    "a tenant never seen": (PLAIN % b"x").replace(b'"t"', b'"u"'),
    "a name never seen": (PLAIN % b"x").replace(b'"request"', b'"unmetered"'),
    "text for a time": (PLAIN % b"x").replace(b"1767225600000", b'"2026-01-01T00:00:00.000Z"'),
    "no time": (PLAIN % b"x").replace(b"1767225600000", b'"yesterday"'),
    "before the year 2000": (PLAIN % b"x").replace(b"1767225600000", b"946684799999"),
    "the last moment accepted": (PLAIN % b"x").replace(b"1767225600000", b"%d" % (NOW + DAY)),
    "over a day ahead": (PLAIN % b"x").replace(b"1767225600000", b"%d" % (NOW + DAY + 1)),
    "no JSON": b"{",
    "a tombstone": None,
    "a session's start": b'{"ai_event":true,"meter_id":"m","customer_id":"c","start_time":1767225600000}',
}

Make = Callable[..., Definition]


@pytest.fixture
def new_chunk(definition: Make) -> Callable[[], Chunk]:
    """Makes a chunk of its own, whose meter sums the tokens of requests."""
    pin = Pin(
        chunk_start=0,
        topic_id="topic",
        bucket=(0, NOW // 60_000),
        chunk_records=1_000,
        chunk_seconds=60,
        dedupe_records=1_000,
        dedupe_seconds=3_600,
        definitions_end=1,
        previous_generation=0,
        current_generation=0,
    )
    meter = definition(
        tenant_id="*", environment_id="*", event_name="request", aggregation=Aggregation.SUM, field="tokens"
    )
    source = Source("usage-events", "topic", 0)
    return lambda: Chunk(source, pin, DefinitionSet([meter]), Generations(0, 0))


def outcome(chunk: Chunk, *values: bytes | None) -> tuple[dict[str, int], int, list[tuple[str, str]]]:
    """What the last of some records adds to the accounting, the rows it changes, and how it is refused."""
    records = [Record(offset, NOW, value=value) for offset, value in enumerate(values)]
    chunk.count(Stretch(records[:-1]), 0, Decoder("default"), Emissions())
    take_rows(chunk)
    before, emissions = asdict(chunk.outcomes), Emissions()
    assert chunk.count(Stretch(records[-1:]), 0, Decoder("default"), emissions) == 1
    added = {name: count - before[name] for name, count in asdict(chunk.outcomes).items()}
    refusals = [(refusal.reason, refusal.meter_id) for refusal in emissions.refusals]
    return added, len(take_rows(chunk).rollups), refusals


@pytest.mark.parametrize("odd", ODD.values(), ids=list(ODD))
def test_an_odd_record_counts_among_known_ones_as_where_nothing_is_known(
    new_chunk: Callable[[], Chunk], odd: bytes | None
) -> None:
    known = [PLAIN % b"1", PLAIN % b"2"]
    others = [value.replace(b'"t"', b'"other"') for value in known]

    assert outcome(new_chunk(), *known, odd) == outcome(new_chunk(), *others, odd)


def test_a_repeat_among_plain_events_is_a_duplicate(new_chunk: Callable[[], Chunk]) -> None:
    added, rows, _ = outcome(new_chunk(), PLAIN % b"1", PLAIN % b"2", PLAIN % b"2")

    assert (added["duplicate"], added["accepted"], rows) == (1, 0, 0)
