"""Incidents that a person reports: a PC that is lost or stolen, a mail or chat that went to the wrong person.

A repeat of the same report joins what is open: one lost PC is one incident, one mis-sent message (who, when) is one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from sqlalchemy import Connection, select

from hinomi.clock import iso
from hinomi.directory import Device, Directory, Person
from hinomi.errors import ConfigError, ConflictError, NotFoundError
from hinomi.playbooks.incidents import incidents, timeline
from hinomi.playbooks.incidents.incidents import CATEGORIES, OnChange
from hinomi.state import t
from hinomi.tenancy import Grant, within

KindName = Literal["lost_device", "missent"]


class Kind(NamedTuple):
    """One kind of report: how grave it is until more is known, and what it is called."""

    severity: str
    title: str
    title_ja: str


KINDS: Mapping[str, Kind] = {
    "lost_device": Kind("high", "Device lost or stolen", CATEGORIES["lost_device"]),
    "missent": Kind("medium", "Mail or chat sent to the wrong person", CATEGORIES["missent"]),
}
AHEAD = timedelta(minutes=10)
"""How far the clock of whoever reports may be ahead of ours."""


@dataclass(frozen=True)
class Report:
    """What a person reports. ``device`` is an id, a name or an asset number; times are aware."""

    kind: KindName
    reported_by: str
    device: str = ""
    occurred_at: datetime | None = None
    what: str = ""
    title: str = ""


@dataclass(frozen=True)
class Opened:
    """The incident that a report is in; ``fresh`` if it was opened for it."""

    incident: str
    fresh: bool


def open_reported(
    conn: Connection, directory: Directory, grant: Grant, report: Report, now: datetime, on_change: OnChange
) -> Opened:
    """Open an incident of internal cause, or join the open one of the same PC or message.

    Raises:
        NotFoundError: If the person or the device is not in the caller's subtree.
        ConfigError: If the device is not one of the person's school, or the time lies ahead.
    """
    person = directory.person(report.reported_by, grant.tenant)
    if person is None:
        raise NotFoundError(f"nobody is called {report.reported_by!r}", hint="an id or an account of people.csv")
    device = _device(directory, grant, person, report)
    tenant = device.tenant if device else person.tenant
    if not tenant:
        raise ConfigError(f"{person.id} belongs to no school", hint="name somebody of the school, or the device")
    grant.demand("act", tenant)
    occurred = report.occurred_at or now
    if occurred > now + AHEAD:
        raise ConfigError(f"{iso(occurred)} lies ahead", hint="when it happened, or was noticed")
    entity = _entity(report.kind, person, device, occurred)
    actor = grant.actor
    if known := incidents.find_open(conn, tenant, entity, report.kind):
        text = f"同じ事案の報告が加わりました{f'：{report.what}' if report.what else ''}"
        timeline.add(conn, known["id"], kind="reported", actor=actor, now=now, text=text, data={"by": person.id})
        return Opened(str(known["id"]), fresh=False)
    kind = KINDS[report.kind]
    facts = {
        "kind": report.kind, "reported_by": person.id, "what": report.what,
        **({"occurred_at": iso(report.occurred_at)} if report.occurred_at else {}),
        **({"device": device.id} if device else {}),
    }  # fmt: skip
    made = incidents.open_incident(
        conn, now=now, actor=actor, tenant=tenant, entity=entity, category=report.kind, cause="internal", severity=kind.severity,
        title=report.title or kind.title, title_ja=report.title or kind.title_ja, host=device.id if device else None, user=person.id,
        facts=facts, on_change=on_change,
    )  # fmt: skip
    return Opened(made, fresh=True)


def is_live(conn: Connection, incident: str) -> bool:
    """Tell whether a playbook acts for an incident: if none does, nobody is told by hinomi."""
    found = select(t.run.c.id).where((t.run.c.incident == incident) & (t.run.c.mode == "live"))
    return conn.execute(found.limit(1)).first() is not None


def _device(directory: Directory, grant: Grant, person: Person, report: Report) -> Device | None:
    """Return the device that is meant; of a lost one that nobody names, the only one of whoever reports it."""
    if report.device:
        found = _named(directory, grant, report.device)
        if not within(found.tenant, person.tenant):
            hint = f"a device below {person.tenant}; or name somebody of its school as who reports it"
            raise ConfigError(f"{found.id} is no device of {person.id}'s school", hint=hint)
        return found
    if report.kind != "lost_device":
        return None
    own = [device for device in directory.devices if device.owner == person.id]
    if len(own) > 1:
        which = ", ".join(device.id for device in own)
        raise ConfigError(f"{person.id} has several devices", hint=f"say which one is lost: {which}")
    return own[0] if own else None


def _named(directory: Directory, grant: Grant, ref: str) -> Device:
    """Return a device by id, name or asset number."""
    tagged = [d for d in directory.devices if d.asset_no.lower() == ref.lower() and within(d.tenant, grant.tenant)]
    if directory.device(ref, grant.tenant) is None and len(tagged) == 1:
        return tagged[0]
    if len(tagged) > 1:
        raise ConflictError(f"{ref!r} is the asset number of several devices", hint=", ".join(d.id for d in tagged))
    return directory.the_device(ref, grant.tenant)


def _entity(kind: str, person: Person, device: Device | None, occurred: datetime) -> str:
    """Return what the incident is about: the PC, else the person and the minute."""
    if kind == "lost_device" and device is not None:
        return f"host:{device.id}"
    return f"user:{person.id}#{iso(occurred)[:16]}"
