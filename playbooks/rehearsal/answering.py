"""Who answers in a rehearsal: those whom a test lets answer, at its times; or everybody, soon."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection, select

from hinomi.clock import iso, parse_iso
from hinomi.errors import ConflictError, HinomiError, NotFoundError
from hinomi.playbooks.engine import Engine, people, rows
from hinomi.playbooks.engine.rows import Row
from hinomi.playbooks.rehearsal.cases import Answer
from hinomi.state import t
from hinomi.tenancy import SCOPES, Grant

RECEIVED, SUBMITTED = "received", "submitted"
KINDS = {RECEIVED: ("receipt",), SUBMITTED: ("report",)}
"""What an answer is to; every other one is to a decision, an approval or a task."""
THINKING = timedelta(minutes=1)
TO_CHOOSE = ("decision", "approval", "task")


class Answers(Protocol):
    """Says what is answered."""

    problems: list[str]

    def next(self, conn: Connection) -> datetime | None:
        """Return when the next answer comes."""
        ...

    def give(self, engine: Engine, conn: Connection, now: datetime) -> None:
        """Give the answers whose time has come."""
        ...


class Scripted:
    """Answers as a test has them."""

    def __init__(self, answers: Sequence[Answer], began: datetime):
        self._left = sorted(answers, key=lambda one: one.at)
        self._began = began
        self.problems: list[str] = []

    def next(self, conn: Connection) -> datetime | None:
        """Return when the next answer comes."""
        return self._began + self._left[0].at if self._left else None

    def give(self, engine: Engine, conn: Connection, now: datetime) -> None:
        """Give those whose time has come; what nobody has asked for, or may not answer, is a problem of the test."""
        while self._left and self._began + self._left[0].at <= now:
            one = self._left.pop(0)
            try:
                with conn.begin_nested():
                    answer(engine, conn, _asked(conn, one), one.answer, now, role=one.by)
            except HinomiError as error:
                self.problems.append(f"{one.step} was not answered {one.answer}: {error}")


class Prompt:
    """Everybody answers a minute after they are asked: what is chosen, else the first choice. Or nobody does."""

    def __init__(self, chosen: Mapping[str, str], *, nobody: bool = False):
        self._chosen, self._nobody = chosen, nobody
        self._silent: set[str] = set()
        self.problems: list[str] = []

    def next(self, conn: Connection) -> datetime | None:
        """Return when the next answer comes."""
        return min((parse_iso(wait["opened_at"]) + THINKING for wait in self._open(conn)), default=None)

    def give(self, engine: Engine, conn: Connection, now: datetime) -> None:
        """Answer what was asked a minute ago."""
        for wait in self._open(conn):
            if parse_iso(wait["opened_at"]) + THINKING <= now:
                self._answer(engine, conn, wait, now)

    def _open(self, conn: Connection) -> list[Row]:
        waits = [] if self._nobody else rows.find(conn, t.wait, state="open")
        return [wait for wait in waits if wait["id"] not in self._silent]

    def _answer(self, engine: Engine, conn: Connection, wait: Row, now: datetime) -> None:
        name = rows.get(conn, t.step, wait["step"])["name"] if wait["step"] else ""
        chosen, options = self._chosen.get(name, ""), list(wait["options"] or [])
        choice = {"receipt": RECEIVED, "report": SUBMITTED}.get(wait["kind"]) or (
            chosen if chosen in options else options[0]
        )
        while rows.get(conn, t.wait, wait["id"])["state"] == "open":  # a quorum needs several
            try:
                with conn.begin_nested():
                    answer(engine, conn, wait, choice, now)
            except HinomiError as error:
                self.problems.append(f"{name or wait['kind']} is not answered: {error}")
                self._silent.add(wait["id"])
                return


def _asked(conn: Connection, one: Answer) -> Row:
    """Return the open wait that an answer is to."""
    kinds = KINDS.get(one.answer, TO_CHOOSE)
    steps = [row["id"] for row in rows.find(conn, t.step, name=one.step)]
    found = [wait for wait in rows.find(conn, t.wait, step=steps) if wait["kind"] in kinds] if steps else []
    waiting = [wait for wait in found if wait["state"] == "open"]
    late = [wait for wait in found if wait["kind"] == "report" and wait["outcome"] == "not_submitted"]
    if not waiting and not late:
        why = f"it was over: {found[-1]['outcome'] or found[-1]['state']}" if found else "nothing was asked by then"
        raise NotFoundError(why)
    return (waiting or late)[0]


def answer(engine: Engine, conn: Connection, wait: Row, choice: str, now: datetime, *, role: str | None = None) -> None:
    """Answer a wait as one of its role (or of ``role``) who has not answered yet.

    Raises:
        HinomiError: If it does not count, as the engine says.
    """
    incident = rows.get(conn, t.incident, wait["incident"])
    holders = [person.id for person in people.holders(engine.directory(conn), incident, role or wait["role"])]
    if wait["kind"] == "receipt":
        _receive(engine, conn, wait, now)
        return
    had = set(conn.execute(select(t.decision.c.actor).where(t.decision.c.wait == wait["id"])).scalars())
    left = [f"person:{holder}" for holder in holders if f"person:{holder}" not in had]
    if not left:
        raise ConflictError(f"there is nobody {'else ' if had else ''}who is {role or wait['role']}")
    if wait["kind"] == "report":
        _submit(engine, conn, wait, left[0], now)
    else:
        grant = Grant(left[0], "", SCOPES)
        engine.decide(conn, wait["id"], grant, choice, "rehearsal", via="page", now=now, role=role or wait["role"])


def _receive(engine: Engine, conn: Connection, wait: Row, now: datetime) -> None:
    found = rows.find(conn, t.receipt, wait=wait["id"], received_at=None)
    if not found:
        raise NotFoundError("nobody was told")
    engine.receive(conn, found[0]["id"], "page", now)


def _submit(engine: Engine, conn: Connection, wait: Row, actor: str, now: datetime) -> None:
    (report,) = rows.find(conn, t.report, step=wait["step"])
    rev = report["rev"] + (report["state"] == "sent")
    rows.change(conn, t.report, report["id"], rev=rev, state="submitted", author=actor, submitted_at=iso(now))
    engine.report_submitted(conn, rows.get(conn, t.report, report["id"]), actor, now)
