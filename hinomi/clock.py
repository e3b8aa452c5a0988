"""Time: aware UTC from an injected clock, kept as sortable text, shown in JST."""

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

JST = ZoneInfo("Asia/Tokyo")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """What parts ask for the time."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        return datetime.now(UTC)


class FakeClock:
    """A clock that moves when told to, for tests and drills on paper."""

    def __init__(self, now: datetime):
        self.time = now

    def now(self) -> datetime:
        """Return the time it was set to."""
        return self.time

    def advance(self, **delta: float) -> datetime:
        """Move on by `timedelta(**delta)` and return the new time."""
        self.time += timedelta(**delta)
        return self.time


def iso(moment: datetime) -> str:
    """Return ``2026-11-21T11:58:49.123456Z``, the one form in which times are kept."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def parse_iso(text: str) -> datetime:
    """Read back what `iso` wrote, or any ISO 8601 time with a zone.

    Raises:
        ValueError: If the text is not such a time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {text!r}")
    return moment.astimezone(UTC)


def from_micros(micros: int) -> datetime:
    """Return the aware UTC time of microseconds since 1970."""
    return datetime.fromtimestamp(micros / 1_000_000, UTC)


@lru_cache(maxsize=256)
def micros_of(text: str) -> int:
    """Return an ISO 8601 time with a zone in microseconds since 1970."""
    return micros_at(parse_iso(text))


def micros_at(moment: datetime) -> int:
    """Return an aware time in microseconds since 1970, to the last of them."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def micros() -> int:
    """Return the system's wall clock in microseconds since 1970."""
    return time.time_ns() // 1000
