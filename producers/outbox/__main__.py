"""An outbox from the command line: `python -m producers.outbox status|drain|retry|discard`."""

import argparse
import json
import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Final

from producers.errors import OutboxError
from producers.outbox.config import QueueConfig
from producers.outbox.exactly_once import BatchPublisher
from producers.outbox.jobs import epoch_milliseconds
from producers.outbox.pool import Drain
from producers.outbox.queue import Queue

_LOOK_SECONDS: Final = 0.2


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; gives back the exit code: 1 where the outbox cannot be used, 2 for a misuse."""
    arguments = _parser().parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except (OutboxError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m producers.outbox", description=__doc__)
    parser.add_argument("--path", help="the outbox's file; METERSTREAM_OUTBOX_PATH unless given")
    commands = parser.add_subparsers(required=True)
    status = commands.add_parser("status", help="how many jobs are in each state, as one line of JSON")
    status.set_defaults(command=_status)
    drain = commands.add_parser("drain", help="publish jobs to Kafka until told to stop")
    drain.add_argument("--kafka-url", help="METERSTREAM_KAFKA_BOOTSTRAP_SERVERS unless given")
    drain.add_argument(
        "--transactional-id",
        help="publish each job once and once only, under this name of its own",
    )
    drain.add_argument("--until-empty", action="store_true", help="end once there is nothing left to publish")
    drain.set_defaults(command=_drain)
    retry = commands.add_parser("retry", help="move all failed jobs back to todo")
    retry.set_defaults(command=_retry)
    discard = commands.add_parser("discard", help="delete all failed jobs for good")
    discard.set_defaults(command=_discard)
    return parser


def _queue(arguments: argparse.Namespace) -> Queue:
    return Queue(QueueConfig(arguments.path))


def _status(arguments: argparse.Namespace) -> int:
    queue = _queue(arguments)
    oldest = queue.oldest_put_ms()
    age = None if oldest is None else (epoch_milliseconds() - oldest) / 1_000
    failures = [
        {"job_id": each.job.job_id, "reason": each.reason, "data": each.job.document.decode()}
        for each in queue.failed(10)
    ]
    print(json.dumps({**asdict(queue.counts()), "oldest_seconds": age, "first_failed": failures}))
    return 0


def _drain(arguments: argparse.Namespace) -> int:
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    publisher = (
        BatchPublisher(arguments.kafka_url, arguments.transactional_id)
        if arguments.transactional_id
        else None
    )
    with Drain(arguments.kafka_url, QueueConfig(arguments.path), publisher=publisher) as drain:
        while not told.wait(_LOOK_SECONDS):
            counts = drain.queue.counts() if arguments.until_empty else None
            if counts is not None and not counts.todo and not counts.doing:
                break
    return 0


def _retry(arguments: argparse.Namespace) -> int:
    print(f"{_queue(arguments).retry_failed()} jobs are to be done again")
    return 0


def _discard(arguments: argparse.Namespace) -> int:
    print(f"{_queue(arguments).discard_failed()} jobs were deleted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
