"""Pull: asks a vendor's API in turns; the cursor is committed together with the records it stands behind.

An overlap is asked for again and known ids are left out; backoff with jitter on errors, Retry-After kept.
"""

import asyncio
import json
import random
from asyncio import Event as Stop
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from hinomi import log
from hinomi.collectors.pulls import Page, PullApi, PullError, pulls
from hinomi.collectors.sources import Batch, Sink, SourceContext, own_settings, sources
from hinomi.errors import ConfigError

SEEN = 5000
LONGEST_PAUSE = 300.0
LONGEST_WAIT = 3600.0
"""Seconds that a vendor may have us wait."""


class PullSettings(BaseModel):
    """Keys of a source of kind pull; others belong to its API."""

    model_config = ConfigDict(extra="allow")

    api: str = Field(description="Name of a pull API, such as defender.alerts.")
    vendor: str = Field(description="Table under [vendors] with its address and credentials.")
    interval: float = Field(default=15.0, gt=0, description="Seconds between questions.")


@sources.register("pull")
class PullSource:
    """One vendor's listing."""

    keys = PullSettings

    def __init__(self, context: SourceContext):
        self.own = own_settings(PullSettings, context)
        if self.own.vendor not in context.all.vendors:
            raise ConfigError(f"no table [vendors.{self.own.vendor}]", hint="add it with base_url and credentials")
        self.name = context.name
        extra: dict[str, Any] = dict(self.own.__pydantic_extra__ or {})
        self._api = pulls.get(self.own.api)(context.all.vendors[self.own.vendor], extra)
        self._failures = 0

    async def run(self, sink: Sink, stop: Stop) -> None:
        """Ask until ``stop``."""
        api = self._api
        try:
            while not stop.is_set():
                pause = await self._turn(api, sink)
                try:
                    async with asyncio.timeout(pause):
                        await stop.wait()
                except TimeoutError:
                    pass
        finally:
            await api.close()

    async def _turn(self, api: PullApi, sink: Sink) -> float:
        try:
            page = await api.fetch(_text(sink.state("cursor")))
        except PullError as error:
            self._failures += 1
            jitter = random.uniform(0.5, 1.0)  # noqa: S311 - no secret
            pause: float = min(self.own.interval * 2 ** min(self._failures, 6), LONGEST_PAUSE) * jitter
            pause = max(pause, min(error.retry_after or 0.0, LONGEST_WAIT))
            log.get().error(
                "pull.failed", source=self.name, error=str(error), failures=self._failures, again_in=round(pause, 1)
            )
            return pause
        self._failures = 0
        moved = await self._keep(page, sink)
        return self.own.interval if page.last or not moved else 0.0

    async def _keep(self, page: Page, sink: Sink) -> bool:
        """Make a page's new records and its cursor durable; return whether there was anything new."""
        seen: list[str] = json.loads(sink.state("seen") or b"[]")
        known = set(seen)
        fresh = []
        for vendor_id, raw in page.records:
            if vendor_id not in known:
                known.add(vendor_id)
                fresh.append((vendor_id, raw))
        backfill = sink.state("live") is None
        state: dict[str, bytes | None] = {"cursor": page.cursor.encode()}
        if backfill and page.last:
            state["live"] = b"1"
        if not fresh and sink.state("cursor") == state["cursor"] and "live" not in state:
            return False
        asked = dict.fromkeys(vendor_id for vendor_id, _ in page.records)
        kept = [vendor_id for vendor_id in seen if vendor_id not in asked] + list(asked)  # the newest asked for, last
        state["seen"] = json.dumps(kept[-max(SEEN, len(asked)) :]).encode()
        records = [(f"{page.cursor}:{vendor_id}", raw) for vendor_id, raw in fresh]
        await sink.put(Batch(records, state, backfill=backfill))
        return True


def _text(value: bytes | None) -> str | None:
    return value.decode() if value is not None else None
