"""Why a rule matches a stored event or does not."""

from contextlib import nullcontext
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from hinomi import audit
from hinomi.api.auth import Parts, Reads
from hinomi.detections.explaining import explain
from hinomi.detections.offline.choosing import chosen
from hinomi.detections.offline.rules import written
from hinomi.errors import NotFoundError
from hinomi.events import Query, Term
from hinomi.tenancy import Grant, within

router = APIRouter(prefix="/api/v1/explanations", tags=["rules"])


class Question(BaseModel):
    """Rules by id, name or a part of their title, and an event by id.

    ``text`` holds rules that are being written, as they stand in their files; ``rules`` are then ids in it.
    """

    model_config = ConfigDict(extra="forbid")

    rules: list[str] = Field(min_length=1, max_length=20)
    event: str = Field(min_length=1, max_length=100)
    text: str = Field(default="", max_length=1 << 20)


@router.post("/search")
def why(parts: Parts, who: Reads, asked: Question) -> dict[str, Any]:
    """Explain, clause by clause; as a search of events it is audited."""
    query = Query(grant=who.grant, since="1970-01-01T00:00:00.000000Z", until="9999-01-01T00:00:00.000000Z",
                  terms=(Term("event.id", "=", asked.event),), limit=1)  # fmt: skip
    found = parts.store().search(query)
    if not found.events:
        raise NotFoundError(
            f"no event {asked.event!r}", hint="it may not be stored yet (a few seconds), or has expired"
        )
    lists = parts.settings.rules.lists
    with written(asked.text, lists) if asked.text else nullcontext(parts.rules()) as ruleset:
        rules = [name for rule in asked.rules for name in chosen(ruleset, rule)][:20]
        items = [_seen(explain(ruleset.compiled, rule, found.events[0], lists), who.grant) for rule in rules]
    with parts.state.write() as conn:
        detail = {"rules": rules, "event": asked.event}
        audit.record(conn, parts.clock.now(), actor=who.grant.actor, act="events.explain", tenant=who.grant.tenant, detail=detail)  # fmt: skip
    return {"items": items, "cursor": None}


def _seen(item: dict[str, Any], grant: Grant) -> dict[str, Any]:
    """Leave out the exceptions of other subtrees: they except no event that the caller may see."""
    concern = [
        part
        for part in item.get("exceptions", ())
        if any(within(tenant, grant.tenant) or within(grant.tenant, tenant) for tenant in part["tenants"])
    ]
    below = [_seen(part, grant) for part in item.get("rules", ())]
    return {**item, **({"exceptions": concern} if "exceptions" in item else {}), **({"rules": below} if below else {})}
