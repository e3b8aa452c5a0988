"""Verification: look at the vendor until what was accepted is seen to be so; "sent" is never shown as "done"."""

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from hinomi.clock import iso, parse_iso
from hinomi.playbooks.actions import actions
from hinomi.playbooks.engine import holds, journal, leases, rows, runs, says, steps
from hinomi.playbooks.engine.effects.action import load
from hinomi.playbooks.engine.rows import Row
from hinomi.playbooks.vendors import Observation, VendorError
from hinomi.state import t

if TYPE_CHECKING:
    from hinomi.playbooks.engine.outbox import Executor

LATE = 60.0
"""Most seconds between two looks once it is too late; the first come sooner, for it may be late by a moment only."""
WATCH = timedelta(days=3)
"""How long a device is looked at after it was too late: it may come back."""
OF_DEVICES = ("isolated", "released", "pending_isolation", "pending_release")


async def carry_out(executor: "Executor", row: Row) -> None:
    """Look once."""
    step, intent = await asyncio.to_thread(load, executor, row)
    try:
        seen = await executor.engine.adapters[step["vendor"]].verify(intent, step["vendor_id"])
    except VendorError as error:
        pause = 2.0 + (error.retry_after or 0.0)
        seen = Observation("unknown", iso(executor.clock.now()), f"not answered: {error}", next_poll_after=pause)
    await executor.write(row, lambda conn, now: _seen(executor, conn, row, seen, now))


def _seen(executor: "Executor", conn: Connection, row: Row, seen: Observation, now: datetime) -> None:
    step = rows.get(conn, t.step, row["step"])
    if step["state"] in ("undone", "skipped", "verified"):
        leases.done(conn, row, now)
        return
    wanted = (step["detail"] or {}).get("wanted") or actions.get(step["action"]).verifies
    look = {"state": seen.state, "observed_at": seen.observed_at, "detail": seen.detail}
    rows.change(conn, t.step, step["id"], observation=look)
    if seen.state in OF_DEVICES:
        holds.observe(conn, step["target"]["device"], step["vendor"], seen)
    if seen.state == wanted or (wanted == "clean" and seen.state == "done"):
        _verified(executor, conn, row, step, seen, now)
    elif seen.state == "failed":
        leases.done(conn, row, now)
        steps.fail(executor.engine, conn, step["id"], "failed", seen.detail or says.VENDOR_FAILED, now)
    elif step["state"] == "failed" or iso(now) >= (step["verify_until"] or "9"):
        _late(executor, conn, row, step, seen, now)
    else:
        leases.again(conn, row, now, seen.next_poll_after, seen.detail)


def _verified(executor: "Executor", conn: Connection, row: Row, step: Row, seen: Observation, now: datetime) -> None:
    leases.done(conn, row, now)
    outcome, done_at = step["outcome"] or "verified", step["done_at"] or iso(now)
    rows.change(conn, t.step, step["id"], state="verified", outcome=outcome, done_at=done_at)
    journal.tell(conn, row["incident"], "verified", says.observed(seen.state), now, run=row["run"], step=step["name"],
                 flow=step["flow"], observed_at=seen.observed_at, state=seen.state)  # fmt: skip
    journal.prove(conn, "host.verified", f"host:{step['target']['device']}", row["tenant"], now, state=seen.state,
                  observed_at=seen.observed_at, action=step["action"])  # fmt: skip
    runs.advance(executor.engine, conn, row["run"], now)


def _late(executor: "Executor", conn: Connection, row: Row, step: Row, seen: Observation, now: datetime) -> None:
    """Not so in time: the step has failed and people know; go on looking, for the device may come back."""
    steps.fail(executor.engine, conn, step["id"], "not_verified", says.not_in_time(seen.state, seen.detail), now)
    if parse_iso(step["verify_until"]) + WATCH < now:
        leases.done(conn, row, now, "given up")
    else:
        late = row["body"].get("late", 0) + 1
        leases.again(conn, row, now, min(2.0 ** min(late, 6), LATE), seen.detail, {**row["body"], "late": late})
