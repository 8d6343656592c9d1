"""What a chunk's rows depend on, committed with the chunk's first offset before its first row is sent."""

from typing import Final

import msgspec

from stream.core.deduplication import NO_TIME
from stream.core.runs import Spacing
from stream.errors import InvalidPinError, UnknownSemanticsError

SEMANTICS: Final = 2
"""The number of the rules by which this code counts; a release will carry the one before as well."""


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """One chunk's inputs.

    Attributes:
        chunk_start: The offset of its first record; the committed offset itself, so not in the metadata.
        topic_id: Kafka's id of the topic, a new one when it is made anew.
        bucket: (offset // records, append time // seconds) of its first record.
        definitions_end: End offset of `meter-definitions` when it began; of later ones it does not know.
        previous_generation: Offset at which the dedupe generation before the one of its first record began.
        current_generation: Offset at which the dedupe generation of its first record began.
        current_generation_time: Append time of that record, or NO_TIME.
        begins_with_control: Whether its first record carries no usage.
    """

    chunk_start: int
    topic_id: str
    bucket: tuple[int, int]
    chunk_records: int
    chunk_seconds: int
    dedupe_records: int
    dedupe_seconds: int
    definitions_end: int
    previous_generation: int
    current_generation: int
    current_generation_time: int = NO_TIME
    begins_with_control: bool = False
    semantics: int = SEMANTICS

    @property
    def chunk_spacing(self) -> Spacing:
        """How the log is cut into chunks."""
        return Spacing(self.chunk_records, self.chunk_seconds)

    @property
    def dedupe_spacing(self) -> Spacing:
        """How the log is cut into dedupe generations."""
        return Spacing(self.dedupe_records, self.dedupe_seconds)


def encode_pin(pin: Pin) -> str:
    """Return the metadata of the commit that pins a chunk."""
    fields = msgspec.structs.asdict(pin)
    del fields["chunk_start"]
    return msgspec.json.encode(fields).decode()


def decode_pin(chunk_start: int, metadata: str) -> Pin:
    """Return what was pinned at a committed offset.

    Raises:
        UnknownSemanticsError: Another release began the chunk; the message names what can finish it.
        InvalidPinError: The metadata is no pin.
    """
    try:
        fields = msgspec.json.decode(metadata)
        semantics = fields["semantics"]
        pin = None if semantics != SEMANTICS else msgspec.convert({**fields, "chunk_start": chunk_start}, Pin)
    except (msgspec.MsgspecError, KeyError, TypeError):
        raise InvalidPinError(
            f"the commit at offset {chunk_start} carries no pin but {metadata[:200]!r}: it was not made by "
            "Meterstream, so where its chunk began is unknown; delete the consumer group's offsets or choose "
            "another group, and counting begins at the log's start (with METERSTREAM_ACCEPT_LOG_START=true, "
            "where that is not offset 0)"
        ) from None
    if pin is None:
        raise UnknownSemanticsError(
            f"the chunk at offset {chunk_start} was begun by counting rules number {semantics} and "
            f"this release has number {SEMANTICS}: finish it with a Meterstream release that has the former"
        )
    return pin
