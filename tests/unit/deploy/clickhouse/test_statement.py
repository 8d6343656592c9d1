import pytest

from deploy.local.clickhouse.errors import QueryError
from deploy.local.clickhouse.rows import comes_in_pieces
from deploy.local.clickhouse.statement import read_insert, read_statement


@pytest.mark.parametrize(
    ("text", "statement", "data_format", "data"),
    [
        (b"INSERT INTO t FORMAT CSV\n1,2\n", b"INSERT INTO t ", "CSV", b"1,2\n"),
        (b"insert into t format csv \t\r\n1", b"insert into t ", "csv", b"1"),
        (b'INSERT INTO t FORMAT JSONEachRow {"a":1}', b"INSERT INTO t ", "JSONEachRow", b'{"a":1}'),
        (b"INSERT INTO t FORMAT CSV\n\n1", b"INSERT INTO t ", "CSV", b"\n1"),
        (b"INSERT INTO t (a, b) VALUES (1, 'x')", b"INSERT INTO t (a, b) ", "Values", b" (1, 'x')"),
        (b"-- so\nINSERT INTO t VALUES (1)", b"-- so\nINSERT INTO t ", "Values", b" (1)"),
        (b"INSERT INTO values VALUES (1)", b"INSERT INTO values ", "Values", b" (1)"),
        (b"INSERT INTO format FORMAT TSV\n1", b"INSERT INTO format ", "TSV", b"1"),
        (b"INSERT INTO db.format FORMAT TSV\n1", b"INSERT INTO db.format ", "TSV", b"1"),
        (b"INSERT INTO `VALUES (` FORMAT TSV\n1", b"INSERT INTO `VALUES (` ", "TSV", b"1"),
        (b"INSERT INTO t (`FORMAT x`) FORMAT TSV\n1", b"INSERT INTO t (`FORMAT x`) ", "TSV", b"1"),
        (b"INSERT INTO {t:Identifier} FORMAT TSV\n1", b"INSERT INTO {t:Identifier} ", "TSV", b"1"),
        (
            b"INSERT INTO t SETTINGS a = 'FORMAT x' FORMAT TSV\n1",
            b"INSERT INTO t SETTINGS a = 'FORMAT x' ",
            "TSV",
            b"1",
        ),
        (
            b"INSERT INTO t FORMAT TSV SETTINGS a = -1, b='x'\n1",
            b"INSERT INTO t SETTINGS a = -1, b='x'",
            "TSV",
            b"1",
        ),
        (b"INSERT INTO FUNCTION f('x') FORMAT TSV\n1", b"INSERT INTO FUNCTION f('x') ", "TSV", b"1"),
        (b"INSERT INTO t FORMAT TSV\nsettings are data", b"INSERT INTO t ", "TSV", b"settings are data"),
    ],
)
def test_the_data_of_an_insert_begins_behind_its_text(
    text: bytes, statement: bytes, data_format: str, data: bytes
) -> None:
    found = read_insert(text)
    assert found is not None
    assert (found.statement, found.data_format, text[found.data_start :]) == (statement, data_format, data)
    assert found.input_at is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"SELECT 'INSERT INTO t FORMAT CSV'",
        b"INSERT INTO t SELECT 1 FORMAT CSV",
        b"INSERT INTO t WITH 1 AS x SELECT x",
        b"INSERT INTO t (SELECT 1)",
        b"INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        b"EXPLAIN INSERT INTO t VALUES (1)",
        b"INSERT INTO t (a",
        b"INSERT INTO 'not closed FORMAT CSV\n1",
        b"INSERT INTO t SELECT formatDateTime(now(), '%F')",
    ],
)
def test_other_statements_have_no_data(text: bytes) -> None:
    assert read_insert(text) is None


def test_an_insert_from_input_knows_where_it_is_called() -> None:
    text = b"INSERT INTO t SELECT a FROM input('a Int8') FORMAT CSV\n1"
    found = read_insert(text)
    assert found is not None
    assert found.input_at == text.index(b"input(")
    assert text[found.data_start :] == b"1"


def test_a_semicolon_before_the_data_is_an_error() -> None:
    with pytest.raises(QueryError, match="excessive ';'"):
        read_insert(b"INSERT INTO t FORMAT CSV; 1")


@pytest.mark.parametrize(
    ("text", "output_format"),
    [
        (b"SELECT 1", None),
        (b"SELECT 1 FORMAT JSON", "JSON"),
        (b"SELECT 1 format Native;", "Native"),
        (b"SELECT 1 FORMAT CSV SETTINGS max_threads = 1", "CSV"),
        (b"SELECT 'x FORMAT JSON'", None),
        (b"SELECT (SELECT format FROM t)", None),
        (b"SELECT 1 -- FORMAT JSON", None),
        (b"SELECT 1 /* ; FORMAT JSON */ FORMAT TSV", "TSV"),
        (b"SELECT $x$ FORMAT JSON; $x$", None),
    ],
)
def test_a_query_names_its_format_outside_of_strings_and_comments(
    text: bytes, output_format: str | None
) -> None:
    assert read_statement(text).output_format == output_format


@pytest.mark.parametrize(
    "text", [b"SELECT 1; SELECT 2", b"SELECT 1;\n-- two\nDROP TABLE t;", b"SELECT 1;; SELECT"]
)
def test_more_than_one_statement_is_refused(text: bytes) -> None:
    with pytest.raises(QueryError, match="Multi-statements are not allowed") as caught:
        read_statement(text)
    assert caught.value.code == 62


@pytest.mark.parametrize(
    "text", [b"SELECT 1;", b"SELECT 1 ; ;\n-- end", b"SELECT ';', \"a;b\", `;`", b"SELECT 'a'';b'"]
)
def test_one_statement_may_end_in_semicolons_and_hold_them(text: bytes) -> None:
    assert read_statement(text).keyword == b"SELECT"


@pytest.mark.parametrize("text", [b"", b"  \n", b"-- nothing", b"/* nothing */ ;"])
def test_no_statement_is_a_syntax_error(text: bytes) -> None:
    with pytest.raises(QueryError, match="SYNTAX_ERROR"):
        read_statement(text)


def test_writing_files_of_the_server_is_refused() -> None:
    with pytest.raises(QueryError, match="INTO_OUTFILE_NOT_ALLOWED"):
        read_statement(b"SELECT 1 INTO OUTFILE '/etc/passwd' FORMAT CSV")


@pytest.mark.parametrize(
    ("text", "gives_rows", "answers"),
    [
        (b"SELECT 1", True, True),
        (b"(SELECT 1) UNION ALL (SELECT 2)", True, True),
        (b"WITH 1 AS x SELECT x", True, True),
        (b"WITH 1 AS x INSERT INTO t SELECT x", False, False),
        (b"SHOW TABLES", False, True),
        (b"CREATE TABLE t (a Int8) ENGINE = Memory", False, False),
    ],
)
def test_what_a_statement_gives_is_known(text: bytes, gives_rows: bool, answers: bool) -> None:
    statement = read_statement(text)
    assert (statement.gives_rows, statement.answers) == (gives_rows, answers)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (b"SELECT 1 ; -- end", b"SELECT 1 INTO OUTFILE 'p' FORMAT JSON"),
        (b"SELECT 1 FORMAT XML", b"SELECT 1  INTO OUTFILE 'p' FORMAT XML"),
        (b"SELECT 1 FORMAT XML SETTINGS a = 1;", b"SELECT 1  INTO OUTFILE 'p' FORMAT XML SETTINGS a = 1;"),
    ],
)
def test_a_query_can_write_into_a_file_instead(text: bytes, written: bytes) -> None:
    assert read_statement(text).into_file(b"'p'", "JSON") == written


def test_rows_come_in_pieces_where_pieces_make_the_whole() -> None:
    plain, totals = read_statement(b"SELECT 1"), read_statement(b"SELECT 1 GROUP BY 1 WITH TOTALS")
    assert comes_in_pieces(plain, "Native", {})
    assert not comes_in_pieces(plain, "JSON", {})
    assert not comes_in_pieces(plain, "CSVWithNames", {})
    assert not comes_in_pieces(totals, "Native", {})
    assert not comes_in_pieces(plain, "JSONEachRow", {"output_format_json_array_of_rows": "1"})
    assert not comes_in_pieces(plain, "CSV", {"extremes": "1"})
