"""Which customer a tenant is: looked up at the portal, remembered for a minute."""

import os
import threading
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from producers.errors import PublishError
from producers.settings import current_settings
from producers.web_client import get_json
from schemas import MAX_ID_BYTES

_REMEMBERED: Final = 10_000

Account = tuple[str, str, str | None]
"""Portal, tenant and API key: a wrong key must not find what the right one found."""


class CustomerCache:
    """The newest customer ids; a failed lookup is never among them."""

    def __init__(self, limit: int = _REMEMBERED, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[Account, tuple[float, str]] = {}
        os.register_at_fork(after_in_child=self._renew_lock)

    def get(self, account: Account, ttl: float) -> str | None:
        found = self._entries.get(account)
        if found is None or self._clock() - found[0] >= ttl:
            return None
        return found[1]

    def put(self, account: Account, customer_id: str) -> None:
        with self._lock:
            self._entries.pop(account, None)
            self._entries[account] = (self._clock(), customer_id)
            while len(self._entries) > self._limit:
                del self._entries[next(iter(self._entries))]

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()


remembered = CustomerCache()


def find_customer(tenant_id: str, portal_url: str | None, api_key: str | None) -> str:
    """The customer a tenant's usage belongs to; without a portal the tenant itself.

    Raises:
        PublishError: the portal did not say.
    """
    if portal_url is None:
        return tenant_id
    settings = current_settings()
    account = (portal_url, tenant_id, api_key)
    customer_id = remembered.get(account, settings.customer_cache_ttl)
    if customer_id is None:
        customer_id = _look_up(account, settings.publish_timeout)
        remembered.put(account, customer_id)
    return customer_id


def _look_up(account: Account, timeout: float) -> str:
    portal_url, tenant_id, api_key = account
    headers = {"x-tenant-id": tenant_id}
    if api_key is not None:
        headers["authorization"] = f"Bearer {api_key}"
    url = f"{portal_url}/metering/v1alpha1/customer-accounts/tenant/{quote(tenant_id, safe='')}"
    return customer_in(get_json(url, headers, timeout), tenant_id)


def customer_in(answer: Any, tenant_id: str) -> str:  # noqa: ANN401 - whatever JSON holds
    """Read the id of the first customer account in a portal's answer: a list of accounts, or one.

    Raises:
        PublishError: no account, or none with a usable id.
    """
    account = answer[0] if isinstance(answer, list) and answer else answer
    found = account.get("id") if isinstance(account, dict) else None
    customer_id = str(found) if isinstance(found, int | str) and not isinstance(found, bool) else ""
    if not customer_id.strip() or len(customer_id.encode()) > MAX_ID_BYTES:
        raise PublishError(f"the portal knows no customer account with an id for tenant {tenant_id}")
    return customer_id
