"""`python -m deploy.local`: the stack, with every setting from METERSTREAM_* variables."""

import sys

from deploy.local.up import run
from deploy.settings import LocalSettings

if __name__ == "__main__":
    sys.exit(run(LocalSettings()))
