"""What happens in a rehearsal: the rows of its state store, compared from one moment to the next."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from hinomi.clock import parse_iso
from hinomi.playbooks.engine import rows
from hinomi.playbooks.engine.rows import Row
from hinomi.state import t

STARTED, ASKED, MESSAGE, ENDED = "started", "asked", "message", "ended"
QUIET = ("waiting", "intent", "sent")
"""States of a step that are only on the way to another one."""


@dataclass(frozen=True)
class Happening:
    """One thing: ``what`` a step has become (``outcome``: how it came out), or that somebody is asked, or told."""

    at: timedelta
    step: str
    what: str
    outcome: str = ""
    who: str = ""
    due: timedelta | None = None
    """When what is asked for must be there."""
    message: str = ""
    detail: str = ""


class Watch:
    """Remembers what it has seen of a store, and says what is new."""

    def __init__(self, began: datetime, effect: Callable[[Row], str]):
        """``effect`` says what a step would do outside."""
        self._began, self._effect = began, effect
        self._steps: dict[str, tuple[str, str]] = {}
        self._waits: dict[str, str] = {}
        self._messages: set[str] = set()
        self._ended = False
        self.seen: list[Happening] = []

    def look(self, conn: Connection, now: datetime) -> bool:
        """Note what is new; return whether anything is."""
        found = [
            *self._of_steps(conn, now),
            *self._of_waits(conn, now),
            *self._of_messages(conn, now),
            *self._of_run(conn, now),
        ]
        self.seen += found
        return bool(found)

    def _of_steps(self, conn: Connection, now: datetime) -> Iterator[Happening]:
        for row in sorted(rows.find(conn, t.step), key=lambda row: str(row["started_at"])):
            last, is_now = self._steps.get(row["id"]), (str(row["state"]), str(row["outcome"] or ""))
            self._steps[row["id"]] = is_now
            if last is None and is_now[0] != "skipped":
                yield Happening(
                    now - self._began, row["name"], STARTED, who=row["vendor"] or "", detail=self._effect(row)
                )
            if is_now != (last or ("", "")) and is_now[0] not in QUIET:
                by = str(row["by"] or "").removeprefix("person:")
                yield Happening(now - self._began, row["name"], *is_now, who=by, detail=str(row["error"] or ""))

    def _of_waits(self, conn: Connection, now: datetime) -> Iterator[Happening]:
        names = {row["id"]: row["name"] for row in rows.find(conn, t.step)}
        for row in sorted(rows.find(conn, t.wait), key=lambda row: str(row["opened_at"])):
            name, last = names.get(row["step"], ""), self._waits.get(row["id"])
            is_now = "overdue" if row["escalated_at"] and row["state"] == "open" else str(row["state"])
            self._waits[row["id"]] = is_now
            what: dict[str, str] = {"who": row["role"], "detail": ", ".join(row["options"] or ())}
            if last is None:
                due = parse_iso(row["due_at"]) - self._began if row["due_at"] else None
                yield Happening(now - self._began, name, ASKED, row["kind"], due=due, **what)
            if is_now != (last or "open") and is_now != "open":
                by = str(row["by"] or "").removeprefix("person:") or row["role"]
                outcome = row["kind"] if is_now == "overdue" else str(row["outcome"] or "")
                yield Happening(now - self._began, name, "answered" if is_now == "done" else is_now, outcome, who=by)

    def _of_messages(self, conn: Connection, now: datetime) -> Iterator[Happening]:
        names = {row["id"]: row["name"] for row in rows.find(conn, t.step)}
        told: dict[tuple[str, str, str], int] = {}
        for row in rows.find(conn, t.outbox, kind="message"):
            if row["id"] not in self._messages:
                self._messages.add(row["id"])
                key = (names.get(row["step"], ""), str(row["body"]["template"]), str(row["body"]["role"]))
                told[key] = told.get(key, 0) + 1
        for (name, template, role), count in told.items():
            yield Happening(
                now - self._began, name, MESSAGE, who=role, message=template, detail=f"×{count}" if count > 1 else ""
            )

    def _of_run(self, conn: Connection, now: datetime) -> Iterator[Happening]:
        ended = any(row["state"] == "done" for row in rows.find(conn, t.run))
        if ended and not self._ended:
            self._ended = True
            yield Happening(now - self._began, "", ENDED)
