"""Who may come in."""

import hmac
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from deploy.local.clickhouse.call import Call, to_bytes
from deploy.local.clickhouse.errors import QueryError

_HERE: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Access:
    """The one user."""

    user: str
    password: str

    def check(self, call: Call) -> None:
        """Let a call in, or not.

        Raises:
            QueryError: 516 for wrong credentials, 497 for a web page of another site.
        """
        _refuse_other_sites(call.origin)
        given = to_bytes(f"{call.user}\0{call.password}")
        if not hmac.compare_digest(given, to_bytes(f"{self.user}\0{self.password}")):
            why = "Authentication failed: password is incorrect, or there is no user with such name"
            raise QueryError(516, "AUTHENTICATION_FAILED", f"{call.user}: {why}")


def _refuse_other_sites(origin: str) -> None:
    # The engine reads and writes files as this user, and a browser lets any page post to the loopback.
    if origin and urlsplit(origin).hostname not in _HERE:
        raise QueryError(497, "ACCESS_DENIED", f"Web pages of {origin} may not query this server")
