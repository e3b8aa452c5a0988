"""``do``: an act on a device: who must say yes first, the intent, what is done already, what is left to people."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, update

from hinomi.clock import iso
from hinomi.playbooks.actions import Action, actions
from hinomi.playbooks.engine import guards, holds, journal, messaging, people, rows, runs, says, waits
from hinomi.playbooks.engine.model import Approve
from hinomi.playbooks.engine.rows import Row
from hinomi.playbooks.engine.steps.decide import TASK
from hinomi.playbooks.engine.steps.endings import finish
from hinomi.playbooks.engine.steps.turn import WITHIN, Turn
from hinomi.state import t

if TYPE_CHECKING:
    from hinomi.playbooks.engine import Engine

CHOICES = ("approve", "deny")
GUARDED = Approve(role="operator", due=timedelta(minutes=15), escalate="operator_lead")
"""What is asked for when a guard holds an act back."""
TASK_DUE = timedelta(minutes=30)


def start(turn: Turn) -> None:
    """Ask first, or write the intent; in shadow and simulate, write what would be sent."""
    step, engine, conn = turn.step, turn.engine, turn.conn
    action = actions.get(step.do or "")
    found = targets(engine, conn, turn.incident, step.target or "", step.do or "")
    within = step.verify.within if step.verify else WITHIN
    detail = {"wait_verify": step.wait == "verify", "within": within.total_seconds(), "wanted": step.verify.state if step.verify else action.verifies,
              "on_failure": step.on_failure}  # fmt: skip
    turn.note(tag=f"[hinomi:{turn.run['tenant']}/{turn.incident['id']}/{turn.run['id']}:{step.id}:{turn.row['visit']}]",
              verify_until=iso(turn.now + within), detail=detail, **(found or {}))  # fmt: skip
    missing = _missing(turn, found)
    if turn.planned:
        _plan(turn, action, missing)
    elif missing:
        manual(engine, conn, turn.incident, turn.row, missing, turn.now)
    elif approve := _approve(step.approve, action):
        ask(turn, approve, "")
    elif why := _why_ask(turn, action):
        ask(turn, GUARDED, why)
        if why == "protected":
            messaging.page(engine, conn, turn.incident, "protected", turn.now, step=turn.row)
    else:
        intend(engine, conn, turn.incident, turn.row, turn.now)


def _approve(asked: Approve | None, action: type[Action]) -> Approve | None:
    """Return who must say yes first: as the playbook has it, and never fewer persons than the action demands."""
    if not action.quorum:
        return asked
    asked = asked or GUARDED
    return asked.model_copy(update={"quorum": max(asked.quorum, action.quorum)})


def targets(
    engine: "Engine", conn: Connection, incident: Mapping[str, Any], name: str, action: str
) -> dict[str, Any] | None:
    """Return {vendor, target} of ``incident.endpoint`` or ``incident.file``; None if there is none to act on.

    Of several products that know the device, it is the first in the settings that can do it.
    """
    device = people.device_of(engine.directory(conn), incident)
    if device is None:
        return None
    known = [one for one in engine.adapters if one in device.vendors]
    if not known:
        return None
    vendor = next((one for one in known if action in engine.adapters[one].capabilities()), known[0])
    target = {"device": device.id, "machine": device.vendors[vendor]}
    if "name" in actions.get(action).inputs.model_fields:
        target["name"] = device.name
    if name == "incident.endpoint":
        return {"vendor": vendor, "target": target}
    facts = incident["facts"]
    hashes = [*facts.get("vendor_sha1", ()), *facts.get("sha1", ())]
    if name == "incident.file" and hashes:
        return {"vendor": vendor, "target": {**target, "sha1": hashes[0]}}
    return None


def _missing(turn: Turn, found: Mapping[str, Any] | None) -> str:
    """Say what keeps the product from doing it; empty if nothing does."""
    name = turn.step.do or ""
    if found is None:
        return says.no_target(name)
    return "" if name in turn.engine.adapters[found["vendor"]].capabilities() else says.no_capability(name)


def _plan(turn: Turn, action: type[Action], missing: str) -> None:
    """Write the exact request, or why there would be none."""
    row = turn.row
    if missing:
        plan: dict[str, Any] = {"manual": missing}
    else:
        request = turn.engine.adapters[row["vendor"]].plan(action().intent(row["target"], row["tag"]))
        plan = {"method": request.method, "url": request.url, "body": request.body}
    finish(turn.conn, row["id"], "simulated", "simulated", turn.now, detail={**row["detail"], "plan": plan})


def _why_ask(turn: Turn, action: type[Action]) -> str:
    """Say why a human must be asked though the playbook does not; empty if nobody must."""
    device = turn.row["target"]["device"]
    if action.verifies == "released":
        own = [hold for hold in holds.holders(turn.conn, device) if hold["incident"] == turn.incident["id"]]
        return "adopted" if any(hold["adopted"] for hold in own) else ""
    if not action.guarded:
        return ""
    known = turn.engine.directory(turn.conn).device(device)
    if known is None:
        return "host_unknown"
    return guards.why_not(turn.conn, turn.engine.settings.guards, turn.incident, known, turn.now)


def ask(turn: Turn, approve: Approve, why: str) -> None:
    """Have people say yes or no before it is done."""
    engine, conn, incident, row, now = turn.engine, turn.conn, turn.incident, turn.row, turn.now
    text = says.approval(row["action"], why)
    wait = waits.open_wait(conn, incident, "approval", approve.role, now, step=row, due=now + approve.due, escalate=approve.escalate,
                           on_timeout=approve.on_timeout, options=CHOICES, quorum=approve.quorum, flow=row["flow"], text=text)  # fmt: skip
    turn.note(outcome=None, error=says.REASONS.get(why, why) or None, due_at=wait["due_at"])
    journal.tell(conn, incident["id"], "approval", says.waiting_for_approval(text), now, wait=wait["id"], why=why)
    waits.tell_role(engine, conn, incident, wait, "approval_request", now, key=f"ask:{wait['id']}", step=row)


# --- the intent -----------------------------------------------------------------------------------------


def intend(engine: "Engine", conn: Connection, incident: Row, row: Row, now: datetime) -> None:
    """Write the intent and its effect: from here on a restart carries it out, once."""
    action = actions.get(row["action"])
    within = timedelta(seconds=row["detail"]["within"])
    rows.change(conn, t.step, row["id"], verify_until=iso(now + within))
    if action.verifies == "isolated" and _joined(conn, incident, row, now):
        return
    if action.verifies == "released" and _let_go(conn, incident, row, now):
        return
    rows.change(conn, t.step, row["id"], state="intent", error=None)
    supersede(engine, conn, row, now, ("intent", "accepted"))
    rows.enqueue(conn, "action", f"action:{row['id']}:{row['visit']}:{row['attempt']}", {}, now, run=row["run"], step=row["id"],
                 incident=incident["id"], tenant=incident["tenant"], urgent=True)  # fmt: skip


def resume(conn: Connection, run: str, now: datetime) -> None:
    """Give the acts that a pause has held back the time to be seen done that they would have had."""
    for row in rows.find(conn, t.step, run=run, kind="do", state="intent", sent_at=None):
        rows.change(conn, t.step, row["id"], verify_until=iso(now + timedelta(seconds=row["detail"]["within"])))


def _joined(conn: Connection, incident: Row, row: Row, now: datetime) -> bool:
    """Hold the device; tell whether another incident has it isolated already."""
    device = row["target"]["device"]
    others = [hold for hold in holds.holders(conn, device) if hold["incident"] != incident["id"]]
    adopted = any(hold["adopted"] for hold in others)
    holds.take(conn, device, incident, row.get("by") or "system", now, adopted=adopted)
    state = holds.observed(conn, device)
    if not others or state is None or state["state"] != "isolated":
        return False
    finish(conn, row["id"], "verified", "adopted", now, observation=state)
    journal.tell(conn, incident["id"], "action", says.HELD_ELSEWHERE, now, flow=row["flow"], outcome="adopted")
    return True


def _let_go(conn: Connection, incident: Row, row: Row, now: datetime) -> bool:
    """End the incident's hold; tell whether that was all: others hold the device, or nobody did."""
    device = row["target"]["device"]
    holding = holds.holders(conn, device)
    holds.let_go(conn, device, incident["id"], now)
    left = [hold for hold in holding if hold["incident"] != incident["id"]]
    if holding and not left:
        return False
    outcome, text = ("held_by_others", says.HELD_BY_OTHERS) if left else ("not_held", says.NOT_HELD)
    finish(conn, row["id"], "verified", outcome, now)
    journal.tell(conn, incident["id"], "action", text, now, flow=row["flow"], outcome=outcome)
    return True


def supersede(
    engine: "Engine", conn: Connection, row: Row, now: datetime, states: Sequence[str] = ("accepted",)
) -> None:
    """Drop the opposite act on the same device that is not yet seen done (or sent): the newer wish counts."""
    effects = (t.outbox.c.state == "waiting") & t.outbox.c.kind.in_(["action", "verify"])
    undone = actions.get(row["action"]).undo
    for other in rows.find(conn, t.step, state=list(states), action=undone) if undone else ():
        if other["outcome"] or other["target"]["device"] != row["target"]["device"]:
            continue
        done_at = other["done_at"] or iso(now)
        rows.change(conn, t.step, other["id"], state="undone", outcome="superseded", done_at=done_at)
        dead = {"state": "dead", "error": "superseded", "done_at": iso(now)}
        conn.execute(update(t.outbox).where(effects & (t.outbox.c.step == other["id"])).values(**dead))
        run = rows.get(conn, t.run, other["run"])
        text = says.superseded(other["action"])
        journal.tell(conn, run["incident"], "action", text, now, run=run["id"], step=other["name"], flow=other["flow"])
        if run["id"] != row["run"]:
            runs.advance(engine, conn, run["id"], now)


def manual(engine: "Engine", conn: Connection, incident: Row, row: Row, text: str, now: datetime) -> None:
    """Make it a task for the operator; the graph goes on, the run does not end before it is done."""
    wait = waits.open_wait(conn, incident, "task", "operator", now, step=row, due=now + TASK_DUE, escalate="operator_lead",
                           options=TASK, flow=row["flow"], text=text)  # fmt: skip
    finish(conn, row["id"], "manual", "manual", now, error=text)
    journal.tell(conn, incident["id"], "task", says.by_hand(text), now, wait=wait["id"])
    waits.tell_role(engine, conn, incident, wait, "manual_task", now, key=f"task:{wait['id']}", step=row)
