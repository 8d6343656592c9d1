"""Counting requests: a job for each, put where neither a crash nor a missing broker can lose it."""

import asyncio
from time import time
from typing import TypedDict

from producers.errors import PermissionDenied
from producers.outbox.config import queue_configuration
from producers.outbox.queue import Queue
from producers.outbox.tokens import KeyOrganizationModel, ProjectReference, ProjectTokenModel


class CounterOrganizationDict(TypedDict):
    """The organization and the project that a count is added to."""

    pk: int | str
    project_pk: int | str


class CounterJobDict(TypedDict):
    """So many requests to one endpoint; `ts` is epoch seconds."""

    product: str
    kind: str
    ts: float
    organization: CounterOrganizationDict
    counter: int
    source: str | None


def build_job_data(
    product: str,
    kind: str,
    organization: KeyOrganizationModel | ProjectReference,
    counter: int = 1,
    timestamp: float | None = None,
    source: str | None = None,
) -> CounterJobDict:
    """Build a job that counts requests, for what `add_job_to_queue_for_token` does not cover.

    Args:
        product: such as MAPS.
        kind: what of it was asked for, such as load.
        organization: whose consumption it is.
        counter: how many requests.
        timestamp: when, in epoch seconds; None: now.
        source: the SDK or tool that asked.

    Raises:
        PermissionDenied: a reference without its organization or its project.
        RuntimeError: product, kind or organization is None.
    """
    if product is None or kind is None or organization is None:
        raise RuntimeError("Invalid job.")
    return {
        "product": product,
        "kind": kind,
        "ts": timestamp or time(),
        "organization": _organization(organization),
        "counter": counter,
        "source": source,
    }


def add_job_to_queue_for_token(
    project_token: ProjectTokenModel | None, product: str, kind: str, count: int = 1
) -> None:
    """Count an authenticated request: it is on disk when this returns. Nothing if its token says not to.

    Waits for the disk; in a coroutine use `aadd_job_to_queue_for_token`.

    Raises:
        PermissionDenied: the token belongs to no project.
        OutboxError: the outbox cannot be written; nothing was counted.
    """
    if project_token and project_token.context.should_count:
        reference = project_token.reference
        if reference is None:
            raise PermissionDenied("the request belongs to no project: authenticate it before it is counted")
        data = build_job_data(product, kind, reference, counter=count, source=project_token.context.source)
        Queue(queue_configuration).put(data)


async def aadd_job_to_queue_for_token(
    project_token: ProjectTokenModel | None, product: str, kind: str, count: int = 1
) -> None:
    """`add_job_to_queue_for_token` in a thread, so that the loop goes on."""
    await asyncio.to_thread(add_job_to_queue_for_token, project_token, product, kind, count)


def _organization(organization: KeyOrganizationModel | ProjectReference) -> CounterOrganizationDict:
    if isinstance(organization, KeyOrganizationModel):
        return {"pk": organization.pk, "project_pk": organization.project_pk}
    if organization.organization_id is None or organization.project_id is None:
        raise PermissionDenied("the request's organization or project is not known: it cannot be counted")
    return {"pk": organization.organization_id, "project_pk": organization.project_id}
