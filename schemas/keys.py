"""Message keys: parts percent-encoded and joined with a slash, so that no two tuples share a key."""

from urllib.parse import quote, unquote

from schemas.errors import InvalidKeyError


def message_key(*parts: str) -> bytes:
    """Join parts into a record's key; parts may be empty, but there is at least one.

    Raises:
        InvalidKeyError: no part was given.
    """
    if not parts:
        raise InvalidKeyError("a message key needs at least one part: pass the tenant first")
    return "/".join(quote(part, safe="") for part in parts).encode("ascii")


def parse_key(key: bytes) -> tuple[str, ...]:
    """Give back the parts `message_key` joined.

    Raises:
        InvalidKeyError: the bytes are not a key that `message_key` makes.
    """
    try:
        parts = tuple(unquote(part, errors="strict") for part in key.decode("ascii").split("/"))
    except UnicodeDecodeError as error:
        raise InvalidKeyError(f"{key!r} is not a message key: {error}") from error
    if message_key(*parts) != key:
        raise InvalidKeyError(f"{key!r} is not a message key: make keys with schemas.message_key")
    return parts
