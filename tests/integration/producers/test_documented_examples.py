"""docs/producers.md: every Python example, run in order as a reader would."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from producers.outbox import Counts, ProjectReference, ProjectTokenModel, Queue

PAGE = Path(__file__).parents[3] / "docs" / "producers.md"
EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def page(
    kafka_with_topics: str,
    settings: Callable[..., None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    eventually: Callable[..., None],
) -> dict[str, Any]:
    """What the examples leave behind, once all of them have run."""
    settings(kafka_bootstrap_servers=kafka_with_topics, outbox_path=str(tmp_path / "outbox.sqlite3"))
    names: dict[str, Any] = {"__name__": "page"}
    examples = EXAMPLE.findall(PAGE.read_text())
    assert len(examples) > 10
    for number, source in enumerate(examples):
        example = source.replace("127.0.0.1:9092", kafka_with_topics).replace("/var/lib/shop", str(tmp_path))
        if source.startswith("drain.stop"):
            eventually(lambda: names["queue"].counts() == Counts())
        if source.startswith("pool.stop"):
            eventually(lambda: Queue(names["mails"]).counts() == Counts())
        exec(compile(example, f"example {number}", "exec"), names)  # noqa: S102 - our own page
    names["said"] = capsys.readouterr().out
    return names


def test_the_examples_do_what_they_say(page: dict[str, Any]) -> None:
    assert page["stored"]["topic"] == "usage-events"
    assert "Counts(todo=1, doing=0, failed=0)" in page["said"]
    kinds = [(job.data["product"], job.data["counter"]) for job in Queue().take(10)]
    assert kinds == [("MAPS", 1), ("STORES", 435), ("MAPS", 3)]


def test_the_fastapi_example_counts_and_publishes(
    page: dict[str, Any], eventually: Callable[..., None]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client's own
        from fastapi.testclient import TestClient
    with TestClient(page["app"]) as client:
        assert client.get("/maps", headers={"x-api-key": "secret"}).json() == "map"
        assert client.get("/maps").status_code == 403
        eventually(lambda: Queue().counts() == Counts())


def test_the_django_example_counts(page: dict[str, Any]) -> None:
    before = Queue().counts().todo
    request: Any = type("Request", (), {})()
    request.project_token = ProjectTokenModel(reference=ProjectReference(organization_id=7, project_id=12))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(page, "HttpResponse", str)
        assert page["stores"](request) == "stores"
    assert Queue().counts().todo == before + 1
