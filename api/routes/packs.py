"""Packs of rules: brought, switched on and off, removed and brought back; rules switched off one by one."""

from base64 import b64decode
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from hinomi import audit
from hinomi.api.auth import Admins, Caller, Parts, Reads
from hinomi.api.deps import Deps
from hinomi.clock import iso
from hinomi.detections.packs import archive, keeping
from hinomi.detections.packs import shelf as packs
from hinomi.detections.packs.shelf import Off, Pack, Shelf
from hinomi.errors import ConfigError, NotFoundError

router = APIRouter(prefix="/api/v1", tags=["rules"])
_STATES: dict[str, Literal["enabled", "disabled", "removed"]] = {
    "enable": "enabled",
    "disable": "disabled",
    "remove": "removed",
}


class NewPack(BaseModel):
    """A zip or a tar.gz in Base64; one of the same name takes the place of the one before."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=63)
    content: str = Field(max_length=archive.PACKED * 4 // 3 + 4)
    reason: str = Field(min_length=1, max_length=500)
    enabled: bool = True


class Switch(BaseModel):
    """What is done to a pack, or to a rule by its id or name, and why."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=500)


@router.get("/packs")
def list_packs(parts: Parts, who: Reads) -> dict[str, Any]:
    """List packs, also those that can be brought back."""
    with parts.state.read() as conn:
        shelf = keeping.kept(conn)
    return {"items": [msgspec.to_builtins(pack) for pack in shelf.packs.values()], "cursor": None}


@router.post("/packs", status_code=201)
def add_pack(parts: Parts, who: Admins, new: NewPack) -> dict[str, Any]:
    """Bring a pack: its files are complete before the first of its rules is read."""
    who.grant.demand("admin", "")
    name = packs.name_of(new.name)
    try:
        content = archive.read(b64decode(new.content, validate=True), name)
    except ValueError as error:
        raise ConfigError(f"content is no Base64: {error}") from error
    digest = packs.unpack(parts.settings.data, content.files)
    now = parts.clock.now()
    state: Literal["enabled", "disabled"] = "enabled" if new.enabled else "disabled"
    pack = Pack(name, digest, packs.rules_in(content.files), state, who.grant.actor, iso(now), new.reason)
    _change(
        parts, who, lambda shelf: shelf.added(pack, now), f"pack:{name}", "pack.add", new.reason, {"digest": digest}
    )
    return {**msgspec.to_builtins(pack), "left_out": content.left_out[:100]}


@router.post("/packs/{name}/{act}")
def switch_pack(
    parts: Parts, who: Admins, name: str, act: Literal["enable", "disable", "remove"], why: Switch
) -> dict[str, Any]:
    """Switch a pack on, off, or remove it; for 30 days, ``enable`` brings a removed one back."""
    who.grant.demand("admin", "")
    now, state = parts.clock.now(), _STATES[act]
    shelf = _change(
        parts, who, lambda shelf: shelf.switched(name, state, who.grant.actor, now, why.reason), f"pack:{name}", f"pack.{act}", why.reason
    )  # fmt: skip
    return dict(msgspec.to_builtins(shelf.packs[name]))


@router.post("/rules/{rule:path}/{act}")
def switch_rule(parts: Parts, who: Admins, rule: str, act: Literal["enable", "disable"], why: Switch) -> dict[str, Any]:
    """Switch one rule (a correlation, an exception) off, or on again, wherever it comes from."""
    who.grant.demand("admin", "")
    now = parts.clock.now()
    with parts.state.read() as conn:
        known = keeping.kept(conn).off
    name, title = (rule, known[rule].title) if rule in known else _found(parts, rule)
    off = None if act == "enable" else Off(title, who.grant.actor, iso(now), why.reason)
    _change(parts, who, lambda shelf: shelf.with_rule(name, off), f"rule:{name}", f"rule.{act}", why.reason)
    return {"id": name, "title": title, "state": _STATES[act]}


def _found(parts: Deps, rule: str) -> tuple[str, str]:
    """Return id and title of a rule that is loaded, or is an exception on one."""
    ruleset = parts.rules()
    known = {name: found.info.title for name, found in ruleset.compiled.items()}
    known |= {item.id: item.title for found in ruleset.compiled.values() for item in found.filters}
    names = {found.name: name for name, found in ruleset.compiled.items() if found.name}
    name = names.get(rule, rule)
    if name not in known:
        raise NotFoundError(f"no rule is called {rule!r}", hint="hinomi rule list; hinomi rule list --off")
    return name, known[name]


def _change(
    parts: Deps, who: Caller, change: Callable[[Shelf], Shelf], thing: str, act: str, reason: str, detail: dict[str, Any] | None = None
) -> Shelf:  # fmt: skip
    now = parts.clock.now()
    with parts.state.write() as conn:
        shelf = change(keeping.kept(conn))
        keeping.keep(conn, shelf, now)
        audit.record(
            conn, now, actor=who.grant.actor, act=act, object=thing, detail={"reason": reason, **(detail or {})}
        )
    with parts.state.read() as conn:
        keeping.publish(parts.settings.data, conn, now)
    return shelf
