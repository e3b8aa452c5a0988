"""An act on a device: looked for before it is repeated, sent once, accepted or refused.

`Step.sent_at` is set before a request goes and taken back when the vendor has certainly not taken it:
while it stands, our own request may be there.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from hinomi import log
from hinomi.clock import iso
from hinomi.playbooks.actions import Action, actions
from hinomi.playbooks.engine import guards, holds, journal, leases, messaging, rows, runs, says, steps
from hinomi.playbooks.engine.rows import Row
from hinomi.playbooks.vendors import Accepted, Adapter, Intent, Observation, State, VendorError
from hinomi.state import t

if TYPE_CHECKING:
    from hinomi.playbooks.engine import Engine
    from hinomi.playbooks.engine.outbox import Executor

FIND_APART = 10.0
"""Seconds between two looks for our own request."""
LOOKS = {"job": 2, "once": 4}
"""Looks that must not find it before a job is sent again, or what is never sent again has an unknown outcome; some products show it late."""
PAGE_AFTER = 3
"""Failed tries after which a human is paged, while it goes on trying."""
QUEUED = 0.5
"""Seconds after which an act behind another one of its device looks again."""
STOPPED = 5.0
"""Seconds after which an act that the kill switch holds back looks again."""
LOOK = 2.0
"""Seconds the look at a device's state may take before an act: it never holds up a cut-off for longer."""
ENDED = ("verified", "failed", "skipped", "undone")
#: What is asked for → the device's state until it is seen to be so.
PENDING: Mapping[str, State] = {"isolated": "pending_isolation", "released": "pending_release"}


def load(executor: "Executor", row: Row) -> tuple[Row, Intent]:
    """Return the step of a row, and what it intends."""
    with executor.state.read() as conn:
        step = rows.get(conn, t.step, row["step"])
    intent = actions.get(step["action"])().intent(step["target"], step["tag"])
    return step, replace(intent, sent_at=step["sent_at"])


# --- before it is sent ----------------------------------------------------------------------------------


def sent_before(conn: Connection, row: Row) -> bool:
    """Tell whether an act's request may be at the vendor already."""
    return row["kind"] == "action" and rows.get(conn, t.step, row["step"])["sent_at"] is not None


def may_send(engine: "Engine", conn: Connection, row: Row, now: datetime) -> bool:
    """Mark an act as sent, or hold it back: one open response action per device, none against the kill switch."""
    step = rows.get(conn, t.step, row["step"])
    if step["state"] in ENDED:
        leases.done(conn, row, now)
        return False
    if guards.killswitch(conn) and step["sent_at"] is None:
        _stopped(engine, conn, row, step, now)
        return False
    steps.do.supersede(engine, conn, step, now)
    if any(_in_the_way(step, other) for other in rows.find(conn, t.step, state=["sent", "accepted"])):
        leases.again(conn, row, now, QUEUED, "another act on this device is open")
        return False
    rows.change(conn, t.step, step["id"], state="sent", sent_at=step["sent_at"] or iso(now))
    return True


def _in_the_way(step: Row, other: Row) -> bool:
    same = (other["target"] or {}).get("device") == step["target"]["device"]
    changes_state = actions.get(other["action"]).verifies in ("isolated", "released") if same else False
    return same and other["id"] != step["id"] and not other["outcome"] and (other["state"] == "sent" or changes_state)


def _stopped(engine: "Engine", conn: Connection, row: Row, step: Row, now: datetime) -> None:
    """The kill switch is on: what was not sent stays unsent, and has failed when its time is over."""
    why = says.REASONS["killswitch"]
    if iso(now) >= (step["verify_until"] or "9"):
        leases.done(conn, row, now, "the kill switch is on")
        steps.fail(engine, conn, step["id"], "not_accepted", why, now)
    else:
        rows.change(conn, t.step, step["id"], error=why)
        leases.again(conn, row, now, STOPPED, "the kill switch is on")


# --- sending --------------------------------------------------------------------------------------------


async def carry_out(executor: "Executor", row: Row) -> None:
    """Send an act, unless it is there, or so, already."""
    step, intent = await asyncio.to_thread(load, executor, row)
    if step["state"] in ENDED:
        await executor.write(row, lambda conn, now: leases.done(conn, row, now))
        return
    adapter, action = executor.engine.adapters[step["vendor"]], actions.get(step["action"])
    sending = False
    try:
        accepted = await adapter.find_own(intent) if row["sent"] else None
        if accepted is None:
            if row["sent"] and not await _may_repeat(executor, row, step, intent):
                return
            if seen := await _as_wanted(adapter, action, intent):
                await executor.write(row, lambda conn, now: _adopt(executor, conn, row, step, seen, now))
                return
            executor.failpoint("effect.before_send")
            sending = True
            accepted = await _send(adapter, action, intent)
            executor.failpoint("effect.after_send")
    except VendorError as error:
        problem, certain = error, sending and error.kind != "unknown"
        await executor.write(row, lambda conn, now: _refused(executor, conn, row, step, problem, now, certain=certain))
        return
    taken = accepted
    await executor.write(row, lambda conn, now: _accepted(executor, conn, row, step, taken, now))
    executor.failpoint("effect.after_accept")


async def _send(adapter: Adapter, action: type[Action], intent: Intent) -> Accepted:
    """Send it; where the opposite is still pending, cancel that if the vendor can."""
    try:
        return await adapter.apply(intent)
    except VendorError as error:
        if error.kind != "busy" or action.undo is None:
            raise
        return await adapter.undo(replace(intent, action=action.undo))


async def _as_wanted(adapter: Adapter, action: type[Action], intent: Intent) -> Observation | None:
    """Return the device's state if it is as wanted already: then nothing is sent."""
    if action.verifies not in ("isolated", "released"):
        return None
    try:
        async with asyncio.timeout(LOOK):
            seen = await adapter.read_state(intent.target)
    except (VendorError, TimeoutError):
        return None
    return seen if seen.state == action.verifies else None


async def _may_repeat(executor: "Executor", row: Row, step: Row, intent: Intent) -> bool:
    """A state may be sent again; a job after two looks that are apart; what must happen once never: it is looked for."""
    kind = executor.engine.adapters[step["vendor"]].capabilities()[intent.action]
    looked = row["body"].get("looked", 0) + 1

    def hold_back(conn: Connection, now: datetime) -> bool:
        if looked < LOOKS.get(kind, 0):
            leases.again(conn, row, now, FIND_APART, "looking once more", {**row["body"], "looked": looked})
        elif kind == "once":
            leases.done(conn, row, now, "unknown outcome of an act that is never repeated")
            steps.fail(executor.engine, conn, step["id"], "unknown", says.UNKNOWN_OUTCOME, now)
        elif guards.killswitch(conn):
            leases.again(conn, row, now, STOPPED, "the kill switch is on")
        else:
            return leases.held_back(conn, row, now, sent=False)
        return True

    held: dict[str, bool] = {}
    await executor.write(row, lambda conn, now: held.update(back=hold_back(conn, now)))
    return held == {"back": False}


# --- what came of it ------------------------------------------------------------------------------------


def _adopt(executor: "Executor", conn: Connection, row: Row, step: Row, seen: Observation, now: datetime) -> None:
    """It was so before our intent: nothing was sent, and what others have done is theirs to undo unless a human says so."""
    leases.done(conn, row, now)
    look = {"state": seen.state, "observed_at": seen.observed_at, "detail": seen.detail}
    done = {"state": "verified", "outcome": "adopted", "done_at": step["done_at"] or iso(now), "sent_at": None}
    rows.change(conn, t.step, step["id"], observation=look, error=None, **done)
    device = step["target"]["device"]
    holds.observe(conn, device, step["vendor"], seen)
    holds.adopt(conn, device, row["incident"])
    journal.tell(conn, row["incident"], "verified", says.so_already(seen.state), now, run=row["run"], step=step["name"],
                 flow=step["flow"], observed_at=seen.observed_at, state=seen.state)  # fmt: skip
    journal.prove(conn, "host.adopted", f"host:{device}", row["tenant"], now, state=seen.state, action=step["action"])
    runs.advance(executor.engine, conn, row["run"], now)


def _accepted(executor: "Executor", conn: Connection, row: Row, step: Row, accepted: Accepted, now: datetime) -> None:
    leases.done(conn, row, now)
    values: dict[str, Any] = {"state": "accepted", "vendor_id": accepted.vendor_id, "error": None}
    if not (step["detail"] or {}).get("wait_verify"):
        values["done_at"] = step["done_at"] or iso(now)
    rows.change(conn, t.step, step["id"], **values)
    device, by = step["target"]["device"], step["by"] or "system"
    state = PENDING.get(actions.get(step["action"]).verifies or "")
    if accepted.adopted:
        holds.adopt(conn, device, row["incident"])
    elif state:
        holds.observe(conn, device, step["vendor"], Observation(state, iso(now), "requested"))
    text = says.requested(step["action"], adopted=accepted.adopted)
    facts = {"run": row["run"], "step": step["name"], "flow": step["flow"], "vendor_id": accepted.vendor_id}
    journal.tell(conn, row["incident"], "action", text, now, actor=by, **facts)
    journal.prove(conn, step["action"], f"host:{device}", row["tenant"], now, actor=by, vendor=step["vendor"],
                  vendor_id=accepted.vendor_id or "", tag=step["tag"], adopted=accepted.adopted)  # fmt: skip
    rows.enqueue(conn, "verify", f"verify:{step['id']}:{step['attempt']}", {}, now, run=row["run"], step=step["id"], incident=row["incident"],
                 tenant=row["tenant"], delay=0.2)  # fmt: skip
    runs.advance(executor.engine, conn, row["run"], now)


def _refused(
    executor: "Executor", conn: Connection, row: Row, step: Row, error: VendorError, now: datetime, *, certain: bool
) -> None:
    """It was not taken (``certain``), or nobody knows: try again while there is time, else it has failed."""
    log.get().error("effect.refused", kind=error.kind, action=step["action"], tries=row["tries"], error=str(error))
    rows.change(conn, t.step, step["id"], error=str(error)[:500], **({"sent_at": None} if certain else {}))
    over = iso(now) >= (step["verify_until"] or "9")
    if error.kind in ("permanent", "auth") or over:
        outcome = "refused" if error.kind in ("permanent", "auth") else "not_accepted"
        leases.done(conn, row, now, str(error))
        steps.fail(executor.engine, conn, step["id"], outcome, str(error), now)
        return
    unknown = error.kind == "unknown" and not certain
    if row["tries"] == PAGE_AFTER or (unknown and row["tries"] == 1):  # whether it was cut off must not stay unasked
        incident, state = rows.get(conn, t.incident, row["incident"]), "unanswered" if unknown else "retrying"
        messaging.page(executor.engine, conn, incident, state, now, step=step)
    pause = min(0.5 * 2 ** min(row["tries"], 6), 30.0) * random.uniform(0.7, 1.0)  # noqa: S311 - apart from others, no secret
    leases.again(conn, row, now, max(pause, error.retry_after or 0.0), str(error))
