"""The package can be imported anywhere: the app is made when it is asked for."""

import subprocess
import sys


def test_importing_the_package_opens_nothing() -> None:
    program = (
        "import sys, threading, stream.sessions; print(threading.active_count(), 'faust' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["1", "False"]


def test_making_the_app_starts_no_thread_and_needs_no_broker() -> None:
    program = "import threading as t; from stream.sessions import app; print(t.active_count(), app.conf.id)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["1", "meterstream-sessions"]
