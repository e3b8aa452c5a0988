"""Decisions, approvals, tasks and receipts: everything that waits for somebody."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from hinomi.api.auth import Acts, Parts, Reads
from hinomi.errors import RefusedError
from hinomi.playbooks.engine import views

router = APIRouter(prefix="/api/v1", tags=["waits"])


class Choice(BaseModel):
    """What is chosen, and why."""

    model_config = ConfigDict(extra="forbid")

    choice: str = Field(min_length=1, max_length=100)
    reason: str = Field(default="", max_length=2000)


class Note(BaseModel):
    """A receipt that came by another way than the button."""

    model_config = ConfigDict(extra="forbid")

    person: str
    how: str = "phone"
    reason: str = Field(min_length=1, max_length=2000)


def _list(parts: Parts, who: Acts, kind: str, state: str | None, incident: str | None) -> dict[str, Any]:
    with parts.state.read() as conn:
        return {"items": views.list_waits(conn, who.grant, kind=kind, state=state, incident=incident), "cursor": None}


@router.get("/decisions")
def decisions(parts: Parts, who: Reads, state: str | None = "open", incident: str | None = None) -> dict[str, Any]:
    """List decisions that wait."""
    return _list(parts, who, "decision", state, incident)


@router.get("/approvals")
def approvals(parts: Parts, who: Reads, state: str | None = "open", incident: str | None = None) -> dict[str, Any]:
    """List approvals that wait."""
    return _list(parts, who, "approval", state, incident)


@router.get("/tasks")
def tasks(parts: Parts, who: Reads, state: str | None = "open", incident: str | None = None) -> dict[str, Any]:
    """List manual tasks that wait."""
    return _list(parts, who, "task", state, incident)


@router.get("/receipts")
def receipts(parts: Parts, who: Reads, state: str | None = "open", incident: str | None = None) -> dict[str, Any]:
    """List receipts that are waited for, each with the people it was sent to."""
    return _list(parts, who, "receipt", state, incident)


def _decide(parts: Parts, who: Reads, wait: str, choice: Choice) -> dict[str, Any]:
    with parts.state.write() as conn:
        parts.engine.decide(
            conn, wait, who.grant, choice.choice, choice.reason, via="api", now=parts.clock.now(), role=who.role or None
        )
    parts.poke()
    return {"id": wait, "choice": choice.choice}


@router.post("/decisions/{wait}")
def decide(parts: Parts, who: Acts, wait: str, choice: Choice) -> dict[str, Any]:
    """Decide."""
    return _decide(parts, who, wait, choice)


@router.post("/approvals/{wait}")
def approve(parts: Parts, who: Acts, wait: str, choice: Choice) -> dict[str, Any]:
    """Approve or deny."""
    if choice.choice not in ("approve", "deny"):
        raise RefusedError(f"{choice.choice!r} is neither approve nor deny")
    return _decide(parts, who, wait, choice)


@router.post("/tasks/{wait}")
def finish_task(parts: Parts, who: Acts, wait: str, choice: Choice) -> dict[str, Any]:
    """Report a manual task as done."""
    return _decide(parts, who, wait, choice)


@router.post("/receipts/{wait}/note")
def note_receipt(parts: Parts, who: Acts, wait: str, note: Note) -> dict[str, Any]:
    """Note a receipt by phone; the one who notes it is kept beside it."""
    with parts.state.write() as conn:
        parts.engine.note_receipt(conn, wait, note.person, note.how, note.reason, who.grant, parts.clock.now())
    parts.poke()
    return {"id": wait, "noted": True}
