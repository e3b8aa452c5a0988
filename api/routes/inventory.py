"""Rules, sources, directory: what is loaded, what is received, who there is (shown, and imported)."""

import json
from typing import Any

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from hinomi.api.auth import Admins, Parts, Reads
from hinomi.directory import load, save
from hinomi.directory.importing import import_files
from hinomi.tenancy import within

router = APIRouter(prefix="/api/v1", tags=["inventory"])
LISTS = ("tenants", "people", "devices", "rules")


@router.get("/sources")
def sources(parts: Parts, who: Reads) -> dict[str, Any]:
    """List sources with what came through them since `serve` was started."""
    try:
        counted = json.loads((parts.settings.data / "run" / "sources.json").read_text())
    except (OSError, ValueError):
        counted = {}
    items = [
        {"name": name, "kind": table.kind, "formats": list(table.formats), "tenant": table.tenant, "trusted": table.trusted_for_containment,
         **counted.get(name, {})}
        for name, table in sorted(parts.settings.sources.items())
        if within(table.tenant, who.grant.tenant)
    ]  # fmt: skip
    return {"items": items, "cursor": None}


@router.get("/directory")
def directory(parts: Parts, who: Reads) -> dict[str, Any]:
    """Show the newest version of the directory, of the caller's subtree."""
    with parts.state.read() as conn:
        found = load(conn)
    shown: dict[str, Any] = {"version": found.version}
    for name in LISTS:
        rows = [msgspec.to_builtins(row) for row in getattr(found, name)]
        shown[name] = [row for row in rows if within(row.get("tenant", row.get("path", "")), who.grant.tenant)]
    return shown


class Lists(BaseModel):
    """The text of tenants.csv, people.csv, devices.csv and, where there are class rules, class_rules.csv."""

    model_config = ConfigDict(extra="forbid")

    files: dict[str, str]


@router.post("/directory")
def import_directory(parts: Parts, who: Admins, lists: Lists) -> dict[str, int]:
    """Import a whole new version of the directory; every row that does not fit is named, and then nothing is imported."""
    who.grant.demand("admin", "")
    found = import_files({name: text.encode() for name, text in lists.files.items()})
    with parts.state.write() as conn:
        version = save(conn, found, who.grant.actor, parts.clock.now())
    parts.poke()
    return {"version": version, **{name: len(getattr(found, name)) for name in LISTS}}
