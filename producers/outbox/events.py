"""From a job to the usage event it is published as. Nothing here does I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from producers.errors import InvalidEventError
from producers.event_encoder import Encoded, EventEncoder
from producers.outbox.jobs import Job, JobData
from producers.outbox.outcomes import DONE, Outcome, outcome_of
from schemas import TOTAL_USAGE

_COUNTED: Final = frozenset(("product", "kind", "organization", "counter"))
_MILLISECONDS: Final = 1_000


@dataclass(frozen=True, slots=True)
class EncodedJobs:
    """What can be sent of some jobs, at which of their positions, and what became of the others."""

    encoded: list[Encoded]
    positions: list[int]
    outcomes: list[Outcome]


class JobEncoder:
    """Encodes jobs; the job's id is the event's, so a job sent twice counts once."""

    def __init__(self) -> None:
        self._encode = EventEncoder().encode

    def encode(self, job: Job) -> Encoded:
        """Give back event id, record key and record value.

        Raises:
            InvalidEventError: the job's data is neither a count of requests nor a usage event.
        """
        if job.key is not None:
            return job.job_id, job.key, job.document
        return self.encode_data(job.job_id, job.data, job.put_ms)

    def encode_all(self, jobs: Sequence[Job]) -> EncodedJobs:
        """Encode what can be; each of the others has failed."""
        result = EncodedJobs([], [], [DONE] * len(jobs))
        for position, job in enumerate(jobs):
            try:
                result.encoded.append(self.encode(job))
                result.positions.append(position)
            except ValueError as error:
                result.outcomes[position] = outcome_of(error)
        return result

    def encode_data(self, job_id: str, data: JobData, put_ms: int) -> Encoded:
        """`encode` of a job's parts; a usage event without a timestamp happened when it was put."""
        if data.keys() >= _COUNTED:
            return self._encode(counting_event(job_id, data))
        return self._encode({"event_id": job_id, "timestamp": put_ms, **data})


def counting_event(job_id: str, data: JobData) -> dict[str, Any]:
    """The event of a CounterJobDict: the organization is the tenant, its project the customer.

    Its name is product.kind, such as MAPS.load; `total_usage` is the number of requests.

    Raises:
        InvalidEventError: the data only looks like a CounterJobDict.
    """
    try:
        organization = data["organization"]
        event = {
            "event_id": job_id,
            "tenant_id": str(organization["pk"]),
            "event_name": f"{data['product']}.{data['kind']}",
            "customer_id": str(organization["project_pk"]),
            "timestamp": int(data["ts"] * _MILLISECONDS),
            "properties": {
                TOTAL_USAGE: data["counter"],
                "product": data["product"],
                "kind": data["kind"],
            },
        }
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidEventError(
            f"the job counts no requests as build_job_data builds them: {error!r}"
        ) from error
    source = data.get("source")
    return {**event, "source": source} if source else event
