"""Takes a job, publishes it if told to, and is killed before it can note that.

python caught.py OUTBOX TOPIC BROKERS send|no
"""

import os
import signal
import sys

from producers.outbox import Queue, QueueConfig, UsagePublisher


def main() -> None:
    """Ends by a signal."""
    path, topic, servers, sends = sys.argv[1:]
    jobs = Queue(QueueConfig(path)).take()
    if sends == "send":
        UsagePublisher(servers, topic=topic).publish(jobs)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
