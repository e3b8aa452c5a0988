"""Defender for Endpoint alerts: ``GET /api/alerts``, by time boundary, oldest first.

Page: learn.microsoft.com/defender-endpoint/api/get-alerts. ``$top`` caps the total and there is no next
link, so the next question starts at the last time seen; known versions are left out by the source.
"""

from datetime import timedelta
from typing import Any

import httpx2
import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hinomi.clock import SystemClock, parse_iso
from hinomi.collectors.pulls import Page, PullError, pulls
from hinomi.collectors.pulls.oauth import OAuthClient, TokenError, settings_of
from hinomi.collectors.times import to_iso
from hinomi.errors import ConfigError

TOP = 1000


class Own(BaseModel):
    """Keys of the source that belong to this API."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days_back: int = Field(default=7, ge=1, le=180, description="How far the first question reaches back.")
    overlap: float = Field(default=60.0, ge=0, description="Seconds asked for again each time.")
    top: int = Field(default=TOP, ge=2, le=10_000)


@pulls.register("defender.alerts")
class DefenderAlerts:
    """Cursor: the newest lastUpdateTime seen, ISO."""

    def __init__(self, vendor: dict[str, Any], source: dict[str, Any]):
        table = {key: value for key, value in vendor.items() if key != "product"}
        self._client = OAuthClient(settings_of(table))
        try:
            self._own = Own(**source)
        except ValidationError as error:
            raise ConfigError(
                "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors()), hint="days_back, overlap, top"
            ) from error
        self._top = self._own.top

    async def fetch(self, cursor: str | None) -> Page:
        """Return the page after a cursor."""
        start = (
            parse_iso(cursor) - timedelta(seconds=self._own.overlap)
            if cursor
            else SystemClock().now() - timedelta(days=self._own.days_back)
        )
        boundary = start.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        query = {
            "$filter": f"lastUpdateTime gt {boundary}",
            "$orderby": "lastUpdateTime asc",
            "$top": str(self._top),
            "$expand": "evidence",
        }
        found = await self._get(query)
        times = [t for alert in found if (t := to_iso(str(alert.get("lastUpdateTime", ""))))]
        newest = max(times, default=cursor or boundary)
        full = len(found) >= self._top
        if full and cursor is not None and newest <= cursor:  # one instant holds more than a page: ask for more at once
            self._top = min(self._top * 2, 10_000)
        elif not full:
            self._top = self._own.top
        records = [(f"{alert.get('id')}@{alert.get('lastUpdateTime')}", orjson.dumps(alert)) for alert in found]
        return Page(records, max(newest, cursor or newest), last=not full)

    async def _get(self, query: dict[str, str]) -> list[dict[str, Any]]:
        try:
            response = await self._client.request("GET", "/api/alerts", params=query)
        except TokenError as error:
            raise PullError(str(error), permanent=error.permanent) from error
        except httpx2.HTTPError as error:
            raise PullError(f"no answer: {type(error).__name__}") from error
        if response.status_code != 200:
            wait = response.headers.get("retry-after", "")
            raise PullError(
                f"answer {response.status_code}",
                retry_after=float(wait) if wait.isdigit() else None,
                permanent=response.status_code in (400, 403),
            )
        try:
            value = response.json()["value"]
        except (ValueError, KeyError, TypeError) as error:
            raise PullError("the answer is not a list of alerts") from error
        return [item for item in value if isinstance(item, dict)]

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()
