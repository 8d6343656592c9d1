"""The three meters, for peers that are written in Python."""

from datetime import datetime

REQUESTS = "bench.requests"
TOKENS = "bench.tokens"
CALLS_EU = "bench.calls.eu"
BILLED_MODELS = frozenset(("gpt-4", "claude-3"))
BILLED_REGION = "eu"
WINDOW_SECONDS = 60


class Moments(dict[str, int]):
    """The epoch seconds of each timestamp seen: an hour has but 3,600 of them."""

    def __missing__(self, timestamp: str) -> int:
        moment = self[timestamp] = int(datetime.fromisoformat(timestamp).timestamp())
        return moment


class Windows(dict[str, int]):
    """The start of the window of each timestamp seen, epoch seconds."""

    def __missing__(self, timestamp: str) -> int:
        moment = int(datetime.fromisoformat(timestamp).timestamp())
        window = self[timestamp] = moment - moment % WINDOW_SECONDS
        return window
