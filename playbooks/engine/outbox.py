"""The executor: carries effects out, each intent → sent → accepted → verified, and never twice.

A row is leased and its step marked sent *before* the request goes; after a crash, or an answer that did
not come, the vendor is asked whether our own request is there before anything is sent again.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, desc, func, select, update
from sqlalchemy.exc import OperationalError

from hinomi import audit, log
from hinomi.clock import Clock, iso, parse_iso
from hinomi.errors import HinomiError
from hinomi.playbooks.actions import actions
from hinomi.playbooks.channels import ChannelError, Message
from hinomi.playbooks.engine import Engine, holds, messaging, people, rows, runs, steps, waits
from hinomi.playbooks.engine.rows import Row
from hinomi.playbooks.incidents import timeline
from hinomi.playbooks.messages import compose
from hinomi.playbooks.vendors import Accepted, Intent, Observation, VendorError
from hinomi.state import State, new_id, t

AT_ONCE = 16
LEASE = timedelta(seconds=60)
FIND_APART = 10.0
"""Seconds between the two times a job's own request must not be found before it is sent again."""
PAGE_AFTER = 3
"""Failed tries after which a human is paged, while it goes on trying."""
LATE = 60.0
WATCH = timedelta(days=3)


class Executor:
    """Executes due outbox rows; one per responder."""

    def __init__(
        self, state: State, engine: Engine, clock: Clock, *, failpoint: Callable[[str], None] = lambda _: None
    ):
        self.state, self.engine, self.clock, self.failpoint = state, engine, clock, failpoint
        self.owner = new_id()
        self._reclaimed = False
        self._running: dict[asyncio.Task[None], Row] = {}
        self._building = asyncio.Semaphore(1)  # a report takes a core for a second
        self._ended: Callable[[], None] = lambda: None

    def on_end(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when an effect has ended: there is room, and often a next one."""
        self._ended = wake

    async def start_due(self) -> float | None:
        """Start what is due and do not wait for it; return seconds until the next (None: nothing waits).

        What is urgent starts whatever else is running; of the rest, at most `AT_ONCE` run beside each other.
        """
        for row in await asyncio.to_thread(self._lease):
            task = asyncio.create_task(self._one(row))
            self._running[task] = row
            task.add_done_callback(self._end)
        return await asyncio.to_thread(self._next)

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

    def _lease(self) -> list[Row]:
        now = self.clock.now()
        table = t.outbox
        with self.state.read() as conn:
            due = (table.c.state == "waiting") & (table.c.due_at <= iso(now))
            stale = (table.c.state == "leased") & ((table.c.lease_until <= iso(now)) | (not self._reclaimed))
            query = select(table.c.id, table.c.urgent).where(due | stale)
            found = conn.execute(query.order_by(desc(table.c.urgent), table.c.due_at).limit(64)).all()
        self._reclaimed = True
        running = {row["id"]: row["urgent"] for row in list(self._running.values())}
        room = max(AT_ONCE - sum(not urgent for urgent in running.values()), 0)
        fresh = [row for row in found if row.id not in running]
        ids = [row.id for row in fresh if row.urgent] + [row.id for row in fresh if not row.urgent][:room]
        if not ids:
            return []
        leased = []
        with self.state.write() as conn:
            for row in rows.find(conn, table, id=ids):
                if row["state"] == "done" or (
                    row["state"] == "leased" and row["lease_owner"] == self.owner and row["lease_until"] > iso(now)
                ):
                    continue
                if row["kind"] == "action" and not self._may_send(conn, row, now):
                    continue
                values = {
                    "state": "leased",
                    "lease_owner": self.owner,
                    "lease_until": iso(now + LEASE),
                    "fence": row["fence"] + 1,
                }
                sent = row["kind"] == "action" and row["tries"] > 0
                rows.change(conn, table, row["id"], tries=row["tries"] + 1, **values)
                leased.append({**row, **values, "tries": row["tries"] + 1, "again": row["tries"] > 0, "sent": sent})
        return leased

    def _may_send(self, conn: Connection, row: Row, now: datetime) -> bool:
        """One open response action per device: another one that is under way goes first."""
        step = rows.get(conn, t.step, row["step"])
        device = (step["target"] or {}).get("device")
        others = rows.find(conn, t.step, state=["sent", "accepted"])
        for other in others:
            pending = other["state"] == "sent" or other["action"] in ("endpoint.isolate", "endpoint.release")
            if (
                other["id"] != step["id"]
                and (other["target"] or {}).get("device") == device
                and pending
                and not other["outcome"]
            ):
                rows.change(conn, t.outbox, row["id"], due_at=iso(now + timedelta(seconds=0.5)))
                return False
        rows.change(conn, t.step, step["id"], state="sent", sent_at=step["sent_at"] or iso(now))
        return True

    def has_due(self, conn: Connection) -> bool:
        """Tell whether something is due now."""
        due = (t.outbox.c.state == "waiting") & (t.outbox.c.due_at <= iso(self.clock.now()))
        return conn.execute(select(t.outbox.c.id).where(due).limit(1)).first() is not None

    def _next(self) -> float | None:
        with self.state.read() as conn:
            due = conn.execute(
                select(func.min(t.outbox.c.due_at)).where(t.outbox.c.state == "waiting")
            ).scalar_one_or_none()
        return None if due is None else max((parse_iso(due) - self.clock.now()).total_seconds(), 0.0)

    async def _one(self, row: Row) -> None:
        handlers: dict[str, Callable[[Row], Awaitable[None]]] = {
            "action": self._action, "verify": self._verify, "message": self._message, "report": self._report,
        }  # fmt: skip
        try:
            await handlers[row["kind"]](row)
        except OperationalError as error:  # the state store is away: the lease runs out, then it is looked into again
            log.get().error("effect.state_away", kind=row["kind"], error=str(error))
        except Exception as error:  # noqa: BLE001 - one broken effect must not hold up the others
            log.get().exception("effect.broken", kind=row["kind"], tries=row["tries"])
            problem = f"{type(error).__name__}: {error}"
            await self._write(lambda conn, now: self._broken(conn, row, problem, now))

    async def _write(self, change: Callable[[Connection, datetime], None]) -> None:
        def write() -> None:
            with self.state.write() as conn:
                change(conn, self.clock.now())

        await asyncio.to_thread(write)

    def _done(self, conn: Connection, row: Row, now: datetime, error: str | None = None) -> None:
        rows.change(conn, t.outbox, row["id"], state="dead" if error else "done", error=error, done_at=iso(now))

    def _again(
        self,
        conn: Connection,
        row: Row,
        now: datetime,
        seconds: float,
        error: str,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        values = {"body": dict(body)} if body is not None else {}
        rows.change(
            conn,
            t.outbox,
            row["id"],
            state="waiting",
            error=error[:500],
            due_at=iso(now + timedelta(seconds=seconds)),
            **values,
        )

    def _broken(self, conn: Connection, row: Row, problem: str, now: datetime) -> None:
        """A fault of ours: try again with growing pauses, page a human at the third time, go on for a day."""
        if row["tries"] == PAGE_AFTER and row["incident"]:
            step = rows.get(conn, t.step, row["step"]) if row["step"] else None
            messaging.page(self.engine, conn, rows.get(conn, t.incident, row["incident"]), "broken", now, step=step)
        if row["tries"] >= 100:
            self._done(conn, row, now, problem)
        else:
            self._again(conn, row, now, min(2.0 ** min(row["tries"], 12), 900.0), problem)

    # --- actions ------------------------------------------------------------------------------------

    def _step(self, row: Row) -> tuple[Row, Intent]:
        with self.state.read() as conn:
            step = rows.get(conn, t.step, row["step"])
        intent = actions.get(step["action"])().intent(step["target"], step["tag"])
        return step, Intent(intent.action, intent.target, intent.tag, intent.params, step["sent_at"])

    async def _action(self, row: Row) -> None:
        step, intent = await asyncio.to_thread(self._step, row)
        if step["state"] in ("verified", "failed", "skipped"):
            await self._write(lambda conn, now: self._done(conn, row, now))
            return
        adapter = self.engine.adapters[step["vendor"]]
        try:
            if row["sent"]:
                own = await adapter.find_own(intent)
                if own is None and not await self._may_repeat(row, step, intent):
                    return
                accepted = own
            else:
                accepted = None
            if accepted is None:
                self.failpoint("effect.before_send")
                accepted = await adapter.apply(intent)
                self.failpoint("effect.after_send")
        except VendorError as error:
            problem = error
            await self._write(lambda conn, now: self._refused(conn, row, step, problem, now))
            return
        taken = accepted
        await self._write(lambda conn, now: self._accepted(conn, row, step, taken, now))
        self.failpoint("effect.after_accept")

    async def _may_repeat(self, row: Row, step: Row, intent: Intent) -> bool:
        """A state may be sent again; a job after two looks that are apart; what must happen once never."""
        kind = self.engine.adapters[step["vendor"]].capabilities()[intent.action]
        if kind == "once":
            await self._write(lambda conn, now: self._unknown(conn, row, step, now))
            return False
        looked = row["body"].get("looked", 0) + 1
        if kind == "job" and looked < 2:
            await self._write(
                lambda conn, now: self._again(
                    conn, row, now, FIND_APART, "looking once more", {**row["body"], "looked": looked}
                )
            )
            return False
        return True

    def _unknown(self, conn: Connection, row: Row, step: Row, now: datetime) -> None:
        self._done(conn, row, now, "unknown outcome of an act that is never repeated")
        steps.fail(self.engine, conn, step["id"], "unknown", "結果が不明です。二度は送りません", now)

    def _accepted(self, conn: Connection, row: Row, step: Row, accepted: Accepted, now: datetime) -> None:
        self._done(conn, row, now)
        action = actions.get(step["action"])
        waits_for = (step["detail"] or {}).get("wait_verify")
        incident = rows.get(conn, t.incident, row["incident"])
        values: dict[str, Any] = {"state": "accepted", "vendor_id": accepted.vendor_id, "error": None}
        if not waits_for:
            values |= {"done_at": step["done_at"] or iso(now)}
        rows.change(conn, t.step, step["id"], **values)
        state = {"isolated": "pending_isolation", "released": "pending_release"}.get(action.verifies or "")
        if state and not accepted.adopted:
            holds.observe(conn, step["target"]["device"], step["vendor"], Observation(state, iso(now), "requested"))  # type: ignore[arg-type]
        words = {"endpoint.isolate": "隔離を要求しました", "endpoint.release": "隔離解除を要求しました", "endpoint.scan": "スキャンを要求しました",
                 "endpoint.quarantine_file": "ファイルの隔離を要求しました"}  # fmt: skip
        text = words.get(step["action"], f"要求しました: {step['action']}") + (
            "（要求済みのものを引き継ぎ）" if accepted.adopted else ""
        )
        data = {"step": step["name"], "vendor_id": accepted.vendor_id, "flow": step["flow"]}
        timeline.add(conn, incident["id"], kind="action", actor=step["by"] or "system", now=now, text=text, data=data)
        detail = {
            "vendor": step["vendor"],
            "vendor_id": accepted.vendor_id or "",
            "tag": step["tag"],
            "adopted": accepted.adopted,
        }
        audit.record(conn, now, actor=step["by"] or "system", act=step["action"], object=f"host:{step['target']['device']}", tenant=row["tenant"],
                     detail=detail)  # fmt: skip
        rows.enqueue(conn, "verify", f"verify:{step['id']}:{step['attempt']}", {}, now, run=row["run"], step=step["id"], incident=row["incident"],
                     tenant=row["tenant"], delay=0.2)  # fmt: skip
        runs.advance(self.engine, conn, row["run"], now)

    def _refused(self, conn: Connection, row: Row, step: Row, error: VendorError, now: datetime) -> None:
        log.get().error("effect.refused", kind=error.kind, action=step["action"], tries=row["tries"], error=str(error))
        if error.kind in ("permanent", "auth"):
            self._done(conn, row, now, str(error))
            steps.fail(self.engine, conn, step["id"], "refused", str(error), now)
            return
        rows.change(conn, t.step, step["id"], error=str(error)[:500])
        if iso(now) >= (step["verify_until"] or "9"):
            self._done(conn, row, now, str(error))
            steps.fail(self.engine, conn, step["id"], "not_accepted", str(error), now)
            return
        if row["tries"] == PAGE_AFTER:
            messaging.page(self.engine, conn, rows.get(conn, t.incident, row["incident"]), "retrying", now, step=step)
        pause = min(0.5 * 2 ** min(row["tries"], 6), 30.0) * random.uniform(0.7, 1.0)  # noqa: S311
        self._again(conn, row, now, max(pause, error.retry_after or 0.0), str(error))

    # --- verification -------------------------------------------------------------------------------

    async def _verify(self, row: Row) -> None:
        step, intent = await asyncio.to_thread(self._step, row)
        adapter = self.engine.adapters[step["vendor"]]
        try:
            seen = await adapter.verify(intent, step["vendor_id"])
        except VendorError as error:
            seen = Observation(
                "unknown",
                iso(self.clock.now()),
                f"not answered: {error}",
                next_poll_after=2.0 + (error.retry_after or 0.0),
            )
        await self._write(lambda conn, now: self._seen(conn, row, rows.get(conn, t.step, step["id"]), seen, now))

    def _seen(self, conn: Connection, row: Row, step: Row, seen: Observation, now: datetime) -> None:
        wanted = (step["detail"] or {}).get("wanted") or actions.get(step["action"]).verifies
        look = {"state": seen.state, "observed_at": seen.observed_at, "detail": seen.detail}
        rows.change(conn, t.step, step["id"], observation=look)
        if seen.state in ("isolated", "released", "pending_isolation", "pending_release"):
            holds.observe(conn, step["target"]["device"], step["vendor"], seen)
        if seen.state in (wanted, "done" if wanted == "clean" else wanted):
            self._verified(conn, row, step, seen, now)
        elif seen.state == "failed":
            self._done(conn, row, now)
            steps.fail(self.engine, conn, step["id"], "failed", seen.detail or "製品が失敗を返しました", now)
        elif step["state"] == "failed" or iso(now) >= (step["verify_until"] or "9"):
            self._late(conn, row, step, seen, now)
        else:
            self._again(conn, row, now, seen.next_poll_after, seen.detail)

    def _verified(self, conn: Connection, row: Row, step: Row, seen: Observation, now: datetime) -> None:
        self._done(conn, row, now)
        rows.change(
            conn,
            t.step,
            step["id"],
            state="verified",
            outcome=step["outcome"] or "verified",
            done_at=step["done_at"] or iso(now),
        )
        words = {
            "isolated": "隔離を確認しました",
            "released": "隔離解除を確認しました",
            "clean": "スキャンの完了を確認しました（新しい検知なし）",
            "done": "完了を確認しました",
        }
        timeline.add(conn, row["incident"], kind="verified", actor="system", now=now, text=words.get(seen.state, seen.state),
                     data={"step": step["name"], "flow": step["flow"], "observed_at": seen.observed_at, "state": seen.state})  # fmt: skip
        detail = {"state": seen.state, "observed_at": seen.observed_at, "action": step["action"]}
        audit.record(
            conn,
            now,
            actor="system",
            act="host.verified",
            object=f"host:{step['target']['device']}",
            tenant=row["tenant"],
            detail=detail,
        )
        runs.advance(self.engine, conn, row["run"], now)

    def _late(self, conn: Connection, row: Row, step: Row, seen: Observation, now: datetime) -> None:
        """Not so in time: the step has failed and people know; go on looking, for the device may come back."""
        steps.fail(
            self.engine,
            conn,
            step["id"],
            "not_verified",
            f"期限までに確認できません（{seen.state}: {seen.detail}）",
            now,
        )
        if parse_iso(step["verify_until"]) + WATCH < now:
            self._done(conn, row, now, "given up")
        else:
            self._again(conn, row, now, LATE, seen.detail, {**row["body"], "late": True})

    # --- messages and reports -------------------------------------------------------------------------

    async def _message(self, row: Row) -> None:
        message = await asyncio.to_thread(self._compose, row)
        if message is None:
            await self._write(lambda conn, now: self._done(conn, row, now, "its incident is gone"))
            return
        try:
            answer = await self._send(message, row["body"]["role"])
        except ChannelError as error:
            problem = error
            await self._write(lambda conn, now: self._unsent(conn, row, problem, now))
            return
        self.failpoint("message.after_send")
        await self._write(lambda conn, now: self._sent(conn, row, message, answer, now))

    async def _send(self, message: Message, role: str) -> str:
        """Send by the first channel meant for the role that takes it; mail is for everybody, and comes last."""
        problem = ChannelError("no mail server is configured")
        for channel in self.engine.channels_for(role):
            try:
                return await channel.send(message)
            except ChannelError as error:
                problem = error
        raise problem

    def _compose(self, row: Row) -> Message | None:
        body = row["body"]
        with self.state.read() as conn:
            found = rows.find(conn, t.incident, id=row["incident"])
            if not found:
                return None
            facts = self._facts(conn, found[0], row)
        composed = compose(body["template"], body["language"], facts)
        domain = self.engine.settings.mail.sender.rpartition("@")[2] or "hinomi"
        return Message(id=f"<{row['id']}@{domain}>", to=body["to"], subject=composed.subject, text=composed.text, cc=tuple(body["cc"]),
                       headers={"X-Hinomi-Template": body["template"]})  # fmt: skip

    def _facts(self, conn: Connection, incident: Row, row: Row) -> dict[str, Any]:
        body, engine = row["body"], self.engine
        directory = engine.directory(conn)
        device = people.device_of(directory, incident)
        facts = {"incident": incident["number"], "device": (device.asset_no or device.id) if device else incident["host"],
                 "school": directory.tenant_name(incident["tenant"]), "severity": incident["severity"], "matter": incident["title_ja"],
                 "opened": incident["opened_at"], "role": body["role"], **body["facts"]}  # fmt: skip
        isolation = rows.find(conn, t.step, run=row["run"], action="endpoint.isolate") if row["run"] else []
        if "state" not in body["facts"] and isolation:
            words = {"verified": "confirmed", "failed": "failed", "manual": "manual"}
            facts["state"] = words.get(isolation[-1]["state"], "asked")
        url, links = engine.settings.api.url, engine.links
        if body["report"] and body["receipt"]:
            facts["link"] = f"{url}/p/{links.make('report', body['report'] + ':' + body['receipt'])}"
        elif body["report"]:
            facts["link"] = f"{url}/f/{links.make('form', body['report'] + ':' + body['person'])}"
        elif body["receipt"]:
            facts["link"] = f"{url}/r/{links.make('receipt', body['receipt'])}"
        return facts

    def _sent(self, conn: Connection, row: Row, message: Message, answer: str, now: datetime) -> None:
        self._done(conn, row, now)
        body = row["body"]
        if body["receipt"]:
            conn.execute(
                update(t.receipt)
                .where((t.receipt.c.id == body["receipt"]) & t.receipt.c.sent_at.is_(None))
                .values(sent_at=iso(now))
            )
        detail = {
            "template": body["template"],
            "person": body["person"],
            "role": body["role"],
            "message_id": message.id,
            "answer": answer[:200],
        }
        audit.record(
            conn,
            now,
            actor="system",
            act="message.sent",
            object=f"incident:{row['incident']}",
            tenant=row["tenant"],
            detail=detail,
        )
        timeline.add(conn, row["incident"], kind="message", actor="system", now=now, text=f"連絡を送りました: {message.subject}",
                     data={"template": body["template"], "role": body["role"], "person": body["person"]})  # fmt: skip
        if row["step"] and body["template"] not in ("report_form", "report_reminder", "receipt_reminder"):
            steps.handed(self.engine, conn, row["step"], now)
        elif row["run"]:
            runs.advance(self.engine, conn, row["run"], now)

    def _unsent(self, conn: Connection, row: Row, error: ChannelError, now: datetime) -> None:
        log.get().error("message.not_sent", tries=row["tries"], error=str(error))
        if not error.permanent:
            self._again(conn, row, now, min(2.0 ** row["tries"], 300.0), str(error))
            return
        self._done(conn, row, now, str(error))
        incident = rows.get(conn, t.incident, row["incident"])
        timeline.add(
            conn,
            incident["id"],
            kind="overdue",
            actor="system",
            now=now,
            text=f"届きませんでした: {row['body']['template']}（{row['body']['role']}）",
        )
        receipt = rows.find(conn, t.receipt, id=row["body"]["receipt"] or "")
        waiting = rows.find(conn, t.wait, id=receipt[0]["wait"], state="open") if receipt else []
        for wait in waiting:
            if not wait["escalated_at"]:
                rows.change(conn, t.wait, wait["id"], escalated_at=iso(now))
                waits.escalate(self.engine, conn, incident, wait, now)
        if row["step"]:
            steps.handed(self.engine, conn, row["step"], now)

    async def _report(self, row: Row) -> None:
        report_id = row["body"]["report"]
        builder = self.engine.reports
        if builder is None:
            await self._write(lambda conn, now: self._done(conn, row, now, "no report builder"))
            return
        try:
            async with self._building:
                built = await asyncio.to_thread(builder.build, report_id, self.clock.now())
        except (HinomiError, OSError) as error:
            problem = str(error)
            log.get().error("report.not_built", error=problem)
            await self._write(lambda conn, now: self._again(conn, row, now, min(2.0 ** row["tries"], 300.0), problem))
            return

        def keep(conn: Connection, now: datetime) -> None:
            self._done(conn, row, now)
            rows.change(conn, t.report, report_id, state="sent", sent_at=iso(now), path=built.path, sha256=built.sha256)
            report = rows.get(conn, t.report, report_id)
            detail = {"number": report["number"], "kind": report["kind"], "sha256": built.sha256}
            audit.record(
                conn,
                now,
                actor="system",
                act="report.sent",
                object=f"report:{report_id}",
                tenant=row["tenant"],
                detail=detail,
            )
            timeline.add(
                conn,
                row["incident"],
                kind="report",
                actor="system",
                now=now,
                text=f"報告書を作成しました: {report['number']}",
                data=detail,
            )
            steps.report_built(self.engine, conn, report, now)

        await self._write(keep)
