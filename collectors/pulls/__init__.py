"""Pull APIs: what the ``pull`` source asks, one module per vendor API. Entry points ``hinomi.pulls``.

The source owns the loop, the cursor's commit, the seen ids, backoff and back-pressure; an API here
only fetches one page.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, Protocol

from hinomi.registry import Registry


class Page(NamedTuple):
    """One page: (vendor's unique id of the version, raw JSON bytes), the cursor to go on from, whether it was the last."""

    records: list[tuple[str, bytes]]
    cursor: str
    last: bool


class PullApi(Protocol):
    """One vendor's listing, oldest first by time boundary."""

    async def fetch(self, cursor: str | None) -> Page:
        """Return the page after ``cursor`` (None: from the beginning of what is wanted).

        Raises:
            hinomi.collectors.pulls.PullError: With `retry_after` seconds where the vendor said so.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


class PullError(Exception):
    """The vendor refused or could not be reached; ``broken``: it failed on what it was asked, and may for ever."""

    def __init__(
        self, message: str, *, retry_after: float | None = None, permanent: bool = False, broken: bool = False
    ):
        super().__init__(message)
        self.retry_after = retry_after
        self.permanent = permanent
        self.broken = broken


class PullType(Protocol):
    """What is registered: makes an API client from the vendor's table of the settings and the source's own keys."""

    def __call__(self, vendor: dict[str, Any], source: dict[str, Any]) -> PullApi:
        """Make one, or raise ConfigError/Faults."""
        ...


def seconds_of(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3: seconds, or a date), None if it is none."""
    if not header:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0) if moment.tzinfo else None


pulls: Registry[PullType] = Registry("pull", __name__)
