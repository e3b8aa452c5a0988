"""The playbook engine: a journaled state machine on the state store. Functions over rows; no memory of its own.

`Engine` is what others hold: it brings the parts (directory, vendors, channels, reports, library)
together and hands a caller's transaction to the module that knows.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from hinomi import audit
from hinomi.clock import iso
from hinomi.directory import Directory
from hinomi.errors import ConflictError
from hinomi.links import Links
from hinomi.playbooks.channels import Channel, Room
from hinomi.playbooks.engine import answers, by_hand, duties, library, runs, steps, waits
from hinomi.playbooks.engine.guards import KILLSWITCH
from hinomi.playbooks.engine.reports import ReportBuilder
from hinomi.playbooks.engine.rows import Row
from hinomi.playbooks.vendors import Adapter, Request
from hinomi.settings import Settings
from hinomi.state import set_setting
from hinomi.tenancy import Grant

if TYPE_CHECKING:
    from hinomi.playbooks.engine.library import Entry


class Engine:
    """The playbooks of one installation, and the parts they act through."""

    def __init__(
        self,
        settings: Settings,
        links: Links,
        directory: Callable[[Connection], Directory],
        adapters: Mapping[str, Adapter],
        channels: Mapping[str, Channel | Room],
        reports: ReportBuilder | None,
    ):
        """Read the library.

        Raises:
            Faults: If a playbook cannot be read.
        """
        self.settings, self.links, self.directory = settings, links, directory
        self.adapters, self.channels, self.reports = adapters, channels, reports
        self.rooms = [channel for channel in channels.values() if isinstance(channel, Room)]
        self.library: dict[str, Entry] = library.load_library(settings)

    def channels_for(self, role: str) -> list[Channel]:
        """Return the channels to a person of a role, in order: those whose settings name the role, then mail."""
        direct = [(name, channel) for name, channel in self.channels.items() if not isinstance(channel, Room)]
        named = [
            channel for name, channel in direct
            if name != "mail" and role in self.settings.channels.get(name, {}).get("roles", ())
        ]  # fmt: skip
        return named + [channel for name, channel in direct if name == "mail"]

    def on_incident(self, conn: Connection, incident: str, now: datetime) -> None:
        """Match playbooks with an incident that was opened or changed; start what fits; look at duties to report."""
        runs.on_incident(self, conn, incident, now)
        duties.on_incident(self, conn, incident, now)

    def advance(self, conn: Connection, run: str, now: datetime) -> None:
        """Start the steps of a run whose turn has come."""
        runs.advance(self, conn, run, now)

    def tick(self, conn: Connection, now: datetime) -> None:
        """Do what time asks for: reminders, escalations, reviews."""
        waits.tick(self, conn, now)

    def decide(
        self,
        conn: Connection,
        wait: str,
        grant: Grant,
        choice: str,
        reason: str,
        *,
        via: str,
        now: datetime,
        role: str | None = None,
    ) -> None:
        """Decide, approve, deny, or report a task as done."""
        waits.decide(self, conn, wait, grant, choice, reason, via=via, now=now, role=role)

    def answer(self, conn: Connection, account: str, value: str, nonce: str, now: datetime) -> None:
        """Count a click of a room's member."""
        answers.answer(self, conn, account, value, nonce, now)

    def opened(self, conn: Connection, receipt: str, now: datetime) -> None:
        """Note that a link was opened."""
        waits.opened(conn, receipt, now)

    def receive(self, conn: Connection, receipt: str, via: str, now: datetime, noted_by: str | None = None) -> bool:
        """Count a receipt; return whether it counted now (False: it had before)."""
        return waits.receive(self, conn, receipt, via, now, noted_by)

    def note_receipt(
        self, conn: Connection, wait: str, person: str, how: str, reason: str, grant: Grant, now: datetime
    ) -> None:
        """Note a receipt by phone."""
        waits.note_receipt(self, conn, wait, person, how, reason, grant, now)

    def report_submitted(self, conn: Connection, report: Row, actor: str, now: datetime) -> None:
        """Send a report that its author has submitted; its answers may change what the law asks for."""
        steps.report.submitted(conn, report, actor, now)
        duties.look(self, conn, report["incident"], now)

    def steer(
        self, conn: Connection, run: str, verb: str, grant: Grant, reason: str, now: datetime, step: str | None = None
    ) -> None:
        """Pause, resume, retry or skip."""
        runs.steer(self, conn, run, verb, grant, reason, now, step)

    def isolate(
        self, conn: Connection, device: str, grant: Grant, reason: str, now: datetime, vendor: str = ""
    ) -> dict[str, Any]:
        """Cut a device off by hand; ``vendor`` is needed where several products know it."""
        return by_hand.act(self, conn, device, "endpoint.isolate", grant, reason, now, vendor)

    def release(
        self, conn: Connection, device: str, grant: Grant, reason: str, now: datetime, vendor: str = ""
    ) -> dict[str, Any]:
        """Lift a device's cut-off by hand."""
        return by_hand.act(self, conn, device, "endpoint.release", grant, reason, now, vendor)

    def plan(self, conn: Connection, device: str, action: str, grant: Grant, vendor: str = "") -> Request:
        """Return the exact request of an act by hand; nothing is sent."""
        return by_hand.plan(self, conn, device, action, grant, vendor)

    def set_killswitch(self, conn: Connection, on: bool, grant: Grant, reason: str, now: datetime) -> None:
        """Switch all acts on devices off or on."""
        grant.demand("act", "")
        if not reason.strip():
            raise ConflictError("a reason is needed")
        set_setting(conn, KILLSWITCH, on, iso(now))
        audit.record(conn, now, actor=grant.actor, act="killswitch.set", detail={"on": on, "reason": reason})

    def activate(self, conn: Connection, playbook: str, mode: str, grant: Grant, reason: str, now: datetime) -> None:
        """Set a playbook's mode."""
        library.activate(conn, self.library, playbook, mode, grant, reason, now)
