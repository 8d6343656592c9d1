"""The sessions of one partition: states by key, and when each is to be looked at."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from stream.core.lifetimes import Lifetimes
from stream.core.session_life import expires_at, forgotten_at
from stream.core.session_state import SessionsState, decode_state, encode_state, is_older
from stream.sessions.schedule import Schedule

_EXPIRY_WIDTH_MS: Final = 250
_BUCKETS_KEPT: Final = 10_000


class SessionTable:
    """What the changelog of one partition has, in memory, encoded: about 600 bytes a session."""

    def __init__(self, lifetimes: Lifetimes) -> None:
        self.lifetimes = lifetimes
        self._values: dict[bytes, bytes] = {}
        self._open = Schedule(_EXPIRY_WIDTH_MS)
        self._kept = Schedule(max(1, lifetimes.kept // _BUCKETS_KEPT))

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: bytes) -> SessionsState:
        """Return what is known of a key: the empty state where nothing is."""
        return decode_state(self._values.get(key))

    def put(self, key: bytes, state: SessionsState) -> None:
        """Take over a state that the changelog has; an empty one is forgotten."""
        self._values.pop(key, None)  # so that table and schedule share this key
        if state == SessionsState():
            return
        self._values[key] = encode_state(state)
        self._schedule(key, state)

    def _schedule(self, key: bytes, state: SessionsState) -> None:
        expiry = expires_at(state, self.lifetimes)
        if expiry is not None:
            self._open.add(key, expiry)
            return
        forgotten = forgotten_at(state, self.lifetimes)
        if forgotten is not None:
            self._kept.add(key, forgotten)

    def restore(self, key: bytes, value: bytes | None, version: int) -> None:
        """Take over a record of the changelog, past those a worker wrote after it had lost the partition.

        Args:
            key: Of the session.
            value: The state; None where it was forgotten.
            version: Of the state that was forgotten.
        """
        known = self._values.get(key)
        if value is None:
            if known is not None and decode_state(known).version <= version:
                del self._values[key]
            return
        state = decode_state(value)
        if known is None or not is_older(state, decode_state(known)):
            self._values[key] = value
            self._schedule(key, state)

    def expiring(self, now: int, at_most: int) -> list[tuple[bytes, SessionsState]]:
        """Take out keys whose sessions may have been open for too long; each is looked at once."""
        return list(islice(self._known(self._open.due(now)), at_most))

    def forgetting(self, log_time: int, at_most: int) -> list[tuple[bytes, SessionsState]]:
        """Take out keys that may have been kept long enough; each is looked at once."""
        return list(islice(self._known(self._kept.due(log_time)), at_most))

    def _known(self, keys: Iterator[bytes]) -> Iterator[tuple[bytes, SessionsState]]:
        return ((key, decode_state(self._values[key])) for key in keys if key in self._values)
