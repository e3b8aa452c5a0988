"""Paging by time boundary: the next question starts a little before the newest time seen; known versions are left out by the source."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from hinomi.clock import SystemClock, iso, parse_iso
from hinomi.collectors.times import to_iso


class Own(BaseModel):
    """Keys of a source that belong to an API that is paged so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days_back: int = Field(default=7, ge=1, le=180, description="How far the first question reaches back.")
    overlap: float = Field(default=60.0, ge=0, description="Seconds asked for again each time.")
    top: int = Field(default=1000, ge=2, le=10_000, description="Records of one page.")

    def start(self, cursor: str | None) -> datetime:
        """Return the time that the next question starts at."""
        if cursor:
            return parse_iso(cursor) - timedelta(seconds=self.overlap, milliseconds=1)
        return SystemClock().now() - timedelta(days=self.days_back)


def advance(cursor: str | None, start: datetime, times: Iterable[object]) -> str:
    """Return the next cursor: the newest of these times, never back, and never to come: that would hide what comes until then."""
    seen = [found for time in times if (found := to_iso(str(time)))]
    newest = min(max(seen, default=cursor or iso(start)), iso(SystemClock().now()))
    return max(newest, cursor or newest)
