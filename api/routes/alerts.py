"""Alerts: list, show, and answer many at once."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from hinomi.api.auth import Acts, Parts, Reads
from hinomi.playbooks.incidents import alerts

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])


class Act(BaseModel):
    """Which alerts (by number or id, or by filter), and why."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] = Field(default_factory=list, max_length=10_000)
    filter: dict[str, str] | None = None
    reason: str = Field(min_length=1, max_length=2000)
    assignee: str | None = None
    disposition: str | None = None


@router.get("")
def list_alerts(
    parts: Parts, who: Reads, limit: int = 50, cursor: str | None = None, status: str | None = None, level: str | None = None,
    rule: str | None = None, host: str | None = None, tenant: str | None = None, incident: str | None = None, since: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """List alerts, newest first; ``since`` is of their last update."""
    filters = {
        "status": status,
        "level": level,
        "rule_id": rule,
        "host": host,
        "tenant": tenant,
        "incident": incident,
        "since": since,
    }
    with parts.state.read() as conn:
        items, after = alerts.list_alerts(conn, who.grant, limit=min(limit, 1000), cursor=cursor, **filters)
    return {"items": items, "cursor": after}


@router.get("/{ref}")
def get_alert(parts: Parts, who: Reads, ref: str) -> dict[str, Any]:
    """Show one alert with its evidence."""
    with parts.state.read() as conn:
        return alerts.get_alert(conn, who.grant, ref)


@router.post("/{verb}")
def act(parts: Parts, who: Acts, verb: Literal["acknowledge", "assign", "close"], asked: Act) -> dict[str, Any]:
    """Acknowledge, assign or close; each alert's outcome is told."""
    with parts.state.write() as conn:
        outcome = alerts.act(conn, who.grant, verb, parts.clock.now(), **asked.model_dump())
    return {"items": outcome, "cursor": None}
