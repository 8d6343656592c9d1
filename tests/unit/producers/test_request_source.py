"""What headers and the port say about how a request is counted."""

import pytest

from producers.outbox import TokenContext
from producers.request_source import AI_SOURCE, token_context
from schemas import UsageEvent

INTERNAL = frozenset({8000})


def test_the_sdk_names_itself() -> None:
    assert token_context("js-sdk/2.1", None, 443, INTERNAL) == TokenContext(
        should_count=True, source="js-sdk/2.1"
    )


@pytest.mark.parametrize("said", ["true", "True", " TRUE ", "1"])
def test_an_ai_context_is_a_source(said: str) -> None:
    assert token_context(None, said, 443, INTERNAL).source == AI_SOURCE


@pytest.mark.parametrize("said", [None, "", "false", "0", "no"])
def test_a_request_without_an_ai_context_has_no_source(said: str | None) -> None:
    assert token_context(None, said, 443, INTERNAL).source is None


def test_the_sdk_comes_before_the_ai_context() -> None:
    assert token_context("js-sdk", "true", 443, INTERNAL).source == "js-sdk"
    assert token_context("  ", "true", 443, INTERNAL).source == AI_SOURCE


def test_a_request_to_an_internal_port_does_not_count() -> None:
    assert not token_context(None, None, 8000, INTERNAL).should_count
    assert token_context(None, None, 8001, INTERNAL).should_count
    assert token_context(None, None, None, INTERNAL).should_count
    assert token_context(None, None, 8000, ()).should_count


@pytest.mark.parametrize("sent", ["x" * 10_000, "\x00\x1b[31mred\r\n", "é" * 600, "a\x7fb"])
def test_no_client_can_make_its_usage_unpublishable(sent: str) -> None:
    source = token_context(sent, None, 443, INTERNAL).source
    assert source
    UsageEvent(
        event_id="e",
        tenant_id="t",
        event_name="n",
        customer_id="c",
        timestamp=1_767_225_600_000,
        source=source,
    )
