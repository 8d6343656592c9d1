"""`faust -A tests.chaos.early_pin worker`: a worker that errs, to show that the check can fail.

It pins the next chunk before the rows of the last one are acknowledged, or even sent: those go with a later
flush. Killed in between, it loses what the closed chunk counted since the last flush: nobody reads it again.
"""

import faust

from stream.core.accounting import Emissions
from stream.core.chunks import Chunk
from stream.core.log import Source
from stream.emitting import Emitter
from stream.settings import StreamSettings
from stream.worker import create_app, create_emitter


class HoldingBack(Emitter):
    """Sends a closed chunk's rows when the next flush is due, and calls them acknowledged at once."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._held: list[Chunk] = []

    def publish(self, source: Source, emissions: Emissions) -> None:
        """As it should."""
        self._emitter.publish(source, emissions)

    async def has_room(self) -> None:
        """As it should."""
        await self._emitter.has_room()

    def tick(self, source: Source) -> None:
        """As it should."""
        self._emitter.tick(source)

    def flush_if_due(self, chunks: list[Chunk]) -> None:
        """Send what is held back beside what changed."""
        self._emitter.flush_if_due([*self._held, *chunks])
        self._held = [chunk for chunk in self._held if chunk.changed]

    def flush(self, chunks: list[Chunk]) -> None:
        """Hold the chunks back that should be sent now."""
        self._held += chunks

    async def acknowledged(self) -> None:
        """Wait for nothing."""


def create_erring_app() -> faust.App:
    """The app of the worker that errs."""
    return create_app(StreamSettings(), lambda settings: HoldingBack(create_emitter(settings)))


app = create_erring_app()
