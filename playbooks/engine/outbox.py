"""The executor: carries effects out, each intent → sent → accepted → verified, and never twice.

A row is leased and its step marked sent *before* the request goes; after a crash, or an answer that did
not come, the vendor is asked whether our own request is there before anything is sent again.
"""

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from hinomi import log
from hinomi.clock import Clock
from hinomi.playbooks.engine import Engine, leases, messaging, rows
from hinomi.playbooks.engine.effects import EFFECTS, PAGE_AFTER, action
from hinomi.playbooks.engine.rows import Row
from hinomi.playbooks.engine.together import Together
from hinomi.state import State, new_id, t

T = TypeVar("T")
AT_ONCE = 32
GIVE_UP = 100
"""Tries after which an effect that breaks each time is given up."""
SET_BACK = timedelta(seconds=1)


class Executor:
    """Executes due outbox rows. ``owner``: who leases; a successor of the same name goes on at once where it was."""

    def __init__(
        self, state: State, engine: Engine, clock: Clock, *, failpoint: Callable[[str], None] = lambda _: None,
        owner: str = "",
    ):  # fmt: skip
        self.state, self.engine, self.clock, self.failpoint = state, engine, clock, failpoint
        self.owner = owner or new_id()
        self.building = asyncio.Semaphore(1)  # a report takes a core for a second
        self.in_rooms: set[str] = set()
        self._writes, self._looks = Together(state.write), Together(state.read)
        self._running: dict[asyncio.Task[None], Row] = {}
        self._ended: Callable[[], None] = lambda: None
        self._latest = clock.now()

    def on_end(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when an effect has ended: there is room, and often a next one."""
        self._ended = wake

    async def start_due(self) -> float | None:
        """Start what is due and do not wait for it; return seconds until the next that can start (None: nothing waits).

        What is urgent starts whatever else is running; of the rest, at most `AT_ONCE` run beside each other: while they
        do, the next starts when one has ended.
        """
        leased, again_in = await asyncio.to_thread(self._lease_and_look)
        for row in leased:
            task = asyncio.create_task(self._one(row))
            self._running[task] = row
            task.add_done_callback(self._end)
        return again_in

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._ended()

    async def settle(self) -> None:
        """Wait until what was started has ended."""
        while self._running:
            await asyncio.wait(self._running)

    async def run_due(self) -> float | None:
        """Carry out what is due, all of it; return seconds until the next (0: more is due; None: nothing waits)."""
        await self.start_due()
        await self.settle()
        return await asyncio.to_thread(self._next)

    def _lease_and_look(self) -> tuple[list[Row], float | None]:
        leased = self._lease()
        under_way = [*list(self._running.values()), *leased]
        return leased, self._next(full=sum(not row["urgent"] for row in under_way) >= AT_ONCE)

    def _lease(self) -> list[Row]:
        now = self.clock.now()
        back, self._latest = now < self._latest - SET_BACK, now
        running = {row["id"]: row["urgent"] for row in list(self._running.values())}
        room = max(AT_ONCE - sum(not urgent for urgent in running.values()), 0)
        if back:
            with self.state.write() as conn:
                leases.set_back(conn, now)
        with self.state.read() as conn:
            found = leases.due(conn, now, self.owner, running, room)
        if not found:
            return []
        with self.state.write() as conn:
            still = leases.still_due(conn, found, now, self.owner, running)
            ready = [row for row in still if self._may_go(conn, row, now, running)]
            return leases.take(conn, ready, now, self.owner) if ready else []

    def _may_go(self, conn: Connection, row: Row, now: datetime, running: Collection[str]) -> bool:
        """Tell whether a row is carried out now. An act is marked as sent; one before it may have dropped it meanwhile."""
        if row["kind"] != "action":
            return not leases.held_back(conn, row, now, sent=False)
        if not leases.still_due(conn, [row["id"]], now, self.owner, running):
            return False
        row["sent"] = sent = action.sent_before(conn, row)
        return not leases.held_back(conn, row, now, sent=sent) and action.may_send(self.engine, conn, row, now)

    def has_due(self, conn: Connection) -> bool:
        """Tell whether something is due now."""
        return leases.has_due(conn, self.clock.now())

    def _next(self, *, full: bool = False) -> float | None:
        with self.state.read() as conn:
            return leases.next_due(conn, self.clock.now(), urgent=full)

    async def _one(self, row: Row) -> None:
        try:
            await EFFECTS[row["kind"]](self, row)
        except OperationalError as error:  # the state store is away: the lease is taken up again when it is back
            log.get().error("effect.state_away", kind=row["kind"], error=str(error))
        except Exception as error:  # noqa: BLE001 - one broken effect must not hold up the others
            log.get().exception("effect.broken", kind=row["kind"], tries=row["tries"])
            problem = f"{type(error).__name__}: {error}"
            await self.write(row, lambda conn, now: self._broken(conn, row, problem, now))

    async def write(self, row: Row, change: Callable[[Connection, datetime], None]) -> None:
        """Write what came of a leased row, whole or not at all; nothing if another executor has taken it since."""

        def write(conn: Connection) -> None:
            if leases.mine(conn, row):
                change(conn, self.clock.now())
            else:
                log.get().warning("effect.fenced", kind=row["kind"], fence=row["fence"])

        await self._writes.do(write)

    async def look(self, look: Callable[[Connection], T]) -> T:
        """Return what a look at the state store shows."""
        return cast("T", await self._looks.do(look))

    def _broken(self, conn: Connection, row: Row, problem: str, now: datetime) -> None:
        """A fault of ours: try again with growing pauses, page a human at the third time, go on for a day."""
        if row["tries"] == PAGE_AFTER and row["incident"]:
            step = rows.get(conn, t.step, row["step"]) if row["step"] else None
            messaging.page(self.engine, conn, rows.get(conn, t.incident, row["incident"]), "broken", now, step=step)
        if row["tries"] >= GIVE_UP:
            leases.done(conn, row, now, problem)
        else:
            leases.again(conn, row, now, min(2.0 ** min(row["tries"], 12), 900.0), problem)
