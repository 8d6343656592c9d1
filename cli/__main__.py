"""`python -m cli`: the same as `meterstream`."""

import sys

from cli import main

if __name__ == "__main__":
    sys.exit(main())
