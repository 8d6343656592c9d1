"""A batch on its way into ClickHouse, in a thread of its own, so that the consumer is polled meanwhile."""

from collections.abc import Callable, Collection
from threading import Event, Thread

from sinks.batches import Batch
from sinks.writer import Writer

Check = Callable[[Collection[str], Event], None]
"""Raises where topics are not what they were when they were read."""


class Flight:
    """Writes one batch in the background; the thread is a daemon, so that it cannot keep the process.

    Topics are checked after the batch was read and before anything of it is written: rows of a topic made
    anew would replace those of the old one.
    """

    def __init__(self, batch: Batch, check: Check, writer: Writer) -> None:
        self.batch = batch
        self._check = check
        self._writer = writer
        self._stop = Event()
        self._error: BaseException | None = None
        self._thread = Thread(target=self._write, name="sink-writer", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Whether all of the batch is written, waiting so long for it; raises what went wrong."""
        self._thread.join(seconds)
        if self._thread.is_alive():
            return False
        if self._error is not None:
            raise self._error
        return True

    def abandon(self) -> None:
        """Let it not try again."""
        self._stop.set()

    def _write(self) -> None:
        try:
            self._check(self.batch.topics, self._stop)
            self._writer.write(self.batch, self._stop)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits, which raises it
            self._error = error
