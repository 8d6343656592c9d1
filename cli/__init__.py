"""The `meterstream` command; what a command needs is imported when it runs, so that help is quick."""

import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code: 0 done, 1 failed (one message on standard error), 2 misused.

    With --debug or METERSTREAM_DEBUG=1 a failure shows its traceback.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        from cli.app import app

        app(args=words, prog_name="meterstream")
    except Exception as error:
        from cli.failures import failure_message

        message = failure_message(error, words)
        if message is None or _wants_tracebacks(words):
            raise
        print(f"error: {message}", file=sys.stderr)
        return 1
    return 0


def _wants_tracebacks(words: Sequence[str]) -> bool:
    return "--debug" in words or os.environ.get("METERSTREAM_DEBUG", "") not in ("", "0")
