"""Threads that empty an outbox in the background, until they are told to stop."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from producers.outbox.batch_worker import BatchWorker
from producers.outbox.config import QueueConfig, queue_configuration
from producers.outbox.exactly_once import BatchPublisher
from producers.outbox.publishing import UsagePublisher
from producers.outbox.queue import Queue
from producers.outbox.worker import JobHandler, PublishingWorker, Worker, WorkerBase

_STOP_SECONDS: Final = 10.0
_CANCEL_SECONDS: Final = 5.0


class ThreadPool:
    """Pool of threads consuming jobs from a queue; they run from the moment it is made.

    Make it in the process that is to do the work, after any fork. What its threads are doing when the process
    ends is done again by the next pool on the file, in whatever process.
    """

    def __init__(
        self, num_threads: int, func: JobHandler, config: QueueConfig, *, worker: type[WorkerBase] = Worker
    ) -> None:
        """Start the threads.

        Args:
            num_threads: how many jobs are done at a time.
            func: handles a job.
            config: whose jobs.
            worker: a subclass of WorkerBase, for hooks of your own.

        Raises:
            ValueError: no threads.
        """
        if num_threads < 1:
            raise ValueError(f"num_threads is {num_threads}: a pool needs one thread at least")
        self.queue = Queue(config)
        self.workers = [worker(self.queue, func) for _ in range(num_threads)]
        for each in self.workers:
            each.start()

    def stop(self, timeout: float = _STOP_SECONDS) -> bool:
        """Finish the jobs being done and end; says whether all threads ended within `timeout` seconds."""
        return _end(self.workers, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Drain:
    """Publishes an outbox's jobs to Kafka from threads of its own, many jobs at a time.

    Make it in the process that is to do the work, after any fork; several processes may drain one file.
    """

    def __init__(
        self,
        kafka_url: str | None = None,
        config: QueueConfig = queue_configuration,
        *,
        publisher: UsagePublisher | BatchPublisher | None = None,
        threads: int = 2,
    ) -> None:
        """Start the threads.

        Args:
            kafka_url: as for UsageProducer; None: METERSTREAM_KAFKA_BOOTSTRAP_SERVERS.
            config: whose jobs.
            publisher: one with settings of its own, in place of kafka_url; closed with the drain. By a
                BatchPublisher each job is stored in Kafka once and once only, from a single thread.
            threads: two keep both the disk and the broker at work.
        """
        self.queue = Queue(config)
        self._publisher = publisher or UsagePublisher(kafka_url)
        self.workers = _workers(self.queue, self._publisher, threads)
        for each in self.workers:
            each.start()

    def stop(self, timeout: float = _STOP_SECONDS) -> bool:
        """End once what is being published is stored; after `timeout` seconds that goes back to todo instead.

        Says whether the threads ended.
        """
        ended = _end(self.workers, timeout)
        if not ended:
            self._publisher.cancel()
            ended = _end(self.workers, _CANCEL_SECONDS)
        if ended:
            self._publisher.close()
        return ended

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _workers(queue: Queue, publisher: UsagePublisher | BatchPublisher, threads: int) -> Sequence[WorkerBase]:
    if isinstance(publisher, BatchPublisher):
        return [BatchWorker(queue, publisher)]
    return [PublishingWorker(queue, publisher) for _ in range(threads)]


def _end(workers: Sequence[WorkerBase], timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    for worker in workers:
        worker.exit_soon()
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
    return not any(worker.is_alive() for worker in workers)
