"""Drills that were held: the audit keeps who, when and with what result; nothing else of a drill is here."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from hinomi import audit
from hinomi.api.auth import Acts, Parts

router = APIRouter(prefix="/api/v1/drills", tags=["drills"])


class Held(BaseModel):
    """What is to be kept of a drill."""

    model_config = ConfigDict(extra="forbid")

    flow: str = Field(min_length=1, max_length=60)
    tenant: str = Field(max_length=200)
    began_at: str = Field(max_length=40)
    ended_at: str = Field(max_length=40)
    ended_by: str = Field(max_length=40)
    played_by: str = Field(max_length=40)
    total: int = Field(ge=0)
    in_time: int = Field(ge=0)
    late: int = Field(ge=0)
    never: int = Field(ge=0)
    sheet_sha256: str = Field(default="", max_length=64)


@router.post("", status_code=201)
def held(parts: Parts, who: Acts, drill: Held) -> dict[str, Any]:
    """Note in the audit that a drill was held."""
    who.grant.demand("act", drill.tenant)
    detail = drill.model_dump(exclude={"tenant"})
    with parts.state.write() as conn:
        head = audit.record(
            conn, parts.clock.now(), actor=who.grant.actor, act="drill.held", tenant=drill.tenant, detail=detail
        )
    return {"recorded": head.records}
