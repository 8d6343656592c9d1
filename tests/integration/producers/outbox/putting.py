"""Puts jobs from several threads while it drains them, and says of each that it was put: until it is killed.

python putting.py OUTBOX TOPIC BROKERS [TRANSACTIONAL_ID]
"""

import sys
import threading
from itertools import count

from producers.outbox import BatchPublisher, Drain, Queue, QueueConfig, UsagePublisher

THREADS = 3
_numbers = count()
_speaking = threading.Lock()


def main() -> None:
    """Never ends by itself."""
    path, topic, servers, *transactional_ids = sys.argv[1:]
    config = QueueConfig(path)
    threads = [threading.Thread(target=_keep_putting, args=(Queue(config),)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    if transactional_ids:
        Drain(config=config, publisher=BatchPublisher(servers, transactional_ids[0], topic=topic))
    else:
        Drain(config=config, publisher=UsagePublisher(servers, topic=topic))
    threads[0].join()


def _keep_putting(queue: Queue) -> None:
    while True:
        event = {"tenant_id": "t", "customer_id": f"c{next(_numbers) % 7}", "event_name": "pages"}
        [event_id] = queue.put_usage(event)
        with _speaking:
            sys.stdout.write(f"{event_id}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
