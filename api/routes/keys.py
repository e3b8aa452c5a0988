"""Keys: made, listed, revoked by those with the scope admin."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from hinomi.api import keys
from hinomi.api.auth import Admins, Parts

router = APIRouter(prefix="/api/v1/keys", tags=["keys"])


class NewKey(BaseModel):
    """What a key may do, and where."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    scopes: list[str]
    tenant: str = ""
    role: str = ""
    sources: list[str] | None = None
    person: str | None = None
    days: int | None = Field(default=None, ge=1, le=3650)


@router.get("")
def list_keys(parts: Parts, who: Admins) -> dict[str, object]:
    """List keys, without secrets."""
    with parts.state.read() as conn:
        return {"items": keys.list_keys(conn, who.grant), "cursor": None}


@router.post("", status_code=201)
def create_key(parts: Parts, who: Admins, new: NewKey) -> dict[str, object]:
    """Make a key; it is shown in this answer and never again."""
    now = parts.clock.now()
    with parts.state.write() as conn:
        key_id, secret = keys.create(conn, now, who.grant, **new.model_dump())
    return {"id": key_id, "key": secret, "name": new.name, "scopes": new.scopes, "tenant": new.tenant}


class Why(BaseModel):
    """The reason of an act."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=2000)


@router.delete("/{key_id}")
def revoke_key(parts: Parts, who: Admins, key_id: str, why: Why | None = None) -> dict[str, object]:
    """Revoke a key."""
    with parts.state.write() as conn:
        keys.revoke(conn, parts.clock.now(), who.grant, key_id, why.reason if why else "")
    return {"id": key_id, "revoked": True}
