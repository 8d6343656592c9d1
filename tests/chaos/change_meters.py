"""`python -m tests.chaos.change_meters HOME`: publishes the changed meter, and says when it is announced."""

import sys
from pathlib import Path

from producers import apply_meters
from tests.chaos.home import Home
from tests.chaos.meters import changed_meters
from tests.chaos.plan import Plan


def run(home: Home) -> None:
    """Publish the change; a second call publishes nothing new and announces it again."""
    changed_from = Plan.load(home.plan).changed_from
    apply_meters(home.servers.read_text(), changed_meters(changed_from))
    home.meters_changed.touch()


if __name__ == "__main__":
    run(Home(Path(sys.argv[1])))
