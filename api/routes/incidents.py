"""Incidents: list, show, open by a person's report, note, decide, assign, change, close, merge, split."""

from datetime import UTC, timedelta
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from hinomi import audit
from hinomi.api.auth import Acts, Parts, Reads
from hinomi.clock import iso
from hinomi.errors import NotFoundError
from hinomi.events.query import moment
from hinomi.links import MAX_AGE
from hinomi.playbooks.engine import views
from hinomi.playbooks.incidents import incidents, queries, reported
from hinomi.state import t

router = APIRouter(prefix="/api/v1/incidents", tags=["incidents"])


class Body(BaseModel):
    """What an act on an incident may carry."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(default="", max_length=4000)
    reason: str = Field(default="", max_length=2000)
    choice: str = ""
    assignee: str = ""
    disposition: str = ""
    severity: str | None = None
    category: str | None = None
    into: str = ""
    alerts: list[int] = Field(default_factory=list)


class Reported(BaseModel):
    """What a person reports: what has happened, to which PC, when; ``occurred_at`` as in a search (2h, a date, an ISO time)."""

    model_config = ConfigDict(extra="forbid")

    cause: Literal["internal"]
    kind: reported.KindName
    reported_by: str = Field(min_length=1, max_length=200)
    device: str = Field(default="", max_length=200)
    occurred_at: str = Field(default="", max_length=60)
    what: str = Field(default="", max_length=4000)
    title: str = Field(default="", max_length=200)


class Person(BaseModel):
    """Whose link it is."""

    model_config = ConfigDict(extra="forbid")

    person: str = Field(min_length=1, max_length=200)


@router.get("")
def list_incidents(
    parts: Parts, who: Reads, limit: int = 50, cursor: str | None = None, status: str | None = None, severity: str | None = None,
    category: str | None = None, host: str | None = None, tenant: str | None = None, assignee: str | None = None, since: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """List incidents, newest first."""
    filters = {
        "status": status,
        "severity": severity,
        "category": category,
        "host": host,
        "tenant": tenant,
        "assignee": assignee,
        "since": since,
    }
    with parts.state.read() as conn:
        items, after = incidents.list_incidents(conn, who.grant, limit=min(limit, 1000), cursor=cursor, **filters)
    return {"items": items, "cursor": after}


@router.post("", status_code=201)
def open_incident(parts: Parts, who: Acts, body: Reported) -> dict[str, Any]:
    """Open an incident that somebody has reported, or join the one that is open for the same PC or message."""
    now = parts.clock.now()
    occurred = moment(body.occurred_at, now).astimezone(UTC) if body.occurred_at else None
    report = reported.Report(body.kind, body.reported_by, body.device, occurred, body.what.strip(), body.title.strip())
    with parts.state.write() as conn:
        directory = parts.engine.directory(conn)
        opened = reported.open_reported(conn, directory, who.grant, report, now, parts.engine.on_incident)
        incident = queries.one(conn, t.incident, who.grant, opened.incident, "incident")
        live = reported.is_live(conn, opened.incident)
    parts.poke()
    keep = ("id", "number", "tenant", "category", "severity", "host", "opened_at")
    return {**{name: incident[name] for name in keep}, "opened": opened.fresh, "live": live}


@router.post("/links", status_code=201)
def make_link(parts: Parts, who: Acts, body: Person) -> dict[str, Any]:
    """Make a person's own link to the page on which they report; it holds for 90 days."""
    now = parts.clock.now()
    with parts.state.write() as conn:
        person = parts.engine.directory(conn).person(body.person, who.grant.tenant)
        if person is None:
            raise NotFoundError(f"nobody is called {body.person!r}", hint="an id or an account of people.csv")
        who.grant.demand("act", person.tenant)
        audit.record(
            conn, now, actor=who.grant.actor, act="link.make", object=f"person:{person.id}", tenant=person.tenant,
            detail={"purpose": "open"},
        )  # fmt: skip
    url = f"{parts.settings.api.url}/i/{parts.links.make('open', person.id, now)}"
    return {"person": person.id, "url": url, "until": iso(now + timedelta(seconds=MAX_AGE))}


@router.get("/{ref}")
def get_incident(parts: Parts, who: Reads, ref: str) -> dict[str, Any]:
    """Show one incident with alerts, runs, reports and timeline."""
    with parts.state.read() as conn:
        return incidents.get_incident(conn, who.grant, ref)


@router.post("/{ref}/note")
def note(parts: Parts, who: Acts, ref: str, body: Body) -> dict[str, Any]:
    """Write a note on the timeline."""
    with parts.state.write() as conn:
        incidents.note(conn, who.grant, ref, body.text, parts.clock.now())
    return {"id": ref, "noted": True}


@router.post("/{ref}/decide")
def decide(parts: Parts, who: Acts, ref: str, body: Body) -> dict[str, Any]:
    """Decide what the incident's playbook asks now, or report its manual task as done."""
    with parts.state.write() as conn:
        waiting = [
            wait for kind in ("decision", "task") for wait in views.list_waits(conn, who.grant, kind=kind, incident=ref)
        ]
        fitting = [wait for wait in waiting if body.choice in (wait["options"] or ())]
        if not fitting:
            options = ", ".join(option for wait in waiting for option in wait["options"] or ())
            raise NotFoundError(f"no decision {body.choice!r} is asked for", hint=f"asked for: {options or 'nothing'}")
        parts.engine.decide(
            conn,
            fitting[0]["id"],
            who.grant,
            body.choice,
            body.reason,
            via="api",
            now=parts.clock.now(),
            role=who.role or None,
        )
    parts.poke()
    return {"id": ref, "choice": body.choice}


@router.post("/{ref}/assign")
def assign(parts: Parts, who: Acts, ref: str, body: Body) -> dict[str, Any]:
    """Assign an incident."""
    with parts.state.write() as conn:
        incidents.assign(conn, who.grant, ref, body.assignee, parts.clock.now())
    return {"id": ref, "assignee": body.assignee}


@router.post("/{ref}/change")
def change(parts: Parts, who: Acts, ref: str, body: Body) -> dict[str, Any]:
    """Change severity or category; playbooks are matched again."""
    with parts.state.write() as conn:
        incidents.change(
            conn, who.grant, ref, severity=body.severity, category=body.category, reason=body.reason, now=parts.clock.now(),
            on_change=parts.engine.on_incident,
        )  # fmt: skip
    parts.poke()
    return {"id": ref, "changed": True}


@router.post("/{ref}/close")
def close(parts: Parts, who: Acts, ref: str, body: Body) -> dict[str, Any]:
    """Close an incident that holds no device."""
    with parts.state.write() as conn:
        incidents.close(conn, who.grant, ref, body.disposition, body.reason, parts.clock.now())
    return {"id": ref, "status": "closed"}


@router.post("/{ref}/merge")
def merge(parts: Parts, who: Acts, ref: str, body: Body) -> dict[str, Any]:
    """Merge an incident into another."""
    with parts.state.write() as conn:
        incidents.merge(conn, who.grant, ref, body.into, body.reason, parts.clock.now())
    return {"id": ref, "merged_into": body.into}


@router.post("/{ref}/split")
def split(parts: Parts, who: Acts, ref: str, body: Body) -> dict[str, Any]:
    """Take alerts out into a new incident."""
    with parts.state.write() as conn:
        made = incidents.split(
            conn, who.grant, ref, body.alerts, body.reason, parts.clock.now(), parts.engine.on_incident
        )
    parts.poke()
    return {"id": made}
