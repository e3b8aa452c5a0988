"""Conducts one drill: lays its stage out, begins the flow, watches it until it ends; says at any time how it stands."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any

from hinomi.cli.acting.letters import Letter, Letters
from hinomi.cli.drill.options import AUTO
from hinomi.cli.drill.plan import Plan
from hinomi.cli.drill.roles import ASKS, Roles
from hinomi.cli.drill.score import Score, told
from hinomi.cli.drill.stage import Stage
from hinomi.clock import iso, parse_iso
from hinomi.directory import Person
from hinomi.reports.drill import Item, Sheet

LOOK = 0.5
"""Seconds between two looks."""
STILL = 6.0
"""Seconds without any change after which a flow of played roles is called standing, if no deadline is to come."""
SETTLED = ("done", "failed", "cancelled", "stopped")
EXPECTED = 60.0
"""Seconds within which an incident must be there."""


@dataclass
class Seen:
    """What can be shown at one moment."""

    plan: Plan
    sent_to: str = ""
    phase: str = ""
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    items: list[Item] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    incident: dict[str, Any] | None = None
    runs: list[dict[str, Any]] = field(default_factory=list)


class Conductor:
    """Runs one drill; ``on_change`` is called whenever something new is to be shown."""

    def __init__(self, folder: Path, plan: Plan, on_change: Callable[[Seen], None]):
        self.plan, self.stage = plan, Stage(folder, plan)
        self.seen = Seen(plan, self.stage.sent_to)
        self._score = Score({entry.playbook.id: entry.playbook for entry in plan.entries}, plan.directory)
        self.on_change, self._moved = on_change, time.monotonic()
        self._letters = Letters(self.stage.mail, plan.directory.people)
        self._roles: Roles | None = None

    def hold(self) -> str:
        """Hold the drill; return how it ended: finished, stands, limit, interrupted (by Ctrl-C, once it has begun).

        Raises:
            HinomiError: If a process of the drill did not get ready or ended.
        """
        self._say("the drill's own installation is laid out")
        self.stage.lay_out()
        self._say("the drill's hinomi serve is starting")
        self.stage.start()
        if self.plan.options.played_by == AUTO:
            self._roles = Roles(self.plan, self.stage.admin, self.stage.api, self._told)
        self.seen.began = datetime.now(UTC)
        self.plan.flow.begin(self.stage)
        self._say("訓練 / the drill is on")
        try:
            ended_by = self._watch()
        except KeyboardInterrupt:
            ended_by = "interrupted"
        self._look()
        return ended_by

    def _say(self, phase: str) -> None:
        self.seen.phase = phase
        self.on_change(self.seen)

    def _told(self, what: str, person: Person, about: str) -> None:
        self._moved = time.monotonic()
        self.seen.lines.append(f"{person.role} {person.id}: {what} ({about})")

    # --- watching ---------------------------------------------------------------------------------

    def _watch(self) -> str:
        end = time.monotonic() + self.plan.options.limit * 60
        while time.monotonic() < end:
            self.stage.processes.alive()
            self._look()
            if self.seen.runs and all(run["state"] in SETTLED for run in self.seen.runs):
                return "finished"
            if self._roles is not None and self._stands(self._roles, end - time.monotonic()):
                return "stands"
            time.sleep(LOOK)
        return "limit"

    def _look(self) -> None:
        letters = list(self._letters.new())
        self.seen.lines += map(self._line, letters)
        if self._roles is not None:
            self._roles.take(letters)
        try:
            self.seen.incident, self.seen.runs = self._asked()
        except (OSError, HTTPException):
            return
        now = datetime.now(UTC)
        items = self._score.items(self.seen.incident, self.seen.runs, now)
        if letters or [i.verdict for i in items] != [i.verdict for i in self.seen.items]:
            self._moved = time.monotonic()
        self.seen.items = items
        self.on_change(self.seen)

    def _asked(self) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
        """Return the drill's incident and its runs."""
        found = self.stage.admin.call("GET", f"incidents?category={self.plan.flow.facts['category']}")["items"]
        if not found:
            return None, []
        incident = self.stage.admin.call("GET", f"incidents/{found[-1]['id']}")
        return incident, [self.stage.admin.call("GET", f"runs/{run['id']}") for run in incident["runs"]]

    def _line(self, letter: Letter[Person]) -> str:
        """Say who was written to; where people answer, also how."""
        person, mail = letter.person, letter.mail
        told = f"mail to {f'{person.role} {person.id}' if person else mail.to}: {mail.template}"
        if self._roles is not None:
            return told
        by_key = f"hinomi approval list --config {self.stage.config}" if mail.template in ASKS else ""
        return f"{told}  {mail.link or by_key}".rstrip()

    def _stands(self, roles: Roles, left: float) -> bool:
        """Tell whether nothing will happen any more: nobody is about to answer, and no deadline comes in time."""
        quiet = time.monotonic() - self._moved
        if roles.busy or quiet < STILL:
            return False
        if not self.seen.runs:
            return quiet > EXPECTED
        last = datetime.now(UTC) + timedelta(seconds=left)
        open_waits = [wait for run in self.seen.runs for wait in run["waits"] if wait["state"] == "open"]
        to_come = [moment for wait in open_waits for moment in wait["remind_at"]]
        to_come += [wait["due_at"] for wait in open_waits if wait["due_at"] and not wait["escalated_at"]]
        acting = [
            s
            for run in self.seen.runs
            for s in run["steps"]
            if s["state"] in ("intent", "sent", "accepted") and s["kind"] == "do"
        ]
        to_come += [step["verify_until"] for step in acting if step["verify_until"]]
        return not any(parse_iso(moment) <= last for moment in to_come)

    # --- the sheet --------------------------------------------------------------------------------

    def sheet(self, ended_by: str) -> Sheet:
        """Return the score as it stands; serve must still run."""
        plan, seen, directory = self.plan, self.seen, self.plan.directory
        modes = {entry.playbook.id: plan.material.modes[entry.playbook.id] for entry in plan.entries}
        reports = [row for row in self.stage.admin.call("GET", "reports")["items"] if row["path"]]
        names = ("number", "kind", "title", "path", "sha256")
        return Sheet(
            flow=plan.flow.name, title=plan.flow.title, tenant=plan.device.tenant, school=directory.tenant_name(plan.device.tenant),
            device=plan.device.asset_no or plan.device.id, played_by=plan.options.played_by, pace=plan.options.pace, seed=plan.options.seed,
            began=iso(seen.began), ended=iso(datetime.now(UTC)), ended_by=ended_by, sent_to=self.stage.sent_to, items=seen.items, modes=modes,
            reminders=told(seen.incident, "reminder"), escalations=told(seen.incident, "overdue"), messages=len(told(seen.incident, "message")),
            requests=self.stage.world.requests(), reports=[{name: row[name] for name in names} for row in reports], notes=plan.notes,
            audit=self.stage.admin.call("GET", "audit/verify"),
        )  # fmt: skip
