"""How a rehearsal begins: an incident of a paper school, or one that there is."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, insert

from hinomi.clock import iso
from hinomi.directory import Directory
from hinomi.hits import Hit, RuleInfo
from hinomi.playbooks.engine import Engine
from hinomi.playbooks.engine.guards import KILLSWITCH
from hinomi.playbooks.engine.model import Playbook
from hinomi.playbooks.incidents import alerts, incidents
from hinomi.playbooks.rehearsal import paper
from hinomi.playbooks.rehearsal.cases import Given
from hinomi.state import set_setting, t

SHA1 = "0" * 40


class Scene(Protocol):
    """What is so at the beginning."""

    directory: Directory

    def open(self, engine: Engine, conn: Connection, now: datetime) -> None:
        """Open the incident."""
        ...


@dataclass
class Paper:
    """An incident as a test, or a person at the command line, gives it."""

    playbook: Playbook
    given: Given
    directory: Directory = field(init=False)

    def __post_init__(self) -> None:
        self.directory = paper.town(self.given)

    def open(self, engine: Engine, conn: Connection, now: datetime) -> None:
        """Have a rule hit, or a person report it."""
        given, match = self.given, self.playbook.match
        cause = given.cause or _first(match.cause, "external")
        category, severity = (
            given.category or _first(match.category, "malware"),
            given.severity or _first(match.severity, "critical"),
        )
        if given.killswitch:
            set_setting(conn, KILLSWITCH, True, iso(now))
        host = paper.DEVICE if given.host else None
        by_rule = cause == "external" if given.alert is None else given.alert
        if by_rule and severity not in alerts.QUIET:
            info = RuleInfo(
                id="rehearsal",
                title="Rehearsal",
                level=severity,
                hash="",
                category=category,
                cause=cause,
                contain=given.contain,
            )
            hit = Hit(
                rule=info, generation=1, event_id="rehearsal", time=iso(now - given.age), received=iso(now), tenant=paper.SCHOOL, source="rehearsal",
                entity=f"host:{host}" if host else "user:teacher-1", host=host, host_known=given.host, user="teacher-1", trusted=given.trusted,
                backfill=given.backfill, file_class=given.file_class, event={"file.hash.sha1": SHA1} if given.file else {},
            )  # fmt: skip
            alerts.record_hits(conn, [hit], now=now, directory=self.directory, on_change=engine.on_incident)
        else:
            incidents.open_incident(
                conn, now=now, actor="system", tenant=paper.SCHOOL, entity=f"host:{host}" if host else "user:teacher-1", category=category,
                cause=cause, severity=severity, title="Rehearsal", host=host, user="teacher-1", file_class=given.file_class,
                facts={"sha1": [SHA1]} if given.file else {}, on_change=engine.on_incident,
            )  # fmt: skip


def _first(values: list[str] | None, other: str) -> Any:
    return values[0] if values else other


@dataclass
class Real:
    """An incident that there is, with its alerts, as if it opened now."""

    directory: Directory
    incident: dict[str, Any]
    alerts: list[dict[str, Any]]

    def open(self, engine: Engine, conn: Connection, now: datetime) -> None:
        """Write the rows as they are, and match playbooks."""
        conn.execute(insert(t.incident).values(**{**self.incident, "status": "open", "opened_at": iso(now)}))
        for alert in self.alerts:
            conn.execute(insert(t.alert).values(**alert))
        engine.on_incident(conn, self.incident["id"], now)
