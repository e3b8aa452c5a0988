"""One question of a pull: its answer as JSON, or what went wrong as a `PullError`."""

import time
from typing import Any

import httpx2

from hinomi.collectors.pulls import PullError, seconds_of
from hinomi.collectors.pulls.bearer import Client, TokenError


def retry_after(response: httpx2.Response) -> float | None:
    """Return the seconds to wait that an answer names: ``Retry-After``, or an instant in ``X-RateLimit-RetryAfter``."""
    instant = response.headers.get("x-ratelimit-retryafter", "")
    if instant.isdecimal():
        return max(float(instant) - time.time(), 0.0)
    return seconds_of(response.headers.get("retry-after"))


async def ask(client: Client, method: str, path: str, **more: Any) -> dict[str, Any]:
    """Return the answer of one request.

    Raises:
        PullError: If there is none, or it is no JSON object.
    """
    try:
        response = await client.request(method, path, **more)
    except TokenError as error:
        raise PullError(str(error), permanent=error.permanent) from error
    except httpx2.HTTPError as error:
        raise PullError(f"no answer: {type(error).__name__}", broken=True) from error
    if (status := response.status_code) != 200:
        raise PullError(
            f"answer {status}",
            retry_after=retry_after(response),
            permanent=status in (400, 403),
            broken=status >= 500,
        )
    try:
        value = response.json()
    except ValueError as error:
        raise PullError("the answer is no JSON", broken=True) from error
    if not isinstance(value, dict):
        raise PullError("the answer is no JSON object", broken=True)
    return value


def objects(answer: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects of a list in an answer.

    Raises:
        PullError: If there is no such list.
    """
    value = answer.get(key)
    if not isinstance(value, list):
        raise PullError(f"the answer has no list {key!r}", broken=True)
    return [item for item in value if isinstance(item, dict)]
