"""CrowdStrike Falcon alerts: ids by update time, oldest first, then the alerts themselves.

Pages: developer.crowdstrike.com/api-reference/collections/alerts: ``GET /alerts/queries/alerts/v2`` (a filter in FQL, a
sort, at most 10,000 by offset and limit), ``POST /alerts/entities/alerts/v2`` (``composite_ids``). An alert that changed
has a new ``updated_timestamp`` and is a new version of the same id.
"""

from typing import Any

import orjson
from pydantic import Field, model_validator

from hinomi import log
from hinomi.collectors.pulls import Page, PullError, pulls
from hinomi.collectors.pulls.asking import ask, objects
from hinomi.collectors.pulls.bearer import own_of, table_of
from hinomi.collectors.pulls.boundary import Own, advance
from hinomi.collectors.pulls.oauth import OAuthClient, OAuthSettings

MOST = 10_000
AT_ONCE = 1000
"""Alerts asked for in one request."""
PATIENCE = 3
"""After so many questions in which an alert that is listed cannot be had, it is gone on without it."""


class FalconSettings(OAuthSettings):
    """The table of a Falcon customer; ``base_url`` is that of its cloud."""

    token_url: str = Field(default="", pattern=r"^(https?://.+)?$", description="base_url + /oauth2/token where empty.")
    first_look: float = Field(default=3.0, ge=0, description="Seconds after an act before its device is looked at.")
    scan_paths: list[str] = Field(default=["C:\\*"], min_length=1, description="What an on-demand scan goes through.")

    @model_validator(mode="before")
    @classmethod
    def _token_url(cls, table: Any) -> Any:
        if isinstance(table, dict) and not table.get("token_url"):
            return {**table, "token_url": str(table.get("base_url", "")).rstrip("/") + "/oauth2/token"}
        return table


@pulls.register("crowdstrike.alerts")
class CrowdStrikeAlerts:
    """Cursor: the newest updated_timestamp seen, ISO."""

    def __init__(self, vendor: dict[str, Any], source: dict[str, Any]):
        self._client = OAuthClient(table_of(FalconSettings, vendor))
        self._own = own_of(Own, source)
        self._top, self._failed = self._own.top, 0

    async def fetch(self, cursor: str | None) -> Page:
        """Return the page after a cursor."""
        start = self._own.start(cursor)
        boundary = start.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        query = {"filter": f"updated_timestamp:>'{boundary}'", "sort": "updated_timestamp|asc", "limit": str(self._top)}
        answer = await ask(self._client, "GET", "/alerts/queries/alerts/v2", params=query)
        listed = answer.get("resources")
        if not isinstance(listed, list):
            raise PullError("the answer has no list 'resources'", broken=True)
        ids = [str(one) for one in listed]
        found = [
            alert for place in range(0, len(ids), AT_ONCE) for alert in await self._alerts(ids[place : place + AT_ONCE])
        ]
        self._check(ids, found)
        times = [alert.get("updated_timestamp") for alert in found]
        newest, full = advance(cursor, start, times), len(ids) >= self._top
        if full and cursor is not None and newest <= cursor:  # one instant holds more than a page: ask for more at once
            self._top = min(self._top * 2, MOST)
        elif not full:
            self._top = self._own.top
        records = [
            (f"{alert.get('composite_id')}@{alert.get('updated_timestamp')}", orjson.dumps(alert)) for alert in found
        ]
        return Page(records, newest, last=not full)

    async def _alerts(self, ids: list[str]) -> list[dict[str, Any]]:
        body = {"composite_ids": ids}
        return objects(await ask(self._client, "POST", "/alerts/entities/alerts/v2", json=body), "resources")

    def _check(self, ids: list[str], found: list[dict[str, Any]]) -> None:
        """See that what was listed was given; what cannot be had after some tries must not hold up the rest."""
        missing = sorted(set(ids) - {str(alert.get("composite_id")) for alert in found})
        self._failed = self._failed + 1 if missing else 0
        if missing and self._failed <= PATIENCE:
            raise PullError(f"{len(missing)} listed alerts were not given", broken=True)
        for one in missing:
            log.get().error("pull.alert_missing", alert=one)

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()
