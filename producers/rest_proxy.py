"""Publishing through a Kafka REST proxy (v2)."""

from collections.abc import Mapping
from typing import Any, Final

from producers.encoding import to_json
from producers.errors import PublishError
from producers.web_client import post_json
from schemas import USAGE_EVENTS

_RECORDS: Final = "application/vnd.kafka.json.v2+json"
_ANSWER: Final = "application/vnd.kafka.v2+json, application/json"


def publish_record(
    url: str, record: Mapping[str, Any], headers: Mapping[str, str], timeout: float
) -> dict[str, Any]:
    """POST one record to `usage-events`; gives back the proxy's JSON.

    Raises:
        PublishError: not stored, as far as the proxy says.
    """
    answer = post_json(
        f"{url}/topics/{USAGE_EVENTS}",
        {"content-type": _RECORDS, "accept": _ANSWER, **headers},
        to_json({"records": [{"value": record}]}),
        timeout,
    )
    return _stored(answer)


def _stored(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise PublishError(f"the REST proxy answered a {type(answer).__name__}, not an object")
    offsets = answer.get("offsets") or ()
    for outcome in (answer, *(offsets if isinstance(offsets, list) else ())):
        if isinstance(outcome, dict) and outcome.get("error_code"):
            reason = outcome.get("error") or outcome.get("message") or "no reason given"
            raise PublishError(f"the REST proxy stored nothing: error_code {outcome['error_code']}: {reason}")
    return answer
