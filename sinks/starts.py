"""Where the reading of a partition begins, and what to say where records are gone."""

import logging
from dataclasses import dataclass
from typing import Final

from schemas.topics import TOPICS

_COMPACTED: Final = frozenset(
    spec.name for spec in TOPICS if "compact" in spec.config.get("cleanup.policy", "")
)


@dataclass(frozen=True, slots=True)
class Commit:
    """What the group has committed of a partition; no topic id where a release before this one did."""

    offset: int
    topic_id: str | None = None


@dataclass(frozen=True, slots=True)
class Extent:
    """The offsets a partition's log has: from `start` to before `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin; `lost` records before it are gone. A finding is worth a line of that level."""

    offset: int
    lost: int = 0
    finding: str = ""
    level: int = logging.ERROR


@dataclass(frozen=True, slots=True)
class StartRules:
    """How a start is chosen; `accepts_log_start` says that a partition without a commit was never read."""

    accepts_log_start: bool

    def start(self, topic: str, topic_id: str, commit: Commit | None, extent: Extent) -> Start:
        """Where to begin, after `commit` where that can be.

        A commit of another topic id, and one beyond the log's end, say nothing of the records there are: all
        of them are read, and what was stored before is replaced by the same rows.
        """
        if commit is None:
            return self._unread(topic, extent)
        if commit.topic_id is not None and commit.topic_id != topic_id:
            return _of_another_topic(topic_id, commit, extent)
        if commit.offset > extent.end:
            return Start(
                extent.start,
                finding=f"offset {commit.offset} is beyond the log's end {extent.end}: the log was "
                "truncated, or the topic made anew; reading all of it again",
            )
        if commit.offset < extent.start:
            return _deleted(topic, commit.offset, extent)
        return Start(commit.offset)

    def _unread(self, topic: str, extent: Extent) -> Start:
        if extent.start == 0:
            return Start(0)
        if self.accepts_log_start:
            return Start(
                extent.start,
                finding="nothing is committed, and the log's start is accepted",
                level=logging.INFO,
            )
        start = _deleted(topic, 0, extent)
        return Start(
            start.offset,
            start.lost,
            f"nothing is committed, and {start.finding} (a sink's first deployment may set "
            "METERSTREAM_ACCEPT_LOG_START=true)",
            start.level,
        )


def after_truncation(extent: Extent) -> Start:
    """Where to begin once the brokers have taken back records that were read."""
    return Start(extent.start, finding="the log was truncated below what was read; reading all of it again")


def _of_another_topic(topic_id: str, commit: Commit, extent: Extent) -> Start:
    finding = f"offset {commit.offset} was committed for topic id {commit.topic_id}, and it is {topic_id} now"
    gone = f"; {extent.start} records of the new one were deleted before they were stored" * (
        extent.start > 0
    )
    return Start(extent.start, extent.start, f"{finding}: the topic was made anew, reading all of it{gone}")


def _deleted(topic: str, offset: int, extent: Extent) -> Start:
    lost = extent.start - offset
    if topic in _COMPACTED:
        # Who can tell which of them had a later record of the same key?
        finding = f"up to {lost} records were compacted or deleted before they were stored"
        return Start(extent.start, finding=finding, level=logging.WARNING)
    return Start(extent.start, lost, f"{lost} records were deleted before they were stored")
