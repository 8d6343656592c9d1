"""What a request says about how it is counted. Nothing here does I/O, or knows a web framework."""

from collections.abc import Collection
from typing import Final

from producers.outbox.tokens import TokenContext

SDK_SOURCE_HEADER: Final = "x-sdk-source"
AI_CONTEXT_HEADER: Final = "ai-context"
AI_SOURCE: Final = "ai"
"""The source of a request that says `AI-Context: true` and names no SDK."""

_SOURCE_CHARACTERS: Final = 128


def token_context(
    sdk_source: str | None, ai_context: str | None, port: int | None, internal_ports: Collection[int]
) -> TokenContext:
    """Read what the headers X-SDK-Source and AI-Context say; a request to an internal port does not count.

    The header that names the SDK comes before the one that says only that an AI is at work. `port` is the
    server's own, never one that a client states: whoever could choose it could choose not to be billed.
    """
    source = _clean(sdk_source) or (AI_SOURCE if _is_true(ai_context) else None)
    return TokenContext(should_count=port not in internal_ports, source=source)


def _clean(sdk_source: str | None) -> str:
    """A text that every event can carry: a client must not be able to make its usage unpublishable."""
    printable = "".join(each for each in sdk_source or "" if each.isprintable())
    return printable.strip()[:_SOURCE_CHARACTERS].strip()


def _is_true(value: str | None) -> bool:
    return (value or "").strip().lower() in ("true", "1")
