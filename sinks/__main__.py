"""`python -m sinks`: the sink process, until SIGTERM or Ctrl-C."""

import logging
import sys

from sinks.errors import SinkError
from sinks.settings import SinkSettings
from sinks.sink import run


def main() -> int:
    """Run the sink; 0 after a signal, 1 when it cannot go on."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("clickhouse_connect", "urllib3"):
        # The sink says itself, once in a while, that ClickHouse is away.
        logging.getLogger(chatty).setLevel(logging.ERROR)
    try:
        return run(SinkSettings())
    except SinkError as error:
        print(f"sink: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
