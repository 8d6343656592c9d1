"""CSV files as usage events: which columns, which ids, which numbers, and every refusal with its line."""

from typing import Any

import pytest

from cli.csv_events import Mapped, choose_columns, event_id, events, read_rows, snake_case
from cli.errors import CsvError

NOW_MS = 1_800_000_000_000
HEADER = "at,who,n\n"


def read(
    *lines: str, customer: str | None = "who", base_name: str = "use.csv", **properties: str
) -> list[dict[str, Any]]:
    header, rows = read_rows(lines)
    mapped = Mapped("used", "acme", "at", customer, choose_columns(header, "at", customer, properties))
    return list(events(rows, header, mapped, base_name, NOW_MS))


def properties_of(cell: str) -> dict[str, Any]:
    return dict(read(HEADER, f"2023-11-16,c-1,{cell}\n")[0]["properties"])


def test_a_row_becomes_an_event_of_its_customer() -> None:
    (event,) = read(HEADER, "2023-11-16 18:15:46.6805900,c-1,374\n", tokens="n")
    assert {name: value for name, value in event.items() if name != "event_id"} == {
        "tenant_id": "acme",
        "event_name": "used",
        "customer_id": "c-1",
        "timestamp": 1_700_158_546_680,
        "properties": {"tokens": 374},
    }


def test_without_a_customer_column_the_tenant_is_the_customer() -> None:
    (event,) = read(HEADER, "2023-11-16,c-1,374\n", customer=None)
    assert event["customer_id"] == "acme"
    assert event["properties"] == {"who": "c-1", "n": 374}


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("ContextTokens", "context_tokens"),
        ("Context Tokens", "context_tokens"),
        ("context-tokens", "context_tokens"),
        ("HTTPStatus", "http_status"),
        ("GB2", "gb2"),
        ("n", "n"),
    ],
)
def test_a_column_that_nobody_named_is_named_in_snake_case(column: str, name: str) -> None:
    assert snake_case(column) == name


@pytest.mark.parametrize("cell", ["0", "-7", "374", "999999999999999999"])
def test_a_whole_number_is_sent_as_a_number(cell: str) -> None:
    assert properties_of(cell) == {"n": int(cell)}


@pytest.mark.parametrize("cell", ["007", "1.50", "12345678901234567.89", "-0", "1e3", " 5", "9" * 25, "yes"])
def test_every_other_text_is_sent_as_it_stands(cell: str) -> None:
    assert properties_of(cell) == {"n": cell}


def test_an_empty_cell_is_no_property() -> None:
    assert properties_of("") == {}


def test_a_quoted_cell_may_hold_commas_quotes_and_line_ends() -> None:
    (event,) = read(HEADER, '2023-11-16,c-1,"a, ""b""\n', 'c"\n')
    assert event["properties"] == {"n": 'a, "b"\nc'}


def test_the_same_file_gives_the_same_ids_whatever_its_line_ends() -> None:
    lines = (HEADER, "2023-11-16,c-1,1\n", "2023-11-16,c-1,1\n")
    first, again = read(*lines), read(*(line.replace("\n", "\r\n") for line in lines))
    assert [event["event_id"] for event in first] == [event["event_id"] for event in again]


def test_equal_rows_of_one_file_have_different_ids() -> None:
    ids = {event["event_id"] for event in read(HEADER, *["2023-11-16,c-1,1\n"] * 3)}
    assert len(ids) == 3


def test_an_id_changes_with_event_name_file_row_and_text() -> None:
    _, rows = read_rows([HEADER, "2023-11-16,c-1,1\n", "2023-11-16,c-1,1\n", "2023-11-16,c-1,2\n"])
    first, second, third = rows
    ids = {
        event_id("used", "use.csv", first),
        event_id("other", "use.csv", first),
        event_id("used", "other.csv", first),
        event_id("used", "use.csv", second),
        event_id("used", "use.csv", third),
    }
    assert len(ids) == 5


def test_an_id_stays_what_it_was_in_earlier_releases() -> None:
    _, rows = read_rows([HEADER, "2023-11-16,c-1,1\n"])
    assert event_id("used", "use.csv", next(rows)) == "39fed62875efeedaac0301b2b3224c21"


def test_blank_lines_are_no_rows_and_count_as_lines() -> None:
    with pytest.raises(CsvError, match="line 4: column at: 'never' is not a moment"):
        read(HEADER, "\n", "2023-11-16,c-1,1\n", "never,c-1,1\n")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("yesterday,c-1,1", "column at: 'yesterday' is not a moment"),
        (",c-1,1", "column at: '' is not a moment"),
        ("2023-02-30,c-1,1", "column at: '2023-02-30' is not a moment"),
        ("1700158546,c-1,1", "lies before 2000: give milliseconds, not seconds"),
        ("30000-01-01,c-1,1", "is not a moment"),
        ("2027-11-16,c-1,1", "lies over a day ahead"),
        ("2023-11-16,,1", "column who: is empty"),
        (f"2023-11-16,{'é' * 257},1", "column who: is longer than 512 bytes"),
        ("2023-11-16,c-1", "has 2 cells where the header has 3"),
        ("2023-11-16,c-1,1,2", "has 4 cells where the header has 3"),
        ('2023-11-16,c-1,"1"2', "is not CSV"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(row: str, said: str) -> None:
    with pytest.raises(CsvError, match=r"^line 3: ") as refused:
        read(HEADER, "2023-11-16,c-1,1\n", f"{row}\n")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("at,n\n", "the column 'who' is not in the header, which is: at, n"),
        ("at,who,who\n", "the column 'who' stands twice in the header"),
        ("at,who,n,N\n", "no different names in snake_case"),
        ("\n", "the first line names the columns"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(header: str, said: str) -> None:
    with pytest.raises(CsvError, match=said):
        read(header)


def test_a_property_of_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(CsvError, match="the column 'Tokens' is not in the header"):
        read(HEADER, tokens="Tokens")


def test_rows_are_numbered_without_the_header() -> None:
    _, rows = read_rows([HEADER, "2023-11-16,c-1,1\n"])
    row = next(rows)
    assert (row.number, row.line, row.text) == (1, 2, "2023-11-16,c-1,1")
