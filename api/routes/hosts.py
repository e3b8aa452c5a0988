"""Devices: what was observed of them, and cutting one off by hand."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from hinomi.api.auth import Acts, Parts, Reads
from hinomi.playbooks.engine import views

router = APIRouter(prefix="/api/v1/hosts", tags=["hosts"])


class Act(BaseModel):
    """Why; or only what would be sent. ``vendor``: by which product, where several know the device."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=2000)
    dry_run: bool = False
    vendor: str = Field(default="", max_length=100)


@router.get("")
def list_hosts(
    parts: Parts,
    who: Reads,
    state: str | None = None,
    tenant: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> dict[str, Any]:
    """List devices with what was last observed of them."""
    with parts.state.read() as conn:
        items = views.list_hosts(
            conn, who.grant, parts.engine.directory(conn), parts.clock.now(), state=state, tenant=tenant
        )
    start = int(cursor) if cursor and cursor.isdigit() else 0
    after = start + limit
    return {"items": items[start:after], "cursor": str(after) if after < len(items) else None}


@router.get("/{device}")
def show_host(parts: Parts, who: Reads, device: str) -> dict[str, Any]:
    """Show one device: observed state with its age, holds, what is under way."""
    with parts.state.read() as conn:
        return views.show_host(conn, who.grant, parts.engine.directory(conn), device, parts.clock.now())


@router.post("/{device}/{verb}")
def act(parts: Parts, who: Acts, device: str, verb: Literal["isolate", "release"], body: Act) -> dict[str, Any]:
    """Isolate or release by hand; ``dry_run`` returns the exact request and sends nothing."""
    if body.dry_run:
        with parts.state.read() as conn:
            plan = parts.engine.plan(conn, device, f"endpoint.{verb}", who.grant, body.vendor)
        return {"method": plan.method, "url": plan.url, "body": plan.body, "sent": False}
    with parts.state.write() as conn:
        do = parts.engine.isolate if verb == "isolate" else parts.engine.release
        outcome = do(conn, device, who.grant, body.reason, parts.clock.now(), body.vendor)
    parts.poke()
    return outcome
