"""`python -m deploy.local.clickhouse --path DIR --port N`: serve ClickHouse until told to stop."""

import os

# The engine reads it once, when it is loaded: times without a zone mean UTC on every machine.
os.environ["TZ"] = "UTC"

from deploy.local.clickhouse.serving import main

if __name__ == "__main__":
    main()
