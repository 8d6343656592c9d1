"""The worker that publishes each job once, and once only."""

import logging
from collections.abc import Sequence
from typing import ClassVar

from producers.outbox.events import EncodedJobs, JobEncoder
from producers.outbox.exactly_once import BatchPublisher
from producers.outbox.jobs import Job, JobData
from producers.outbox.outcomes import DONE, Outcome
from producers.outbox.queue import Queue
from producers.outbox.worker import WorkerBase

_log = logging.getLogger(__name__)


class BatchWorker(WorkerBase):
    """Takes numbered batches, and asks Kafka what became of one whenever that is in doubt."""

    jobs_at_once: ClassVar[int] = 1_000

    def __init__(self, queue: Queue, publisher: BatchPublisher) -> None:
        super().__init__(queue, _one_by_one)
        self._publisher = publisher
        self._encoder = JobEncoder()
        self._number = 0
        self._limit = self.jobs_at_once

    def take(self) -> list[Job]:
        """The next batch, once it is known what became of the one before."""
        name = self._publisher.transactional_id
        if not self._publisher.is_connected:
            stored = self._publisher.connect()
            if forgotten := self.queue.settle_batches(name, stored):
                _log.info("%d jobs were stored by batches up to %d: not sent again", forgotten, stored)
        self._number, jobs = self.queue.take_batch(name, self._limit)
        return jobs

    def handle(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Publish the batch; one that was not stored is tried again in halves, to find what is at fault."""
        try:
            ready = self._encoder.encode_all(jobs)
            self._note_unsendable(jobs, ready)
            outcome = self._publisher.publish(self._number, ready.encoded) if ready.encoded else DONE
        except Exception as error:  # noqa: BLE001 - whatever it was, only Kafka knows what it has
            self._publisher.close()
            outcome = Outcome("in doubt", f"{type(error).__name__}: {error}")
            return [outcome] * len(jobs)
        if self._publisher.is_connected:
            self._limit = min(2 * self._limit, self.jobs_at_once)
        else:
            self._limit = max(len(jobs) // 2, 1)
        for position in ready.positions:
            ready.outcomes[position] = outcome
        return ready.outcomes

    def _note_unsendable(self, jobs: Sequence[Job], ready: EncodedJobs) -> None:
        """Before the batch is stored: what is settled by its number is forgotten, and these must not be."""
        for job, outcome in zip(jobs, ready.outcomes, strict=True):
            if outcome.state == "failed":
                self.queue.fail(job.job_id, outcome.reason)


def _one_by_one(job_id: str, data: JobData | None) -> None:
    raise NotImplementedError(f"a BatchWorker handles whole batches, not {job_id} with {data}")
