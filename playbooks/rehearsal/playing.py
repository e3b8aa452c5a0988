"""The rehearsal itself: the engine as it is, from one moment at which something is due to the next."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, func, insert, select

from hinomi import directory
from hinomi.clock import FakeClock, iso, parse_iso
from hinomi.errors import HinomiError
from hinomi.links import Links
from hinomi.playbooks.actions import actions
from hinomi.playbooks.engine import Engine, rows, runs
from hinomi.playbooks.engine.model import Playbook
from hinomi.playbooks.engine.outbox import Executor
from hinomi.playbooks.engine.reports import ReportBuilder
from hinomi.playbooks.engine.rows import Row
from hinomi.playbooks.rehearsal import paper
from hinomi.playbooks.rehearsal.answering import Answers, Scripted
from hinomi.playbooks.rehearsal.cases import WATCHED, Behaviour, Case
from hinomi.playbooks.rehearsal.scenes import Paper, Scene
from hinomi.playbooks.rehearsal.watching import Happening, Watch
from hinomi.playbooks.vendors import Adapter
from hinomi.settings import Playbooks, Settings
from hinomi.state import State, t

BEGAN = datetime(2026, 4, 6, 0, 0, tzinfo=UTC)
"""When every rehearsal begins: a morning of a school day."""
MOMENTS = 20_000
"""Moments after which a rehearsal that comes to no end is given up."""
Reports = Callable[[Settings, State], ReportBuilder]


@dataclass(frozen=True)
class Outcome:
    """What came of a rehearsal. ``problems``: answers that did not count, or that it never began or ended."""

    happenings: list[Happening]
    problems: list[str]


class Rehearsals:
    """Plays one playbook, as often as asked; use it in a ``with``."""

    def __init__(
        self,
        playbook: Playbook,
        body: str,
        reports: Reports,
        settings: Settings | None = None,
        adapters: Mapping[str, Adapter] | None = None,
    ):
        """``settings``: whose guards hold; ``adapters``: whose requests are named. None of it is acted through."""
        self._playbook, self._reports, self._adapters = playbook, reports, adapters or {}
        self._folder = Path(tempfile.mkdtemp(prefix="hinomi-rehearsal-"))
        (self._folder / "playbooks").mkdir()
        (self._folder / "playbooks" / "playbook.yml").write_text(body, encoding="utf-8")
        values = {
            "data": self._folder,
            "playbooks": Playbooks(shipped=False, folders=(self._folder / "playbooks",)),
            "channels": {},
        }
        self._settings = (settings or Settings()).model_copy(update=values)
        self._links = Links(self._folder)
        self._count = 0

    def __enter__(self) -> "Rehearsals":
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def case(self, case: Case) -> Outcome:
        """Play a test."""
        return self.play(
            Paper(self._playbook, case.given),
            Scripted(case.answers, BEGAN),
            case.vendor,
            case.until,
            isolated=case.given.isolated,
        )

    def play(
        self,
        scene: Scene,
        answers: Answers,
        behaviour: Mapping[str, Behaviour],
        until: timedelta = WATCHED,
        *,
        isolated: bool = False,
    ) -> Outcome:
        """Play it once, until its run has ended or nothing is left that could happen."""
        state = State(f"sqlite:///{self._store()}")
        clock = FakeClock(BEGAN)
        products: dict[str, Adapter] = {
            name: paper.Product(clock, behaviour, isolated=isolated, real=self._adapters.get(name))
            for name in self._adapters or (paper.PRODUCT,)
        }
        engine = Engine(
            self._settings,
            self._links,
            directory.load,
            products,
            {"mail": paper.Mail()},
            self._reports(self._settings, state),
        )
        try:
            play = _Play(state, engine, clock, answers, self._playbook)
            with state.write() as conn:
                directory.save(conn, scene.directory, "system", BEGAN)
                conn.execute(
                    insert(t.activation).values(
                        playbook=self._playbook.id, mode="live", actor="system", reason="", at=iso(BEGAN)
                    )
                )
                scene.open(engine, conn, BEGAN)
            return asyncio.run(play.go(BEGAN + until))
        finally:
            state.close()

    def _store(self) -> Path:
        """Return a fresh store."""
        self._count += 1
        path = self._folder / f"{self._count}.db"
        path.write_bytes(_empty())
        return path


@cache
def _empty() -> bytes:
    """Return a state store with nothing in it; made once, for that takes longer than most rehearsals."""
    with tempfile.TemporaryDirectory(prefix="hinomi-rehearsal-") as folder:
        path = Path(folder) / "empty.db"
        state = State(f"sqlite:///{path}")
        state.migrate()
        state.close()
        return path.read_bytes()


class _Play:
    """One rehearsal under way."""

    def __init__(self, state: State, engine: Engine, clock: FakeClock, answers: Answers, playbook: Playbook):
        self._state, self._engine, self._clock, self._answers, self._playbook = state, engine, clock, answers, playbook
        self._executor = Executor(state, engine, clock)
        self._watch = Watch(BEGAN, self._effect)

    async def go(self, end: datetime) -> Outcome:
        """Go on until the end."""
        if why := self._why_not():
            return Outcome([], [why])
        for _ in range(MOMENTS):
            await self._executor.run_due()
            fresh, moment = self._now()
            if fresh:
                continue
            if moment is None or moment > end or self._over():
                return Outcome(self._watch.seen, self._answers.problems)
            self._clock.time = max(moment, self._clock.time)
        return Outcome(self._watch.seen, [*self._answers.problems, f"it came to no end in {MOMENTS} moments"])

    def _now(self) -> tuple[bool, datetime | None]:
        """Answer, do what time asks for, look; return whether anything happened, and when the next thing is due."""
        now = self._clock.now()
        with self._state.write() as conn:
            fresh = self._watch.look(conn, now)
            self._answers.give(self._engine, conn, now)
            fresh = self._watch.look(conn, now) or fresh
            self._engine.tick(conn, now)
            fresh = self._watch.look(conn, now) or fresh
            return fresh, self._next(conn)

    def _next(self, conn: Connection) -> datetime | None:
        """Return the next moment: an effect, a reminder, a deadline, an answer; not the daily reviews of holds."""
        effects = [row["due_at"] for row in rows.find(conn, t.outbox, state="waiting") if not row["body"].get("late")]
        waits = rows.find(conn, t.wait, state="open")
        due = [wait["due_at"] for wait in waits if wait["due_at"] and not wait["escalated_at"]]
        stamps = [*effects, *due, *(moment for wait in waits for moment in wait["remind_at"])]
        moments = [parse_iso(stamp) for stamp in stamps]
        if (answer := self._answers.next(conn)) is not None:
            moments.append(answer)
        return min(moments, default=None)

    def _over(self) -> bool:
        with self._state.read() as conn:
            left = conn.execute(select(func.count()).select_from(t.run).where(t.run.c.state == "running")).scalar_one()
            return left == 0 and self._answers.next(conn) is None

    def _why_not(self) -> str:
        """Say why no run was started; empty if one was."""
        with self._state.read() as conn:
            if rows.find(conn, t.run):
                return ""
            found = rows.find(conn, t.incident)
        if not found:
            return "no incident was opened"
        for name, wanted in self._playbook.match.model_dump(exclude_none=True).items():
            if not runs.matches(self._playbook.match.model_copy(update=dict.fromkeys(_others(name), None)), found[0]):
                return f"it does not start: {name} is {found[0][name]}, and match asks for {', '.join(wanted)}"
        return "it does not start"

    def _effect(self, row: Row) -> str:
        if not row["action"] or not row["target"]:
            return ""
        intent = actions.get(row["action"])().intent(row["target"], row["tag"] or "")
        try:
            request = self._engine.adapters[row["vendor"]].plan(intent)
        except HinomiError as error:
            return str(error)
        return f"{request.method} {request.url}" if request.method else f"{row['action']} on {row['target']['device']}"


def _others(name: str) -> list[str]:
    return [key for key in ("cause", "category", "severity", "tenant") if key != name]


__all__ = ["BEGAN", "Outcome", "Rehearsals", "Reports"]
