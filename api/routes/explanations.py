"""Why a rule matches a stored event or does not."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from hinomi import audit
from hinomi.api.auth import Parts, Reads
from hinomi.detections.explaining import explain
from hinomi.detections.offline.choosing import chosen
from hinomi.errors import NotFoundError
from hinomi.events import Query, Term

router = APIRouter(prefix="/api/v1/explanations", tags=["rules"])


class Question(BaseModel):
    """A rule by id, name or a part of its title, and an event by id."""

    model_config = ConfigDict(extra="forbid")

    rule: str = Field(min_length=1, max_length=500)
    event: str = Field(min_length=1, max_length=100)


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
    ruleset = parts.rules()
    rules = chosen(ruleset, asked.rule)
    items = [explain(ruleset.compiled, rule, found.events[0], parts.settings.rules.lists) for rule in rules[:20]]
    with parts.state.write() as conn:
        detail = {"rules": rules[:20], "event": asked.event}
        audit.record(conn, parts.clock.now(), actor=who.grant.actor, act="events.explain", tenant=who.grant.tenant, detail=detail)  # fmt: skip
    return {"items": items, "cursor": None}
