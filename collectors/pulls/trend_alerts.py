"""Trend Vision One Workbench alerts: by update time, oldest first, page by page.

Page: automation.trendmicro.com/xdr/api-v3, ``GET /v3.0/workbench/alerts`` (``startDateTime``, ``dateTimeTarget``, ``orderBy``;
``nextLink`` names the next page). Times have whole seconds; an alert that changed is a new version of the same id.
"""

import hashlib
from typing import Any
from urllib.parse import urlsplit

import orjson

from hinomi.collectors.pulls import Page, pulls
from hinomi.collectors.pulls.asking import ask, objects
from hinomi.collectors.pulls.bearer import KeyClient, KeySettings, own_of, table_of
from hinomi.collectors.pulls.boundary import Own, advance

PATH = "/v3.0/workbench/alerts"


@pulls.register("trend.alerts")
class TrendAlerts:
    """Cursor: the newest updatedDateTime seen, ISO."""

    def __init__(self, vendor: dict[str, Any], source: dict[str, Any]):
        self._client = KeyClient(table_of(KeySettings, vendor))
        self._own = own_of(Own, source)
        self._top = self._own.top

    async def fetch(self, cursor: str | None) -> Page:
        """Return what was updated since a cursor: as many of the vendor's pages as make one of ours."""
        start = self._own.start(cursor)
        found, more = await self._since(start.strftime("%Y-%m-%dT%H:%M:%SZ"))
        newest = advance(cursor, start, (alert.get("updatedDateTime") for alert in found))
        if more and cursor is not None and newest <= cursor:  # one instant holds more than a page: ask for more at once
            self._top = min(self._top * 2, 10_000)
        elif not more:
            self._top = self._own.top
        return Page([(_version(alert), orjson.dumps(alert)) for alert in found], newest, last=not more)

    async def _since(self, boundary: str) -> tuple[list[dict[str, Any]], bool]:
        query = {"startDateTime": boundary, "dateTimeTarget": "updatedDateTime", "orderBy": "updatedDateTime asc"}
        answer = await ask(self._client, "GET", PATH, params=query)
        found = objects(answer, "items")
        while (path := next_of(answer, PATH)) and len(found) < self._top:
            answer = await ask(self._client, "GET", path)
            found += objects(answer, "items")
        return found, bool(path)

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()


def next_of(answer: dict[str, Any], path: str) -> str:
    """Return path and query of an answer's next page, empty if there is none: a link never leads to another host or call."""
    link = urlsplit(str(answer.get("nextLink") or ""))
    return f"{path}?{link.query}" if link.query and link.path.rstrip("/").endswith(path) else ""


def hosts_of(alert: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the hosts that an alert is about: {guid, name, ips}."""
    scope = alert.get("impactScope")
    entities = scope.get("entities") if isinstance(scope, dict) else None
    found = [item for item in entities if isinstance(item, dict)] if isinstance(entities, list) else []
    values = [item.get("entityValue") for item in found if item.get("entityType") == "host"]
    return [value for value in values if isinstance(value, dict)]


def _version(alert: dict[str, Any]) -> str:
    """Return what tells one version of an alert from every other record: changes may share a second."""
    return f"{alert.get('id')}@{hashlib.blake2b(orjson.dumps(alert), digest_size=16).hexdigest()}"
