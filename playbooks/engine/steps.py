"""What each kind of step does when its turn comes, and what ends it. All in the caller's transaction."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from hinomi.clock import iso, parse_iso
from hinomi.errors import ConflictError
from hinomi.playbooks.actions import actions
from hinomi.playbooks.engine import guards, holds, library, messaging, people, rows, runs, waits
from hinomi.playbooks.engine.model import Playbook, Step
from hinomi.playbooks.engine.rows import Row
from hinomi.playbooks.incidents import timeline
from hinomi.state import t
from hinomi.tenancy import Grant

if TYPE_CHECKING:
    from hinomi.playbooks.engine import Engine

CHOICES = ("approve", "deny")
PLANNED = ("shadow", "simulate")
WITHIN = timedelta(minutes=15)


def start(
    engine: "Engine", conn: Connection, run: Row, incident: Row, playbook: Playbook, step: Step, row: Row, now: datetime
) -> None:
    """Start one step."""
    {"do": _do, "notify": _notify, "report": _report, "decide": _decide}[step.kind](
        engine, conn, run, incident, step, row, now
    )


# --- do ---------------------------------------------------------------------------------------------


def _do(engine: "Engine", conn: Connection, run: Row, incident: Row, step: Step, row: Row, now: datetime) -> None:
    action = actions.get(step.do or "")
    found = targets(engine, conn, incident, step.target or "")
    within = step.verify.within if step.verify else WITHIN
    values: dict[str, Any] = {
        "tag": f"[hinomi:{run['tenant']}/{incident['id']}/{run['id']}:{step.id}:{row['visit']}]", "verify_until": iso(now + within),
        "detail": {"wait_verify": step.wait == "verify", "within": within.total_seconds(), "wanted": step.verify.state if step.verify else action.verifies,
                   "on_failure": step.on_failure},
    }  # fmt: skip
    if found is None:
        rows.change(conn, t.step, row["id"], **values)
        manual(engine, conn, incident, {**row, **values}, f"対象を特定できません: {step.do}", now)
        return
    values |= {"target": found["target"], "vendor": found["vendor"]}
    rows.change(conn, t.step, row["id"], **values)
    row = {**row, **values}
    if step.do not in engine.adapters[found["vendor"]].capabilities():
        manual(engine, conn, incident, row, f"製品に機能がありません: {step.do}", now)
    elif run["mode"] in PLANNED:
        plan = engine.adapters[found["vendor"]].plan(action().intent(found["target"], values["tag"]))
        finish(
            conn,
            row["id"],
            "simulated",
            "simulated",
            now,
            detail={**values["detail"], "plan": {"method": plan.method, "url": plan.url, "body": plan.body}},
        )
    elif step.approve is not None:
        _ask(engine, conn, incident, row, step.approve.role, now, due=step.approve.due, quorum=step.approve.quorum, escalate=step.approve.escalate,
             on_timeout=step.approve.on_timeout, why="")  # fmt: skip
    elif action.guarded and (reason := _guard(engine, conn, incident, found, now)):
        _ask(
            engine,
            conn,
            incident,
            row,
            "operator",
            now,
            due=timedelta(minutes=15),
            quorum=1,
            escalate="operator_lead",
            on_timeout="escalate",
            why=reason,
        )
        if reason == "protected":
            messaging.page(engine, conn, incident, "protected", now, step=row)
    else:
        intend(engine, conn, incident, row, now)


def _guard(engine: "Engine", conn: Connection, incident: Row, found: Mapping[str, Any], now: datetime) -> str:
    device = engine.directory(conn).device(found["target"]["device"])
    return guards.why_not(conn, engine.settings.guards, incident, device, now) if device else "host_unknown"


def targets(engine: "Engine", conn: Connection, incident: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return {vendor, target} of ``incident.endpoint`` or ``incident.file``; None if there is none to act on."""
    device = people.device_of(engine.directory(conn), incident)
    if device is None:
        return None
    vendor = next((v for v in engine.adapters if v in device.vendors), None)
    if vendor is None:
        return None
    target = {"device": device.id, "machine": device.vendors[vendor]}
    if name == "incident.endpoint":
        return {"vendor": vendor, "target": target}
    facts = incident["facts"]
    hashes = [*facts.get("vendor_sha1", ()), *facts.get("sha1", ())]
    if name == "incident.file" and hashes:
        return {"vendor": vendor, "target": {**target, "sha1": hashes[0]}}
    return None


def _ask(
    engine: "Engine", conn: Connection, incident: Row, row: Row, role: str, now: datetime, *, due: timedelta, quorum: int, escalate: str,
    on_timeout: str, why: str,
) -> None:  # fmt: skip
    what = f"{'隔離' if row['action'] == 'endpoint.isolate' else '隔離解除' if row['action'] == 'endpoint.release' else row['action']}の承認"
    text = what + (f"（{guards.REASONS.get(why, why)}）" if why else "")
    wait = waits.open_wait(conn, incident, "approval", role, now, step=row, due=now + due, escalate=escalate, on_timeout=on_timeout,
                           options=CHOICES, quorum=quorum, flow=row["flow"], text=text)  # fmt: skip
    rows.change(
        conn, t.step, row["id"], outcome=None, error=guards.REASONS.get(why, why) or None, due_at=wait["due_at"]
    )
    timeline.add(
        conn,
        incident["id"],
        kind="approval",
        actor="system",
        now=now,
        text=f"承認待ち: {text}",
        data={"wait": wait["id"], "why": why},
    )
    facts = {"due": waits.due_text(wait), "step": text, "wait": wait["id"]}
    sent = messaging.send_role(
        engine, conn, role, "approval_request", incident, now, key=f"ask:{wait['id']}", step=row, facts=facts
    )
    if not sent:
        waits.escalate(engine, conn, incident, wait, now)


def intend(engine: "Engine", conn: Connection, incident: Row, row: Row, now: datetime) -> None:
    """Write the intent and its effect: from here on a restart carries it out, once."""
    action = actions.get(row["action"])
    device = row["target"]["device"]
    holding = holds.holders(conn, device)
    state = holds.observed(conn, device)
    within = timedelta(seconds=row["detail"]["within"])
    rows.change(conn, t.step, row["id"], verify_until=iso(now + within))
    if action.verifies == "isolated":
        others = [hold for hold in holding if hold["incident"] != incident["id"]]
        holds.take(conn, device, incident, "system", now, adopted=False)
        if others and state and state["state"] == "isolated":
            rows.change(
                conn, t.step, row["id"], state="verified", outcome="adopted", done_at=iso(now), observation=state
            )
            timeline.add(
                conn,
                incident["id"],
                kind="action",
                actor="system",
                now=now,
                text="すでに別の事案で隔離されています（引き継ぎ）",
            )
            return
    if action.verifies == "released":
        holds.let_go(conn, device, incident["id"], now)
        left = [hold for hold in holding if hold["incident"] != incident["id"]]
        if left or not holding:
            outcome = "held_by_others" if left else "not_held"
            rows.change(conn, t.step, row["id"], state="verified", outcome=outcome, done_at=iso(now))
            text = (
                "他の事案が隔離を必要としているため、隔離は続きます"
                if left
                else "隔離を保持していないため、解除は不要でした"
            )
            timeline.add(
                conn,
                incident["id"],
                kind="action",
                actor="system",
                now=now,
                text=text,
                data={"flow": row["flow"], "outcome": outcome},
            )
            return
    rows.change(conn, t.step, row["id"], state="intent", error=None)
    rows.enqueue(conn, "action", f"action:{row['id']}:{row['visit']}:{row['attempt']}", {}, now, run=row["run"], step=row["id"],
                 incident=incident["id"], tenant=incident["tenant"], urgent=True)  # fmt: skip


def manual(engine: "Engine", conn: Connection, incident: Row, row: Row, text: str, now: datetime) -> None:
    """Make it a task for the operator; the graph goes on, the run does not end before it is done."""
    wait = waits.open_wait(conn, incident, "task", "operator", now, step=row, due=now + timedelta(minutes=30), escalate="operator_lead",
                           options=("done", "not_possible"), flow=row["flow"], text=text)  # fmt: skip
    rows.change(conn, t.step, row["id"], state="manual", outcome="manual", done_at=iso(now), error=text)
    timeline.add(
        conn,
        incident["id"],
        kind="task",
        actor="system",
        now=now,
        text=f"手作業が必要です: {text}",
        data={"wait": wait["id"]},
    )
    facts = {"step": text, "due": waits.due_text(wait), "wait": wait["id"]}
    messaging.send_role(
        engine, conn, "operator", "manual_task", incident, now, key=f"task:{wait['id']}", step=row, facts=facts
    )


def finish(conn: Connection, step_id: str, state: str, outcome: str, now: datetime, **more: Any) -> None:
    """End a step for the graph."""
    rows.change(conn, t.step, step_id, state=state, outcome=outcome, done_at=iso(now), **more)


def fail(engine: "Engine", conn: Connection, step_id: str, outcome: str, error: str, now: datetime) -> None:
    """A step failed: its `on_failure` starts, a human is paged, then those after it start."""
    row = rows.get(conn, t.step, step_id)
    if row["state"] == "failed":
        return
    finish(conn, step_id, "failed", outcome, now, error=error)
    run = rows.get(conn, t.run, row["run"])
    incident = rows.get(conn, t.incident, run["incident"])
    timeline.add(conn, incident["id"], kind="action", actor="system", now=now, text=f"失敗しました: {row['name']} — {error}",
                 data={"step": row["name"], "outcome": outcome, "flow": row["flow"]})  # fmt: skip
    name = (row["detail"] or {}).get("on_failure")
    if name and not run["playbook"].startswith(runs.BY_HAND):
        playbook = library.pinned(conn, run["sha256"])
        if not rows.find(conn, t.step, run=run["id"], name=name):
            made = rows.add(conn, t.step, run=run["id"], name=name, kind=playbook.step(name).kind, visit=1, state="waiting", attempt=0,
                            started_at=iso(now), detail={"off_path": True, "why": outcome})  # fmt: skip
            start(engine, conn, run, incident, playbook, playbook.step(name), made, now)
    else:
        messaging.page(engine, conn, incident, "failed", now, step=row)
    runs.advance(engine, conn, run["id"], now)


def retry(engine: "Engine", conn: Connection, run: Row, row: Row, grant: Grant, reason: str, now: datetime) -> None:
    """Try a failed step again; the vendor is asked first whether our request is there."""
    if row["kind"] != "do" or row["state"] not in ("failed", "unknown"):
        raise ConflictError(f"step {row['name']} is {row['state']}; only failed acts can be tried again")
    rows.change(conn, t.step, row["id"], attempt=row["attempt"] + 1, done_at=None, state="waiting", outcome=None)
    incident = rows.get(conn, t.incident, run["incident"])
    intend(engine, conn, incident, {**row, "attempt": row["attempt"] + 1}, now)


def write_off(engine: "Engine", conn: Connection, run: Row, row: Row, grant: Grant, reason: str, now: datetime) -> None:
    """Write a step off, with everything that waits for it; a named person answers for it."""
    for wait in rows.find(conn, t.wait, step=row["id"], state="open"):
        rows.change(
            conn, t.wait, wait["id"], state="written_off", outcome=reason[:200], done_at=iso(now), by=grant.actor
        )
    for effect in rows.find(conn, t.outbox, step=row["id"], state="waiting"):
        rows.change(conn, t.outbox, effect["id"], state="dead", error="written off", done_at=iso(now))
    if not row["done_at"]:
        finish(conn, row["id"], "skipped", "written_off", now, by=grant.actor)


# --- notify, report, decide -------------------------------------------------------------------------


def _notify(engine: "Engine", conn: Connection, run: Row, incident: Row, step: Step, row: Row, now: datetime) -> None:
    role, off = step.notify or "", step.template == "isolation_notice"
    if run["mode"] in PLANNED:
        finish(conn, row["id"], "simulated", "simulated", now)
        return
    directory = engine.directory(conn)
    found = people.recipients(directory, incident, role, off_device=off)
    copies = [r.address for r in people.recipients(directory, incident, step.copy_to)] if step.copy_to else []
    wait = None
    if step.receipt is not None:
        titles = {"isolation_notice": "隔離メッセージ", "release_notice": "隔離解除メッセージ"}
        wait = waits.open_wait(
            conn, incident, "receipt", role, now, step=row, due=now + step.receipt.due, remind=step.receipt.remind,
            escalate=step.receipt.escalate, flow=step.receipt.flow, text=f"{titles.get(step.template or '', '連絡')}の受領", on_timeout=step.on_timeout,
        )  # fmt: skip
        rows.change(
            conn,
            t.step,
            row["id"],
            due_at=wait["due_at"],
            detail={**(row.get("detail") or {}), "wait_receipt": step.wait == "receipt"},
        )
    facts = {
        "due": waits.due_text(wait) if wait else "",
        "step": row["name"],
        **({"state": row["detail"]["why"]} if (row.get("detail") or {}).get("why") else {}),
    }
    for recipient in found:
        messaging.send(conn, recipient, step.template or "", incident, now, key=f"notify:{row['id']}", step=row, wait=wait["id"] if wait else None,
                       facts=facts, cc=copies)  # fmt: skip
    if found:
        return  # done when the channel has taken it
    finish(conn, row["id"], "done", "nobody", now)
    timeline.add(conn, incident["id"], kind="overdue", actor="system", now=now, text=f"宛先がありません: {role}")
    if wait is not None:
        rows.change(conn, t.wait, wait["id"], escalated_at=iso(now))
        waits.escalate(engine, conn, incident, wait, now)
    else:
        messaging.page(engine, conn, incident, "nobody", now, step=row)


def _report(engine: "Engine", conn: Connection, run: Row, incident: Row, step: Step, row: Row, now: datetime) -> None:
    if run["mode"] in PLANNED or engine.reports is None:
        finish(conn, row["id"], "simulated", "simulated", now)
        return
    due = parse_iso(incident["opened_at"]) + (step.due or WITHIN)
    receipt = step.receipt
    detail = {
        "to": step.to, "report": step.report,
        "receipt": {"flow": receipt.flow, "due": receipt.due.total_seconds(), "escalate": receipt.escalate,
                    "remind": [r.total_seconds() for r in receipt.remind]} if receipt else None,
    }  # fmt: skip
    rows.change(conn, t.step, row["id"], due_at=iso(due), detail=detail)
    report = engine.reports.open(
        conn,
        incident=incident["id"],
        run=run["id"],
        step=row["id"],
        kind=step.report or "",
        author_role=step.by or "",
        due_at=iso(due),
        now=now,
    )
    title = engine.reports.title(step.report or "")
    wait = waits.open_wait(conn, incident, "report", step.by or "", now, step=row, due=due, remind=step.remind, escalate=step.escalate,
                           flow=step.flow, text=f"{title}の作成", on_timeout="escalate")  # fmt: skip
    facts = {"report": title, "due": waits.due_text(wait), "step": row["name"]}
    sent = messaging.send_role(
        engine,
        conn,
        step.by or "",
        "report_form",
        incident,
        now,
        key=f"form:{row['id']}",
        step=row,
        report=report,
        facts=facts,
    )
    if not sent:
        waits.escalate(engine, conn, incident, wait, now)


def report_submitted(engine: "Engine", conn: Connection, report: Row, actor: str, now: datetime) -> None:
    """The author has submitted, or the due has passed: build the file and send it."""
    if report["step"] is None:
        return
    for wait in rows.find(conn, t.wait, step=report["step"], kind="report", state="open"):
        rows.change(conn, t.wait, wait["id"], state="done", outcome="submitted", done_at=iso(now), by=actor)
        timeline.add(
            conn,
            report["incident"],
            kind="report",
            actor=actor,
            now=now,
            text=f"{wait['text']}: 提出",
            data={"flow": wait["flow"], "report": report["number"]},
        )
    rows.enqueue(conn, "report", f"report:{report['id']}:{report['rev']}", {"report": report["id"]}, now, run=report["run"], step=report["step"],
                 incident=report["incident"], tenant=report["tenant"])  # fmt: skip


def report_overdue(engine: "Engine", conn: Connection, wait: Row, now: datetime) -> None:
    """Send an unsubmitted report with 調査中 and 未記入; the final report is never sent unsubmitted."""
    for report in rows.find(conn, t.report, step=wait["step"], state="draft"):
        if report["kind"] == "final":
            continue
        rows.change(conn, t.wait, wait["id"], state="failed", outcome="not_submitted", done_at=iso(now))
        rows.enqueue(conn, "report", f"report:{report['id']}:{report['rev']}", {"report": report["id"]}, now, run=report["run"],
                     step=report["step"], incident=report["incident"], tenant=report["tenant"])  # fmt: skip


def report_built(engine: "Engine", conn: Connection, report: Row, now: datetime) -> None:
    """The file is there: send its link to those who receive it; each receipt counts for the step's flow."""
    row = rows.get(conn, t.step, report["step"])
    incident = rows.get(conn, t.incident, report["incident"])
    detail = row["detail"]
    title = engine.reports.title(report["kind"]) if engine.reports else report["kind"]
    wait = None
    if receipt := detail["receipt"]:
        wait = waits.open_wait(
            conn, incident, "receipt", detail["to"], now, step=row, due=now + timedelta(seconds=receipt["due"]), escalate=receipt["escalate"],
            remind=[timedelta(seconds=r) for r in receipt["remind"]], flow=receipt["flow"], text=f"{title}の受領",
        )  # fmt: skip
    facts = {"report": title, "due": waits.due_text(wait) if wait else ""}
    sent = messaging.send_role(engine, conn, detail["to"], "report_ready", incident, now, key=f"ready:{report['id']}:{report['rev']}", step=row,
                               wait=wait["id"] if wait else None, report=report["id"], facts=facts)  # fmt: skip
    rows.change(conn, t.step, row["id"], state="accepted", observation={"report": report["number"]})
    if not sent:
        finish(conn, row["id"], "done", "nobody", now)
        if wait:
            rows.change(conn, t.wait, wait["id"], escalated_at=iso(now))
            waits.escalate(engine, conn, incident, wait, now)


def _decide(engine: "Engine", conn: Connection, run: Row, incident: Row, step: Step, row: Row, now: datetime) -> None:
    if run["mode"] in PLANNED:
        finish(conn, row["id"], "simulated", (step.decide or ["simulated"])[0], now)
        return
    wait = waits.open_wait(conn, incident, "decision", step.by or "", now, step=row, due=now + (step.due or WITHIN), remind=step.remind,
                           escalate=step.escalate, flow=step.flow, options=step.decide, text="検知内容の確認" if step.flow == 6 else step.id,
                           on_timeout=step.on_timeout)  # fmt: skip
    rows.change(conn, t.step, row["id"], due_at=wait["due_at"])
    facts = {"due": waits.due_text(wait), "step": wait["text"], "wait": wait["id"], "options": step.decide}
    sent = messaging.send_role(
        engine,
        conn,
        step.by or "",
        "decision_request",
        incident,
        now,
        key=f"decide:{wait['id']}",
        step=row,
        facts=facts,
    )
    if not sent:
        waits.escalate(engine, conn, incident, wait, now)


# --- what ends a wait ---------------------------------------------------------------------------------


def decided(engine: "Engine", conn: Connection, wait: Row, choice: str, actor: str, now: datetime) -> None:
    """A decision, approval or task of a step has come."""
    row = rows.get(conn, t.step, wait["step"])
    incident = rows.get(conn, t.incident, wait["incident"])
    if wait["kind"] == "decision":
        finish(conn, row["id"], "done", choice, now, by=actor)
        facts = {**incident["facts"], "decisions": {**incident["facts"].get("decisions", {}), row["name"]: choice}}
        rows.change(conn, t.incident, incident["id"], facts=facts, updated_at=iso(now))
    elif wait["kind"] == "approval":
        if choice == "approve":
            rows.change(conn, t.step, row["id"], by=actor)
            intend(engine, conn, incident, {**row, "by": actor}, now)
        else:
            fail(engine, conn, row["id"], "denied", "承認されませんでした", now)
    else:
        rows.change(conn, t.step, row["id"], outcome=f"manual_{choice}", by=actor)


def received(conn: Connection, wait: Row, now: datetime) -> None:
    """The first receipt of a role: a step that waits for it is done."""
    row = rows.get(conn, t.step, wait["step"])
    if not row["done_at"] and (row["detail"] or {}).get("wait_receipt"):
        finish(conn, row["id"], "done", "received", now, by=wait["by"])


def timed_out(engine: "Engine", conn: Connection, wait: Row, now: datetime) -> None:
    """A wait with `on_timeout: continue` or `fail` has run out."""
    if wait["on_timeout"] == "fail":
        fail(engine, conn, wait["step"], "timeout", "期限を過ぎました", now)
    else:
        row = rows.get(conn, t.step, wait["step"])
        if not row["done_at"]:
            finish(conn, wait["step"], "done", "timeout", now)


def handed(engine: "Engine", conn: Connection, step_id: str, now: datetime) -> None:
    """A message of a step was taken by its channel: a notify is done; a report when its file has gone out."""
    row = rows.get(conn, t.step, step_id)
    if row["done_at"] or row["kind"] not in ("notify", "report"):
        return
    if (row["detail"] or {}).get("wait_receipt"):
        return
    if row["kind"] == "notify" or row["state"] == "accepted":
        finish(conn, step_id, "done", "handed", now)
        runs.advance(engine, conn, row["run"], now)
