"""Events: search and show. A search is audited; what it may see is ANDed in the event store."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from hinomi import audit
from hinomi.api.auth import Parts, Reads
from hinomi.errors import NotFoundError
from hinomi.event import nested
from hinomi.events import Aggregate, Query, Term
from hinomi.events.query import parse, window

router = APIRouter(prefix="/api/v1/events", tags=["events"])


class Search(BaseModel):
    """A query as people write it: field=value, field~part, field>n, bare words, ANDed."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(default="", max_length=4000)
    since: str = "24h"
    until: str = "now"
    limit: int = Field(default=50, ge=1, le=1000)
    cursor: str | None = None
    table: str = Field(default="events", pattern="^(events|egress)$")


@router.post("/search")
def search(parts: Parts, who: Reads, asked: Search) -> dict[str, Any]:
    """Return one page of events, newest first, flat ECS."""
    now = parts.clock.now()
    since, until = window(asked.since, asked.until, now)
    query = Query(
        grant=who.grant, since=since, until=until, terms=parse(asked.query), limit=asked.limit, cursor=asked.cursor,
        table="egress" if asked.table == "egress" else "events",
    )  # fmt: skip
    found = parts.store().search(query)
    with parts.state.write() as conn:
        detail = {"query": asked.query, "since": since, "until": until, "rows": len(found.events)}
        audit.record(conn, now, actor=who.grant.actor, act="events.search", tenant=who.grant.tenant, detail=detail)
    return {"items": found.events, "cursor": found.cursor, "since": since, "until": until}


class Count(BaseModel):
    """What to count, and by which fields (at most three)."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(default="", max_length=4000)
    since: str = "24h"
    until: str = "now"
    by: list[str] = Field(default_factory=list, max_length=3)
    limit: int = Field(default=100, ge=1, le=1000)
    table: str = Field(default="events", pattern="^(events|egress)$")


@router.post("/count")
def count(parts: Parts, who: Reads, asked: Count) -> dict[str, Any]:
    """Return how many events a query finds, by the values of fields, most first."""
    now = parts.clock.now()
    since, until = window(asked.since, asked.until, now)
    query = Query(
        grant=who.grant, since=since, until=until, terms=parse(asked.query), table="egress" if asked.table == "egress" else "events"
    )  # fmt: skip
    buckets = parts.store().aggregate(Aggregate(query, by=tuple(asked.by), limit=asked.limit))
    with parts.state.write() as conn:
        detail = {"query": asked.query, "by": asked.by, "since": since, "until": until, "rows": len(buckets)}
        audit.record(conn, now, actor=who.grant.actor, act="events.count", tenant=who.grant.tenant, detail=detail)
    items = [
        {**dict(zip(asked.by, bucket.key, strict=True)), "count": bucket.count, "first": bucket.first, "last": bucket.last} for bucket in buckets
    ]  # fmt: skip
    return {"items": items, "cursor": None, "since": since, "until": until}


@router.get("/{event_id}")
def show(parts: Parts, who: Reads, event_id: str) -> dict[str, Any]:
    """Return one event as a nested ECS document."""
    query = Query(grant=who.grant, since="1970-01-01T00:00:00.000000Z", until="9999-01-01T00:00:00.000000Z",
                  terms=(Term("event.id", "=", event_id),), limit=1)  # fmt: skip
    found = parts.store().search(query)
    if not found.events:
        raise NotFoundError(f"no event {event_id!r}", hint="it may not be stored yet (a few seconds), or has expired")
    return nested(found.events[0])
