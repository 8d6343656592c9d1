"""Usage that waits on disk until Kafka has it: counting requests, queues, and what empties them."""

from producers.errors import OutboxError, OutboxFullError, PermissionDenied
from producers.outbox.config import QueueConfig, queue_configuration
from producers.outbox.counting import (
    CounterJobDict,
    CounterOrganizationDict,
    aadd_job_to_queue_for_token,
    add_job_to_queue_for_token,
    build_job_data,
)
from producers.outbox.exactly_once import BatchPublisher
from producers.outbox.jobs import Counts, FailedJob, Job, JobData
from producers.outbox.pool import Drain, ThreadPool
from producers.outbox.publishing import UsagePublisher
from producers.outbox.queue import Queue
from producers.outbox.tokens import KeyOrganizationModel, ProjectReference, ProjectTokenModel, TokenContext
from producers.outbox.worker import JobHandler, Worker, WorkerBase

__all__ = [
    "BatchPublisher",
    "CounterJobDict",
    "CounterOrganizationDict",
    "Counts",
    "Drain",
    "FailedJob",
    "Job",
    "JobData",
    "JobHandler",
    "KeyOrganizationModel",
    "OutboxError",
    "OutboxFullError",
    "PermissionDenied",
    "ProjectReference",
    "ProjectTokenModel",
    "Queue",
    "QueueConfig",
    "ThreadPool",
    "TokenContext",
    "UsagePublisher",
    "Worker",
    "WorkerBase",
    "aadd_job_to_queue_for_token",
    "add_job_to_queue_for_token",
    "build_job_data",
    "queue_configuration",
]
