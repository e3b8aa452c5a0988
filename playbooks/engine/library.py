"""Where playbooks come from, and which mode each has: shipped, of other packages, of the settings' folders."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from sqlalchemy import Connection, desc, insert, select

from hinomi import audit
from hinomi.clock import iso
from hinomi.errors import ConfigError, Faults, HinomiError, NotFoundError, RefusedError
from hinomi.playbooks.engine.graph import STRANGE
from hinomi.playbooks.engine.model import MODES, Playbook, parse, read
from hinomi.registry import extensions
from hinomi.settings import Settings
from hinomi.state import t, upsert
from hinomi.tenancy import Grant


@dataclass(frozen=True)
class Entry:
    """A playbook and the text it was read from, pinned by its hash."""

    playbook: Playbook
    body: str
    sha256: str
    where: str


def _folders(settings: Settings) -> Iterator[Path]:
    if settings.playbooks.shipped:
        yield Path(str(files("hinomi.playbooks") / "library"))
    for point in extensions("hinomi.playbooks"):
        yield Path(str(files(point.load().__name__)))
    for folder in settings.playbooks.folders:
        yield settings.resolve(folder)


def load_library(settings: Settings) -> dict[str, Entry]:
    """Return id → playbook; one in a later folder (the settings') wins.

    Raises:
        Faults: Naming the faults of all files.
    """
    found: dict[str, Entry] = {}
    faults: list[HinomiError] = []
    for folder in _folders(settings):
        for path in sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")]):
            try:
                playbook, body = read(path)
            except Faults as error:
                faults += error.faults
            except HinomiError as error:
                faults.append(error)
            else:
                found[playbook.id] = Entry(playbook, body, hashlib.sha256(body.encode()).hexdigest(), str(path))
    if faults:
        raise Faults(faults)
    return found


def mode_of(conn: Connection, entry: Entry) -> str:
    """Return the mode that was set last, else the file's own."""
    table = t.activation
    asked = select(table.c.mode).where(table.c.playbook == entry.playbook.id).order_by(desc(table.c.id)).limit(1)
    return str(conn.execute(asked).scalar_one_or_none() or entry.playbook.mode)


def activate(
    conn: Connection, library: dict[str, Entry], playbook: str, mode: str, grant: Grant, reason: str, now: datetime
) -> None:
    """Set a playbook's mode; runs under way keep theirs."""
    grant.demand("admin")
    if playbook not in library:
        raise NotFoundError(f"no playbook {playbook!r}", hint=f"known: {', '.join(sorted(library))}")
    if mode not in MODES:
        raise ConfigError(f"unknown mode {mode!r}", hint=f"known: {', '.join(MODES)}")
    if mode == "live" and (strange := library[playbook].playbook.strange()):
        raise RefusedError(f"{playbook} was imported, and {strange}", hint=f"{STRANGE}; simulate and shadow work")
    row = {"playbook": playbook, "mode": mode, "actor": grant.actor, "reason": reason, "at": iso(now)}
    conn.execute(insert(t.activation).values(**row))
    detail = {"mode": mode, "reason": reason, "sha256": library[playbook].sha256}
    audit.record(conn, now, actor=grant.actor, act="playbook.activate", object=f"playbook:{playbook}", detail=detail)


def pin(conn: Connection, entry: Entry, now: datetime) -> None:
    """Keep the text that a run was started with."""
    row = {
        "sha256": entry.sha256,
        "id": entry.playbook.id,
        "version": entry.playbook.version,
        "body": entry.body,
        "loaded_at": iso(now),
    }
    conn.execute(upsert(conn, t.playbook).values(**row).on_conflict_do_nothing(index_elements=["sha256"]))


_parsed: dict[str, Playbook] = {}


def pinned(conn: Connection, sha256: str) -> Playbook:
    """Return the playbook that a run was started with, whatever the files say now."""
    if sha256 not in _parsed:
        body = conn.execute(select(t.playbook.c.body).where(t.playbook.c.sha256 == sha256)).scalar_one()
        _parsed[sha256] = parse(body, f"playbook {sha256[:12]}")
    return _parsed[sha256]
