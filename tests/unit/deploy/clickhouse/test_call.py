import base64

import pytest

from deploy.local.clickhouse.call import Call, read_call
from deploy.local.clickhouse.errors import QueryError


def _call(query_string: str = "", method: str = "POST", **headers: str) -> Call:
    return read_call(method, query_string, {name.replace("_", "-"): value for name, value in headers.items()})


def test_a_request_without_anything_has_clickhouse_defaults() -> None:
    call = _call()
    assert (call.query, call.user, call.password, call.database) == (b"", "default", "", "")
    assert call.default_format == "TabSeparated"
    assert not call.is_read_only
    assert call.session is None
    assert call.encoding == ""


def test_the_query_keeps_every_byte() -> None:
    assert _call("query=SELECT+%27%ff%00%27%2B1").query == b"SELECT '\xff\x00'+1"


def test_settings_are_what_is_left_of_the_url() -> None:
    call = _call(
        "max_threads=3&query=x&database=d&param_p=v&wait_end_of_query=1&&query_id=i&user=u&mine=&role=r"
    )
    assert call.settings == {"max_threads": "3", "mine": ""}
    assert call.parameters == {"p": "v"}


def test_the_columns_of_a_forms_tables_are_no_settings() -> None:
    call = _call("t_structure=a+Int8&max_threads=1", Content_Type="multipart/form-data; boundary=x")
    assert call.settings == {"max_threads": "1"}
    assert call.form["t_structure"] == "a Int8"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_get_and_head_only_read(method: str) -> None:
    assert _call(method=method).is_read_only


def test_a_header_wins_over_the_url() -> None:
    call = _call("database=a&default_format=CSV", X_ClickHouse_Database="b", X_ClickHouse_Format="JSON")
    assert (call.database, call.default_format) == ("b", "JSON")


def test_credentials_are_read_from_url_headers_and_basic() -> None:
    basic = "Basic " + base64.b64encode(b"me:a:b").decode()
    assert (_call("user=me&password=a").user, _call("user=me&password=a").password) == ("me", "a")
    in_headers = _call(X_ClickHouse_User="me", X_ClickHouse_Key="a")
    assert (in_headers.user, in_headers.password) == ("me", "a")
    assert (_call(Authorization=basic).user, _call(Authorization=basic).password) == ("me", "a:b")


@pytest.mark.parametrize(
    ("query_string", "headers"),
    [
        ("user=me", {"Authorization": "Basic bWU6YQ=="}),
        ("", {"Authorization": "Basic bWU6YQ==", "X_ClickHouse_User": "me"}),
        ("password=a", {"X_ClickHouse_Key": "a"}),
        ("", {"Authorization": "Bearer token"}),
        ("", {"Authorization": "Basic ***"}),
    ],
)
def test_mixed_or_unreadable_credentials_are_refused(query_string: str, headers: dict[str, str]) -> None:
    with pytest.raises(QueryError) as caught:
        _call(query_string, **headers)
    assert caught.value.code == 516


def test_an_answer_is_buffered_as_the_client_asks() -> None:
    assert _call().buffered_bytes == 1 << 20
    assert _call("buffer_size=5").buffered_bytes == 5
    assert _call("wait_end_of_query=1").buffered_bytes is None
    with pytest.raises(QueryError, match="buffer_size"):
        _call("buffer_size=many")


def test_an_answer_is_compressed_only_where_url_and_header_say_so() -> None:
    assert _call("enable_http_compression=1", Accept_Encoding="br;q=0, gzip").encoding == "gzip"
    assert _call("enable_http_compression=1").encoding == ""
    assert _call(Accept_Encoding="gzip").encoding == ""


def test_a_session_has_clickhouse_defaults() -> None:
    session = _call("session_id=s").session
    assert session is not None
    assert (session.session_id, session.timeout, session.must_exist) == ("s", 60, False)
    strict = _call("session_id=s&session_check=1&session_timeout=5&close_session=1").session
    assert strict is not None
    assert (strict.timeout, strict.must_exist, strict.close_after) == (5, True, True)
