"""Workers: threads that take jobs from a queue and run a handler on each."""

import logging
import threading
import time
from collections.abc import Sequence
from threading import Thread
from typing import ClassVar, Final, Protocol

from producers.errors import OutboxError, ProducerError
from producers.outbox.django_connections import close_old_connections
from producers.outbox.jobs import Job, JobData
from producers.outbox.outcomes import DONE, Outcome, outcome_of, pause_after
from producers.outbox.publishing import UsagePublisher
from producers.outbox.queue import Queue

_log = logging.getLogger(__name__)
_LOOK_SECONDS: Final = 0.2
_RECOVER_SECONDS: Final = 2.0
_SETTLE_ATTEMPTS: Final = 4
"""How often a worker that is to end tries to note what it did."""


class JobHandler(Protocol):
    """What a worker does with a job."""

    def __call__(self, job_id: str, data: JobData | None) -> None:
        """Handle a job, whole, or raise.

        A job may come a second time, with the same id, where the process died before it could be noted that
        it was done: what must not happen twice is told by the id. Where DeliveryError, PublishError or
        another error is raised that says that the destination is away, the job goes back to todo and the
        worker waits a little; any other exception fails the job.
        """


class WorkerBase(Thread):
    """Thread executing jobs from a given queue, one after the other; `should_exit` ends it after this one."""

    jobs_at_once: ClassVar[int] = 1

    def __init__(self, queue: Queue, func: JobHandler) -> None:
        super().__init__(name="meterstream-outbox", daemon=True)
        self.queue = queue
        self.should_exit = False
        self.func = func
        self._waking = threading.Event()
        self._recovered_at: float | None = None

    def before_job_hook(self) -> None:
        """Run before each job, in the worker's thread."""

    def after_job_hook(self) -> None:
        """Run after each job, whatever became of it, in the worker's thread."""

    def exit_soon(self) -> None:
        """End after the job that is being done."""
        self.should_exit = True
        self._waking.set()
        self.queue.wake()

    def run(self) -> None:
        """Handle jobs until `should_exit`."""
        unlucky = 0
        while not self.should_exit:
            try:
                self._recover_now_and_then()
                jobs = self.take()
            except ProducerError as error:
                unlucky += 1
                _log.error("no jobs can be taken: %s", error)
                self._waking.wait(pause_after(unlucky))
                continue
            if not jobs:
                self.queue.await_job(_LOOK_SECONDS)
                continue
            outcomes = self._handled(jobs)
            self._settle(jobs, outcomes)
            postponed = [each for each in outcomes if each.state in ("postponed", "in doubt")]
            unlucky = unlucky + 1 if len(postponed) == len(outcomes) else 0
            if postponed:
                _log.warning("%d jobs wait: %s", len(postponed), postponed[0].reason)
            self._waking.wait(pause_after(unlucky))

    def take(self) -> list[Job]:
        """The jobs to do next, up to `jobs_at_once`; raises ProducerError where that cannot be said now."""
        return self.queue.take(self.jobs_at_once)

    def handle(self, jobs: Sequence[Job]) -> list[Outcome]:
        """What became of each job."""
        return [self._run(job) for job in jobs]

    def _handled(self, jobs: Sequence[Job]) -> list[Outcome]:
        try:
            return self.handle(jobs)
        except BaseException:  # the thread ends, the jobs must not end with it
            self._settle(jobs, [Outcome("postponed")] * len(jobs))
            raise

    def _run(self, job: Job) -> Outcome:
        try:
            self.before_job_hook()
            self.func(job.job_id, job.data)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the handler raises
            return outcome_of(error)
        else:
            return DONE
        finally:
            try:
                self.after_job_hook()
            except Exception:  # noqa: BLE001 - the job is done, or failed, all the same
                _log.exception("after_job_hook of job %s", job.job_id)

    def _settle(self, jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> None:
        """Note what became of jobs, again and again where the file cannot be written: it is true already."""
        attempts = 0
        while attempts < _SETTLE_ATTEMPTS or not self.should_exit:
            try:
                _note(self.queue, jobs, outcomes)
                return
            except OutboxError as error:
                attempts += 1
                _log.error("what became of %d jobs is not noted yet: %s", len(jobs), error)
                time.sleep(pause_after(attempts))
        _log.error("%d jobs stay doing, and are done once more when this process has ended", len(jobs))

    def _recover_now_and_then(self) -> None:
        now = time.monotonic()
        if self._recovered_at is None or now - self._recovered_at >= _RECOVER_SECONDS:
            if recovered := self.queue.recover():
                _log.info("%d jobs of processes that died are to be done again", recovered)
            self._recovered_at = now


class Worker(WorkerBase):
    """A worker that closes old database connections of Django around a job, as happens around a request."""

    def before_job_hook(self) -> None:
        """Close connections that grew old while there was no job."""
        close_old_connections()

    def after_job_hook(self) -> None:
        """Close connections that the job broke, or that are past their age."""
        close_old_connections()


class PublishingWorker(WorkerBase):
    """Publishes jobs by the hundred, which is many times faster than one by one."""

    jobs_at_once: ClassVar[int] = 1_000

    def __init__(self, queue: Queue, publisher: UsagePublisher) -> None:
        super().__init__(queue, publisher)
        self._publisher = publisher

    def handle(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Publish all of them and wait for the broker."""
        try:
            return self._publisher.publish(jobs)
        except Exception as error:  # noqa: BLE001 - of the client, not of one job: none of them is at fault
            return [Outcome("postponed", f"{type(error).__name__}: {error}")] * len(jobs)


def _note(queue: Queue, jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> None:
    of_state: dict[str, list[str]] = {"done": [], "postponed": [], "in doubt": []}
    for job, outcome in zip(jobs, outcomes, strict=True):
        if outcome.state == "failed":
            _log.error("job %s failed: %s", job.job_id, outcome.reason)
            queue.fail(job.job_id, outcome.reason)
        else:
            of_state[outcome.state].append(job.job_id)
    if of_state["done"]:
        queue.done(*of_state["done"])
    if of_state["postponed"]:
        queue.give_back(*of_state["postponed"])
