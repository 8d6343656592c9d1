"""Takes a job, publishes it if told to, and is killed before it can note that.

python caught.py OUTBOX TOPIC BROKERS send|batch|no
"""

import os
import signal
import sys

from producers.outbox import BatchPublisher, Queue, QueueConfig, UsagePublisher
from producers.outbox.events import JobEncoder


def main() -> None:
    """Ends by a signal."""
    path, topic, servers, sends = sys.argv[1:]
    queue = Queue(QueueConfig(path))
    if sends == "batch":
        publisher = BatchPublisher(servers, topic, topic=topic)
        publisher.connect()
        number, jobs = queue.take_batch(topic, 10)
        publisher.publish(number, JobEncoder().encode_all(jobs).encoded)
    else:
        jobs = queue.take()
    if sends == "send":
        UsagePublisher(servers, topic=topic).publish(jobs)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
