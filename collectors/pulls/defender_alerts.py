"""Defender for Endpoint alerts: ``GET /api/alerts``, by time boundary, oldest first.

Page: learn.microsoft.com/defender-endpoint/api/get-alerts. ``$top`` caps the total and there is no next
link, so the next question starts at the last time seen; known versions are left out by the source. A page
that fails again and again is asked for alert by alert: one that cannot be given with its evidence comes without.
"""

import hashlib
from typing import Any

import orjson
from pydantic import Field

from hinomi import log
from hinomi.collectors.pulls import Page, PullError, pulls
from hinomi.collectors.pulls.asking import ask, objects
from hinomi.collectors.pulls.bearer import own_of, table_of
from hinomi.collectors.pulls.boundary import Own, advance
from hinomi.collectors.pulls.oauth import OAuthClient, OAuthSettings

FEW, PATIENCE = 20, 3
"""After so many failures on one page, so few alerts are asked for one by one."""


class DefenderSettings(OAuthSettings):
    """The table of a Defender tenant."""

    scope: str = Field(default="https://api.securitycenter.microsoft.com/.default")


@pulls.register("defender.alerts")
class DefenderAlerts:
    """Cursor: the newest lastUpdateTime seen, ISO."""

    def __init__(self, vendor: dict[str, Any], source: dict[str, Any]):
        self._client = OAuthClient(table_of(DefenderSettings, vendor))
        self._own = own_of(Own, source)
        self._top, self._few, self._failed = self._own.top, FEW, 0

    async def fetch(self, cursor: str | None) -> Page:
        """Return the page after a cursor."""
        start = self._own.start(cursor)
        boundary = start.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        found, full = await self._after(boundary)
        newest = advance(cursor, start, (alert.get("lastUpdateTime") for alert in found))
        if full and cursor is not None and newest <= cursor:  # one instant holds more than a page: ask for more at once
            self._top, self._few = min(self._top * 2, 10_000), min(self._few * 2, 10_000)
        elif not full:
            self._top, self._few = self._own.top, FEW
        return Page([(_version(alert), orjson.dumps(alert)) for alert in found], newest, not full)

    async def _after(self, boundary: str) -> tuple[list[dict[str, Any]], bool]:
        """Return what was updated after a time, and whether there is more."""
        which = f"lastUpdateTime gt {boundary}"
        if self._failed < PATIENCE:
            try:
                found = await self._get(which, self._top)
            except PullError as error:
                self._failed += error.broken
                raise
            self._failed = 0
            return found, len(found) >= self._top
        few = await self._get(which, self._few, evidence=False)
        found = [await self._whole(alert) for alert in few]
        full = len(few) >= self._few
        if not full:  # through: the next question is a whole one again
            self._failed = PATIENCE - 1
        return found, full

    async def _whole(self, alert: dict[str, Any]) -> dict[str, Any]:
        quoted = str(alert.get("id")).replace("'", "''")
        try:
            found = await self._get(f"id eq '{quoted}'", 2)
        except PullError as error:
            if not error.broken:
                raise
            log.get().error("pull.without_evidence", alert=str(alert.get("id")), error=str(error))
            found = []
        return next((one for one in found if _version(one) == _version(alert)), alert)

    async def _get(self, which: str, top: int, *, evidence: bool = True) -> list[dict[str, Any]]:
        query = {"$filter": which, "$orderby": "lastUpdateTime asc", "$top": str(top)}
        if evidence:
            query["$expand"] = "evidence"
        return objects(await ask(self._client, "GET", "/api/alerts", params=query), "value")

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()


def _version(alert: dict[str, Any]) -> str:
    """Return what tells one version of an alert from every other record."""
    if alert.get("id") and alert.get("lastUpdateTime"):
        return f"{alert['id']}@{alert['lastUpdateTime']}"
    return hashlib.blake2b(orjson.dumps(alert), digest_size=16).hexdigest()
