"""Where a partition of `session-boundaries` is read on from: its commit, as far as the log still has it.

A commit says what the changelog has, too: with another changelog, the states of what was paired are gone.
"""

from typing import NamedTuple

from stream.core.beginnings import LogBounds
from stream.core.log import Source
from stream.errors import LogTruncatedError


class Committed(NamedTuple):
    """What the group committed: all before the offset is paired, and the changelog has what became of it.

    The ids are Kafka's of both topics, empty where they are not said: once no commit said them, and later
    none said the changelog's.
    """

    offset: int
    topic_id: str
    changelog_id: str = ""

    @property
    def metadata(self) -> str:
        """Return the ids as they are committed beside the offset."""
        return f"{self.topic_id} {self.changelog_id}".rstrip()


def decode_committed(offset: int, metadata: str) -> Committed:
    """Return what a commit of the group says."""
    topic_id, _, changelog_id = metadata.partition(" ")
    return Committed(offset, topic_id, changelog_id)


class Changelog(NamedTuple):
    """The changelog that states are restored from: its id, and whether this process has created it."""

    topic_id: str
    is_new: bool = False

    def has_states_of(self, committed: Committed) -> bool:
        """Return whether a commit was made with it; one that names none was, unless it was created since."""
        if committed.changelog_id:
            return committed.changelog_id == self.topic_id
        return not self.is_new


class Start(NamedTuple):
    """The offset to read on from, and what is wrong with it, for people; empty where nothing is."""

    offset: int
    fault: str = ""


def start_after(
    source: Source, committed: Committed | None, bounds: LogBounds, changelog: Changelog
) -> Start:
    """Decide where a partition is read on from.

    Args:
        source: With the topic's id of now.
        committed: By the consumer group, None where nothing is.
        bounds: Of the log now.
        changelog: That there is now.

    Raises:
        LogTruncatedError: The log ends before the commit.
    """
    name = f"{source.topic}/{source.partition}"
    if committed is None:
        return Start(bounds.start)
    if committed.topic_id and committed.topic_id != source.topic_id:
        return Start(
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
    if not changelog.has_states_of(committed):
        return Start(
            bounds.start,
            f"{name} is read again from offset {bounds.start}, up to {committed.offset} once more: its "
            "changelog was made anew, and has no state of what was paired. What was billed stays; open "
            "sessions whose start the log has no more are lost",
        )
    if committed.offset < bounds.start:
        return Start(
            bounds.start,
            f"{name}: offsets {committed.offset} to {bounds.start - 1} were deleted before they were paired, "
            "and their sessions may be lost; let retention be longer than any outage of the workers",
        )
    return Start(committed.offset)
