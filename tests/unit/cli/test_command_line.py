"""The command line itself: help, misuse, errors without tracebacks, missing extras, quick imports."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import main
from cli.errors import CliError
from cli.failures import failure_message

WITHOUT = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())
from cli import main
sys.exit(main({words!r}))
"""

Result = tuple[int, str]


@pytest.fixture(autouse=True)
def nothing_is_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("METERSTREAM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("METERSTREAM_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs a command line; its exit code and all it said."""

    def call(*words: str) -> Result:
        try:
            code: object = main(words)
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        assert isinstance(code, int)
        return code, said.out + said.err

    return call


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    file = tmp_path / "use.csv"
    file.write_text("at,n\n2023-11-16,1\nnever,2\n")
    return file


def test_help_names_every_command(run: Callable[..., Result]) -> None:
    code, said = run("--help")
    assert code == 0
    for command in ("up", "demo", "load", "usage", "meters", "topics", "migrate", "sink"):
        assert f"\n  {command} " in said


def test_help_imports_nothing_that_a_command_needs() -> None:
    heavy = (
        "faust",
        "chdb",
        "pandas",
        "numpy",
        "clickhouse_connect",
        "confluent_kafka",
        "rich",
        "yaml",
    )
    program = (
        "import sys\nfrom cli import main\n"
        "try:\n    main(['load', '--help'])\nexcept SystemExit:\n    pass\n"
        f"print('imported:', *[name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported:"


def test_loading_needs_no_faust_to_know_the_horizon() -> None:
    program = "import sys, stream.settings\nprint('faust' in sys.modules or 'msgspec' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("words", "missing", "said"),
    [
        (["load", "x"], ["typer"], "meterstream load needs the extra 'cli': pip install 'meterstream[cli]'"),
        (["--help"], ["typer"], "meterstream needs the extra 'cli'"),
        (
            ["usage"],
            ["clickhouse_connect"],
            "meterstream usage needs the extra 'sinks': pip install 'meterstream[sinks]'",
        ),
    ],
)
def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    words: list[str], missing: list[str], said: str
) -> None:
    program = WITHOUT.format(names=missing, words=words)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("lode",),
        ("load",),
        ("load", "absent.csv", "--tenant", "t", "--event-name", "e", "--timestamp-column", "at"),
        ("meters", "apply"),
        ("meters", "apply", __file__, "--catalogue"),
        ("usage", "--limit", "0"),
        ("up", "--kafka-port", "65536"),
    ],
)
def test_misuse_ends_with_2(run: Callable[..., Result], words: tuple[str, ...]) -> None:
    assert run(*words)[0] == 2


def test_a_property_that_is_no_pair_is_misuse(run: Callable[..., Result], csv_file: Path) -> None:
    options = ("--tenant", "t", "--event-name", "e", "--timestamp-column", "at", "--property", "n")
    code, said = run("load", str(csv_file), *options)
    assert code == 2
    assert "is not NAME=COLUMN" in said


@pytest.mark.parametrize(
    ("words", "variable"),
    [
        (("usage",), "METERSTREAM_CLICKHOUSE_URL"),
        (("migrate",), "METERSTREAM_CLICKHOUSE_URL"),
        (("topics", "apply"), "METERSTREAM_KAFKA_BOOTSTRAP_SERVERS"),
        (("meters", "list"), "METERSTREAM_KAFKA_BOOTSTRAP_SERVERS"),
        (("meters", "apply", "--catalogue"), "METERSTREAM_KAFKA_BOOTSTRAP_SERVERS"),
    ],
)
def test_where_nothing_is_up_it_says_how_to_go_on(
    run: Callable[..., Result], words: tuple[str, ...], variable: str
) -> None:
    code, said = run(*words)
    assert code == 1
    assert "`meterstream up`" in said
    assert f"set {variable}=" in said
    assert "Traceback" not in said


def test_brokers_that_are_none_are_refused_with_their_variable(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METERSTREAM_KAFKA_BOOTSTRAP_SERVERS", "https://host")
    code, said = run("topics", "apply")
    assert code == 1
    assert "error: METERSTREAM_KAFKA_BOOTSTRAP_SERVERS: " in said


def test_a_setting_out_of_range_is_refused_with_its_variable(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METERSTREAM_PARTITIONS", "none")
    code, said = run("meters", "list")
    assert code == 1
    assert "error: METERSTREAM_PARTITIONS: " in said


def test_a_bad_row_is_refused_before_kafka_is_asked(
    run: Callable[..., Result], csv_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METERSTREAM_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    code, said = run("load", str(csv_file), "--tenant", "t", "--event-name", "e", "--timestamp-column", "at")
    assert code == 1
    assert "error: use.csv, line 3: column at: 'never' is not a moment" in said


@pytest.mark.parametrize(("tenant", "event_name"), [(" ", "e"), ("t", "x" * 513)])
def test_names_that_no_event_may_have_are_refused_before_kafka_is_asked(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tenant: str, event_name: str
) -> None:
    monkeypatch.setenv("METERSTREAM_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    file = tmp_path / "use.csv"
    file.write_text("at,n\n2023-11-16,1\n")
    words = ("--tenant", tenant, "--event-name", event_name, "--timestamp-column", "at")
    code, said = run("load", str(file), *words)
    assert code == 1
    assert "its rows would be no usage events" in said


def test_every_fault_of_a_file_of_meters_is_named(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METERSTREAM_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    file = tmp_path / "meters.yaml"
    file.write_text("- {id: a, event_name: e, name: A, aggregation: {type: SUM}}\n- {id: b}\n")
    code, said = run("meters", "apply", str(file))
    assert code == 1
    assert "meters.yaml: nothing was published" in said
    assert "meter 1 (a): aggregation.field: is missing" in said
    assert "meter 2 (b): event_name: is missing" in said


def test_a_time_without_a_zone_is_refused(run: Callable[..., Result]) -> None:
    code, said = run("meters", "apply", "--catalogue", "--effective-from", "2026-01-31T12:00:00")
    assert code == 1
    assert "is not a moment with a zone" in said


def test_debug_lets_the_error_through(run: Callable[..., Result]) -> None:
    with pytest.raises(CliError):
        run("--debug", "usage")


def test_the_debug_variable_does_too(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METERSTREAM_DEBUG", "1")
    with pytest.raises(CliError):
        run("usage")


def test_an_error_that_nobody_expects_keeps_its_traceback() -> None:
    assert failure_message(KeyError("x"), ["usage"]) is None
    assert failure_message(ModuleNotFoundError("x", name="tomllib2"), ["usage"]) is None
