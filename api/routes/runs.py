"""Playbooks, their runs, and the kill switch."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from hinomi.api.auth import Acts, Admins, Parts, Reads
from hinomi.errors import NotFoundError
from hinomi.playbooks.engine import guards, library, rows, views
from hinomi.playbooks.engine.model import parse
from hinomi.playbooks.incidents import queries
from hinomi.playbooks.rehearsal import Rehearsals
from hinomi.playbooks.rehearsal.answering import Prompt
from hinomi.playbooks.rehearsal.scenes import Real
from hinomi.playbooks.rehearsal.telling import check_choices, told
from hinomi.reports.paper import PaperBuilder
from hinomi.state import t

router = APIRouter(prefix="/api/v1", tags=["playbooks"])


class Steer(BaseModel):
    """Why, and for retry and skip which step."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=2000)
    step: str | None = None


class Mode(BaseModel):
    """The mode to set, and why."""

    model_config = ConfigDict(extra="forbid")

    mode: str
    reason: str = Field(min_length=1, max_length=2000)


class Simulate(BaseModel):
    """A playbook's text, the incident (or the alert's) it is played for, and what is answered."""

    model_config = ConfigDict(extra="forbid")

    body: str = Field(max_length=1_000_000)
    incident: str = ""
    alert: str = ""
    answers: dict[str, str] = Field(default_factory=dict)
    nobody: bool = False


class Switch(BaseModel):
    """On or off, and why."""

    model_config = ConfigDict(extra="forbid")

    on: bool
    reason: str = Field(min_length=1, max_length=2000)


@router.get("/runs")
def list_runs(
    parts: Parts,
    who: Reads,
    state: str | None = None,
    incident: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> dict[str, Any]:
    """List runs, newest first."""
    with parts.state.read() as conn:
        items, after = views.list_runs(
            conn, who.grant, state=state, incident=incident, limit=min(limit, 1000), cursor=cursor
        )
    return {"items": items, "cursor": after}


@router.get("/runs/{run}")
def show_run(parts: Parts, who: Reads, run: str) -> dict[str, Any]:
    """Show one run with its steps, waits and receipts."""
    with parts.state.read() as conn:
        return views.show_run(conn, who.grant, run)


@router.post("/runs/{run}/{verb}")
def steer(
    parts: Parts, who: Acts, run: str, verb: Literal["pause", "resume", "retry", "skip"], body: Steer
) -> dict[str, Any]:
    """Pause, resume, retry a failed step, or write one off."""
    with parts.state.write() as conn:
        parts.engine.steer(conn, run, verb, who.grant, body.reason, parts.clock.now(), body.step)
    parts.poke()
    return {"id": run, "verb": verb}


@router.get("/playbooks")
def list_playbooks(parts: Parts, who: Reads) -> dict[str, Any]:
    """List playbooks with their mode."""
    with parts.state.read() as conn:
        items = [
            {"id": name, "version": entry.playbook.version, "mode": library.mode_of(conn, entry), "title": entry.playbook.title.get("ja", name),
             "steps": len(entry.playbook.steps), "sha256": entry.sha256, "where": entry.where}
            for name, entry in sorted(parts.engine.library.items())
        ]  # fmt: skip
    return {"items": items, "cursor": None}


@router.get("/playbooks/{playbook}")
def show_playbook(parts: Parts, who: Reads, playbook: str) -> dict[str, Any]:
    """Show one playbook as it is written."""
    if playbook not in parts.engine.library:
        raise NotFoundError(f"no playbook {playbook!r}", hint="hinomi playbook list")
    entry = parts.engine.library[playbook]
    return {"id": playbook, "body": entry.body, "sha256": entry.sha256, "where": entry.where}


@router.post("/playbooks/simulate")
def simulate(parts: Parts, who: Reads, body: Simulate) -> dict[str, Any]:
    """Play a playbook for an incident that there is: with its people and devices, on paper; nothing is sent or kept."""
    playbook = parse(body.body, "playbook")
    check_choices(playbook, body.answers)
    with parts.state.read() as conn:
        ref = body.incident or queries.one(conn, t.alert, who.grant, body.alert, "alert")["incident"]
        if not ref:
            raise NotFoundError(f"alert {body.alert} opened no incident", hint="hinomi alert show")
        incident = queries.one(conn, t.incident, who.grant, ref, "incident")
        scene = Real(parts.engine.directory(conn), incident, rows.find(conn, t.alert, incident=incident["id"]))
    with Rehearsals(playbook, body.body, PaperBuilder, parts.settings, parts.engine.adapters) as rehearsals:
        return told(rehearsals.play(scene, Prompt(body.answers, nobody=body.nobody), {}))


@router.post("/playbooks/{playbook}/activate")
def activate(parts: Parts, who: Admins, playbook: str, body: Mode) -> dict[str, Any]:
    """Set a playbook's mode."""
    with parts.state.write() as conn:
        parts.engine.activate(conn, playbook, body.mode, who.grant, body.reason, parts.clock.now())
    return {"id": playbook, "mode": body.mode}


@router.get("/killswitch")
def killswitch(parts: Parts, who: Reads) -> dict[str, Any]:
    """Say whether acts on devices are switched off."""
    with parts.state.read() as conn:
        return {"on": guards.killswitch(conn)}


@router.post("/killswitch")
def set_killswitch(parts: Parts, who: Acts, body: Switch) -> dict[str, Any]:
    """Switch all acts on devices off or on."""
    with parts.state.write() as conn:
        parts.engine.set_killswitch(conn, body.on, who.grant, body.reason, parts.clock.now())
    return {"on": body.on}
