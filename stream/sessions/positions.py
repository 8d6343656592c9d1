"""Where a partition of `session-boundaries` is read on from: its commit, as far as the log still has it."""

from typing import NamedTuple

from stream.core.beginnings import LogBounds
from stream.core.log import Source
from stream.errors import LogTruncatedError


class Committed(NamedTuple):
    """What the group committed: all before the offset is paired. The topic id is empty if not said."""

    offset: int
    topic_id: str


class Position(NamedTuple):
    """The offset to read on from, and what is wrong with it, for people; empty where nothing is."""

    offset: int
    fault: str = ""


def position_after(source: Source, committed: Committed | None, bounds: LogBounds) -> Position:
    """Decide where a partition is read on from.

    Args:
        source: With the topic's id of now.
        committed: By the consumer group, None where nothing is.
        bounds: Of the log now.

    Raises:
        LogTruncatedError: The log ends before the commit.
    """
    name = f"{source.topic}/{source.partition}"
    if committed is None:
        return Position(bounds.start)
    if committed.topic_id and committed.topic_id != source.topic_id:
        return Position(
            bounds.start,
            f"{name} was made anew: offset {committed.offset} was committed of the topic with id "
            f"{committed.topic_id}, which is gone with what was not paired of it; the one with id "
            f"{source.topic_id} is read from its first record, at offset {bounds.start}",
        )
    if committed.offset > bounds.end:
        raise LogTruncatedError(
            f"{name} is committed at offset {committed.offset} and its log ends at {bounds.end}: the brokers "
            "have lost boundaries that were paired. Find out why before new ones take their offsets: "
            "those would be passed over. To go on, delete the topic and make it anew"
        )
    if committed.offset < bounds.start:
        return Position(
            bounds.start,
            f"{name}: offsets {committed.offset} to {bounds.start - 1} were deleted before they were paired, "
            "and their sessions may be lost; let retention be longer than any outage of the workers",
        )
    return Position(committed.offset)
