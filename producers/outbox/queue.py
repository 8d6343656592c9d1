"""Queue: jobs in a file, which are lost neither with the process nor with the broker."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from producers import arguments
from producers.encoding import to_json
from producers.event_encoder import Event, EventEncoder
from producers.outbox.config import QueueConfig, queue_configuration
from producers.outbox.jobs import Counts, FailedJob, Job, JobData, epoch_milliseconds, new_job_id
from producers.outbox.spool import spool_of

_encode = EventEncoder().encode


class Queue:
    """A durable queue with job tracking: jobs are todo, then doing, then gone, or failed.

    Any number of Queues, threads and processes of one machine may use one file at the same time, and a
    process may fork whenever it likes. A Queue is only a handle, so make one where it is needed.

    Every method raises OutboxError where the file cannot be used, and says why.
    """

    def __init__(self, config: QueueConfig = queue_configuration) -> None:
        self._spool = spool_of(config.resolved())

    def put(self, data: JobData, job_id: str | None = None) -> str:
        """Store a job and give back its id; it is on disk when this returns.

        Args:
            data: a mapping that JSON can hold.
            job_id: None: a new one. A job whose id the queue holds already changes nothing, so a put whose
                answer was lost can be repeated.

        Raises:
            TypeError: JSON has no form for the data.
            OutboxFullError: no room; nothing was stored.
        """
        [stored] = self._put([_job(data, job_id)])
        return stored

    def put_many(self, jobs: Iterable[JobData]) -> list[str]:
        """`put` several, all or none, at the price of one; gives back their ids."""
        return self._put([_job(data, None) for data in jobs])

    def put_usage(self, *events: Event) -> list[str]:
        """Store usage events, all or none, and give back their event ids, which are the jobs' ids too.

        Takes what UsageProducer.send takes: a missing event_id is made, a missing timestamp is now.

        Raises:
            InvalidEventError: names what is wrong; nothing was stored.
        """
        return self._put([_usage_job(event) for event in events])

    def take(self, limit: int = 1) -> list[Job]:
        """Move up to `limit` jobs, the oldest first, from todo to doing, and give them back.

        They are this process's until `done`, `fail` or `give_back`; if it dies before, `recover` finds them.
        """
        return self._spool.take(limit)

    def take_batch(self, batch_of: str, limit: int) -> tuple[int, list[Job]]:
        """`take` jobs as the next batch of a name, and give back its number and them.

        They are todo again, or gone, when `settle_batches` says which of the name's batches were stored.
        """
        return self._spool.take_batch(batch_of, limit)

    def settle_batches(self, batch_of: str, stored: int) -> int:
        """Forget the jobs of a name's batches up to the number `stored`; those of later ones are todo again.

        Gives back how many were forgotten.
        """
        return self._spool.settle_batches(batch_of, stored)

    def done(self, *job_ids: str) -> None:
        """Forget jobs that are completed."""
        self._spool.remove(job_ids)

    def fail(self, job_id: str, reason: str) -> None:
        """Move a job from doing to failed."""
        self._spool.fail([(job_id, reason)])

    def give_back(self, *job_ids: str) -> None:
        """Move jobs from doing back to todo, to their old places."""
        self._spool.give_back(job_ids)

    def recover(self) -> int:
        """Move what processes were doing that died back to todo; gives back how many jobs that are.

        A ThreadPool does it at its start and every few seconds.
        """
        return self._spool.recover()

    def counts(self) -> Counts:
        """How many jobs are todo, doing and failed."""
        return self._spool.counts()

    def failed(self, limit: int = 100) -> list[FailedJob]:
        """The oldest failed jobs, each with its reason."""
        return self._spool.failed(limit)

    def retry_failed(self, job_ids: Sequence[str] | None = None) -> int:
        """Move failed jobs (None: all) back to todo; gives back how many."""
        return self._spool.retry_failed(job_ids)

    def discard_failed(self, job_ids: Sequence[str] | None = None) -> int:
        """Delete failed jobs (None: all) for good; gives back how many."""
        return self._spool.discard_failed(job_ids)

    def oldest_put_ms(self) -> int | None:
        """When the oldest job that is todo was put, in epoch milliseconds."""
        return self._spool.oldest_put_ms()

    def await_job(self, timeout: float) -> None:
        """Wait until this process puts a job, at most `timeout` seconds: of other processes nobody tells."""
        self._spool.await_arrival(timeout)

    def wake(self) -> None:
        """Let those who wait in `await_job` look up."""
        self._spool.wake()

    def close(self) -> None:
        """Let go of the file, for all Queues of this process on it; the next call opens it again."""
        self._spool.close()

    def _put(self, jobs: Sequence[Job]) -> list[str]:
        if jobs:
            self._spool.add(jobs)
        return [job.job_id for job in jobs]


def _job(data: JobData, job_id: str | None) -> Job:
    if not isinstance(data, Mapping):
        raise TypeError(f"a job's data must be a dict, not {type(data).__name__}")
    now = epoch_milliseconds()
    identity = new_job_id(now) if job_id is None else arguments.identifier("job_id", job_id)
    plain: dict[str, Any] = data if type(data) is dict else dict(data)
    return Job(identity, to_json(plain), now)


def _usage_job(event: Event) -> Job:
    now = epoch_milliseconds()
    if isinstance(event, Mapping) and "event_id" not in event:
        event = {"event_id": new_job_id(now), **event}
    event_id, key, value = _encode(event)
    return Job(event_id, value, now, key=key)
