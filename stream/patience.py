"""Waiting for a broker that is away: a worker has nothing better to do, and must not end for it."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from stream.errors import BrokerAwayError

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_PAUSE_SECONDS: Final = 0.5
_REPEAT_SECONDS: Final = 30.0


async def patiently(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call what blocks in a thread of its own, again and again while the broker is away.

    The call itself must end within seconds: whoever is told to stop waits for it.
    """
    said = -_REPEAT_SECONDS
    while True:
        try:
            return await asyncio.to_thread(call, *args, **kwargs)
        except BrokerAwayError as away:
            if time.monotonic() - said >= _REPEAT_SECONDS:
                said = time.monotonic()
                logger.warning("waiting for the broker: %s", away)
        await asyncio.sleep(_PAUSE_SECONDS)
