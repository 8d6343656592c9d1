"""Customers are read from the portal's answer and remembered for a while."""

from typing import Any

import pytest

from producers.customers import CustomerCache, customer_in
from producers.errors import PublishError

ACCOUNT = ("https://portal", "t", "key")


@pytest.mark.parametrize(
    ("answer", "customer"), [([{"id": "c1"}, {"id": "c2"}], "c1"), ({"id": "c1"}, "c1"), ({"id": 17}, "17")]
)
def test_the_first_accounts_id_is_the_customer(answer: Any, customer: str) -> None:
    assert customer_in(answer, "t") == customer


@pytest.mark.parametrize(
    "answer",
    [[], {}, None, "c1", [{}], [[]], {"id": None}, {"id": ""}, {"id": True}, {"id": {}}, {"id": "c" * 513}],
)
def test_an_answer_without_a_usable_id_is_no_customer(answer: Any) -> None:
    with pytest.raises(PublishError, match="no customer account"):
        customer_in(answer, "t")


def test_a_customer_is_forgotten_after_a_minute() -> None:
    now = [100.0]
    cache = CustomerCache(clock=lambda: now[0])
    cache.put(ACCOUNT, "c1")
    now[0] += 59
    assert cache.get(ACCOUNT, ttl=60) == "c1"
    now[0] += 1
    assert cache.get(ACCOUNT, ttl=60) is None


def test_another_key_does_not_find_what_the_right_one_found() -> None:
    cache = CustomerCache()
    cache.put(ACCOUNT, "c1")
    assert cache.get(("https://portal", "t", "wrong"), ttl=60) is None


def test_the_oldest_customers_make_room() -> None:
    cache = CustomerCache(limit=2)
    accounts = [("https://portal", tenant, None) for tenant in ("a", "b", "c")]
    for account in accounts:
        cache.put(account, "x")
    assert [cache.get(account, ttl=60) for account in accounts] == [None, "x", "x"]
