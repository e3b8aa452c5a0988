"""What the system knows of an incident, read in one snapshot: the part of a report nobody has to write."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, select

from hinomi import audit, directory
from hinomi.clock import parse_iso
from hinomi.directory import Device, Directory, Person
from hinomi.playbooks.incidents import timeline
from hinomi.playbooks.messages import names
from hinomi.state import t
from hinomi.tenancy import municipality

Row = dict[str, Any]


def _rows(conn: Connection, table: Table, order: str, **values: Any) -> list[Row]:
    asked = select(table).order_by(table.c[order])
    for name, value in values.items():
        asked = asked.where(table.c[name].in_(value) if isinstance(value, list) else table.c[name] == value)
    return [dict(row._mapping) for row in conn.execute(asked)]


@dataclass(frozen=True)
class Facts:
    """One incident with everything that belongs to it, and who is who."""

    now: datetime
    report: Row
    incident: Row
    to: str
    people: Directory
    alerts: list[Row]
    timeline: list[Row]
    steps: list[Row]
    waits: list[Row]
    receipts: list[Row]
    device_state: Row | None
    holds: list[Row]
    keys: dict[str, Row]
    answers: Mapping[str, tuple[str, Any]]
    audit_head: audit.Head
    earlier: dict[str, str] = field(default_factory=dict)
    source_names: Mapping[str, str] = field(default_factory=dict)
    decisions: list[Row] = field(default_factory=list)
    found: Any = None
    """What the report's kind has found in the event store."""

    # --- who and where ---------------------------------------------------------------------------

    @property
    def device(self) -> Device | None:
        """The device of the incident, if the directory knows it."""
        host = self.incident["host"]
        return self.people.device(host, self.incident["tenant"]) if host else None

    @property
    def device_name(self) -> str:
        """Name and asset number of the device, or what was observed."""
        device = self.device
        if device is None:
            return str(self.incident["host"] or "")
        return f"{device.name}（資産番号 {device.asset_no or '未登録'}）"

    @property
    def owner(self) -> str:
        """The device's owner, by name."""
        device = self.device
        return self.who(f"person:{device.owner}") if device and device.owner else ""

    @property
    def school(self) -> str:
        """The school (or whatever the incident's tenant is)."""
        return self.people.tenant_name(self.incident["tenant"])

    @property
    def board(self) -> str:
        """The board of education of the municipality."""
        name = self.people.tenant_name(municipality(self.incident["tenant"]))
        return name if "教育委員会" in name else f"{name}教育委員会"

    def person(self, ref: str) -> Person | None:
        """Return a person by id, wherever they are."""
        return next((person for person in self.people.people if person.id == ref), None)

    def who(self, actor: str | None) -> str:
        """Return an actor as people read it: name and role."""
        return names.who(actor, self.people, self.keys)

    @property
    def reporter(self) -> str:
        """The author with the place they belong to; empty while nobody has submitted."""
        author = self.report["author"] or ""
        person = self.person(author.partition(":")[2])
        place = self.people.tenant_name(person.tenant) if person and person.tenant else ""
        return "・".join(part for part in (self.who(author), place) if part)

    # --- times -----------------------------------------------------------------------------------

    @property
    def isolated_at(self) -> datetime | None:
        """When the first isolation was seen to be so; None if it never was."""
        return self._verified("isolated", first=True)

    @property
    def released_at(self) -> datetime | None:
        """When the last release was seen to be so; None while the device is held."""
        if any(hold["released_at"] is None for hold in self.holds):
            return None
        return self._verified("released", first=False)

    def _verified(self, state: str, *, first: bool) -> datetime | None:
        seen = [e["at"] for e in self.timeline if e["kind"] == "verified" and e["data"].get("state") == state]
        return parse_iso(seen[0 if first else -1]) if seen else None

    def step(self, *actions: str) -> Row | None:
        """Return the newest step that carries out one of these actions."""
        found = [row for row in self.steps if row["action"] in actions]
        return found[-1] if found else None

    def of_flow(self, number: int) -> tuple[Row | None, Row | None]:
        """Return the newest (step, wait) that is the numbered one of the documented flow."""
        steps = [row for row in self.steps if row["flow"] == number]
        waits = [row for row in self.waits if row["flow"] == number]
        return (steps[-1] if steps else None), (waits[-1] if waits else None)

    def approvers(self, wait: str) -> str:
        """Return who has said yes to an approval, each once."""
        actors = [one["actor"] for one in self.decisions if one["wait"] == wait and one["choice"] == "approve"]
        return "、".join(self.who(actor) for actor in dict.fromkeys(actors))

    def receipts_of(self, wait: Row | None) -> list[Row]:
        """Return the receipts that were asked for under a wait."""
        return [row for row in self.receipts if wait is not None and row["wait"] == wait["id"]]

    def answer(self, name: str) -> Any:
        """Return the newest answer to a question, of this report or an earlier one."""
        own = self.report["fields"]
        return own[name] if name in own else self.answers.get(name, ("", None))[1]


def gather(
    conn: Connection, report: Row, now: datetime, carried: Mapping[str, tuple[str, Any]], *, to: str, source_names: Mapping[str, str]
) -> Facts:  # fmt: skip
    """Read everything about a report's incident; ``to`` is the role it goes to where its step does not say.

    ``source_names`` are what the settings call sources: id → name.
    """
    incident = _rows(conn, t.incident, "id", id=report["incident"])[0]
    runs = [row["id"] for row in _rows(conn, t.run, "started_at", incident=incident["id"])]
    steps = sorted(_rows(conn, t.step, "name", run=runs), key=lambda row: row["started_at"] or "")
    waits = _rows(conn, t.wait, "opened_at", incident=incident["id"])
    asked = {row["id"]: row["text"] for row in waits}
    own = next((row for row in steps if row["id"] == report["step"]), None)
    device = incident["host"] or ""
    people = directory.load(conn)
    known = people.device(device, incident["tenant"]) if device else None
    states = _rows(conn, t.device_state, "device", device=known.id if known else device)
    return Facts(
        now=now,
        report=report,
        incident=incident,
        to=str(((own or {}).get("detail") or {}).get("to") or to),
        people=people,
        alerts=_rows(conn, t.alert, "number", incident=incident["id"]),
        timeline=timeline.of(conn, incident["id"]),
        steps=steps,
        waits=waits,
        receipts=_rows(conn, t.receipt, "id", wait=[row["id"] for row in waits]),
        device_state=states[0] if states else None,
        holds=_rows(conn, t.hold, "since", incident=incident["id"]),
        keys={row["id"]: row for row in _rows(conn, t.api_key, "id")},
        answers=carried,
        audit_head=audit.head(conn),
        source_names=source_names,
        decisions=[{**one, "text": asked[one["wait"]]} for one in _rows(conn, t.decision, "id", wait=list(asked))],
    )
