"""What can go wrong in the embedded ClickHouse.

EmbeddedClickHouseError
├── DirectoryError  the data directory cannot be used
└── QueryError      what ClickHouse says of a request it refuses, with its own code and name
"""

import re
from typing import Final

from deploy.errors import DeployError


class EmbeddedClickHouseError(DeployError):
    """The root of this package's errors."""


class DirectoryError(EmbeddedClickHouseError):
    """The data directory cannot be used: it is another server's, or its name cannot be one."""


class QueryError(EmbeddedClickHouseError):
    """A request that ClickHouse refuses; `str()` is the text a ClickHouse server answers with."""

    def __init__(self, code: int, name: str, detail: str) -> None:
        self.code = code
        self.name = name
        self.detail = detail.rstrip(". ")
        super().__init__(f"Code: {code}. DB::Exception: {self.detail}. ({name})")


_ENGINE_TEXT: Final = re.compile(r"Code: (\d+)\. DB::Exception: (.*)\(([A-Z][A-Z0-9_]+)\)", re.DOTALL)
_REPEATED_HEAD: Final = re.compile(r"^(?:Code: \d+\. DB::Exception: )+")
_REPEATED_TAIL: Final = re.compile(
    r"(?:[. ]*\([A-Z][A-Z0-9_]+\)|[. ]*\(version [^()]*(?:\([^()]*\))?\))+[. ]*$"
)


def engine_error(text: str) -> QueryError:
    """The error a text of the engine tells of, which may come wrapped in others' words and repeat itself."""
    match = _ENGINE_TEXT.search(text)
    if match is None:
        return QueryError(1002, "UNKNOWN_EXCEPTION", text.strip() or "the engine failed without a word")
    detail = _REPEATED_TAIL.sub("", _REPEATED_HEAD.sub("", match[2]))
    return QueryError(int(match[1]), match[3], detail.strip())


# The statuses a ClickHouse server answers with (exceptionCodeToHTTPStatus of its source).
_STATUS_CODES: Final = {
    400: (
        *(6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441),
        *(675, 676),
    ),
    401: (194,),
    403: (192, 193, 497, 512, 516),
    404: (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511),
    408: (159,),
    411: (381,),
    413: (229,),
    415: (779,),
    501: (48,),
    503: (76, 209, 439),
}
_STATUS: Final = {code: status for status, codes in _STATUS_CODES.items() for code in codes}


def http_status(code: int) -> int:
    """The HTTP status a ClickHouse server gives an error of this code."""
    return _STATUS.get(code, 500)
