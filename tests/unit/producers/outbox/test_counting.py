"""build_job_data, whose dictionaries are a promise, and add_job_to_queue_for_token's refusals."""

import inspect
import time
from typing import Any

import pytest

from producers.outbox import (
    KeyOrganizationModel,
    PermissionDenied,
    ProjectReference,
    ProjectTokenModel,
    TokenContext,
    add_job_to_queue_for_token,
    build_job_data,
)


def test_a_job_of_a_keys_organization() -> None:
    assert build_job_data("MAPS", "load", KeyOrganizationModel(pk=7, project_pk=12), timestamp=1.5) == {
        "product": "MAPS",
        "kind": "load",
        "ts": 1.5,
        "organization": {"pk": 7, "project_pk": 12},
        "counter": 1,
        "source": None,
    }


def test_a_job_of_a_projects_reference() -> None:
    reference = ProjectReference(organization_id=7, project_id=12)
    job = build_job_data("STORES", "import", reference, counter=435, timestamp=2.0, source="js-sdk")
    assert job == {
        "product": "STORES",
        "kind": "import",
        "ts": 2.0,
        "organization": {"pk": 7, "project_pk": 12},
        "counter": 435,
        "source": "js-sdk",
    }


def test_a_job_without_a_timestamp_is_of_now() -> None:
    before = time.time()
    job = build_job_data("MAPS", "load", KeyOrganizationModel(pk=7, project_pk=12))
    assert before <= job["ts"] <= time.time()


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_job_without_product_kind_or_organization_is_invalid(missing: int) -> None:
    arguments: list[Any] = ["MAPS", "load", KeyOrganizationModel(pk=7, project_pk=12)]
    arguments[missing] = None
    with pytest.raises(RuntimeError, match=r"^Invalid job\.$"):
        build_job_data(*arguments)


@pytest.mark.parametrize("known", [{}, {"organization_id": 7}, {"project_id": 12}])
def test_a_reference_that_names_no_project_is_denied(known: dict[str, int]) -> None:
    with pytest.raises(PermissionDenied):
        build_job_data("MAPS", "load", ProjectReference(**known))
    with pytest.raises(PermissionDenied):
        add_job_to_queue_for_token(ProjectTokenModel(reference=ProjectReference(**known)), "MAPS", "load")
    with pytest.raises(PermissionDenied):
        add_job_to_queue_for_token(ProjectTokenModel(), "MAPS", "load")


def test_what_is_not_to_be_counted_needs_no_project() -> None:
    add_job_to_queue_for_token(ProjectTokenModel(context=TokenContext(should_count=False)), "MAPS", "load")
    add_job_to_queue_for_token(None, "MAPS", "load")


def test_the_functions_keep_their_arguments_and_order() -> None:
    built = inspect.signature(build_job_data).parameters
    assert {name: each.default for name, each in built.items() if each.default is not each.empty} == {
        "counter": 1,
        "timestamp": None,
        "source": None,
    }
    assert list(built) == ["product", "kind", "organization", "counter", "timestamp", "source"]
    added = inspect.signature(add_job_to_queue_for_token).parameters
    assert list(added) == ["project_token", "product", "kind", "count"]
    assert added["count"].default == 1
