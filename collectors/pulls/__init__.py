"""Pull APIs: what the ``pull`` source asks, one module per vendor API. Entry points ``hinomi.pulls``.

The source owns the loop, the cursor's commit, the seen ids, backoff and back-pressure; an API here
only fetches one page.
"""

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
    """The vendor refused or could not be reached."""

    def __init__(self, message: str, *, retry_after: float | None = None, permanent: bool = False):
        super().__init__(message)
        self.retry_after = retry_after
        self.permanent = permanent


class PullType(Protocol):
    """What is registered: makes an API client from the vendor's table of the settings and the source's own keys."""

    def __call__(self, vendor: dict[str, Any], source: dict[str, Any]) -> PullApi:
        """Make one, or raise ConfigError/Faults."""
        ...


pulls: Registry[PullType] = Registry("pull", __name__)
