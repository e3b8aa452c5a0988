"""A report: its file is built outside of transactions, then its link goes to those who receive it."""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from hinomi import log
from hinomi.clock import iso
from hinomi.errors import HinomiError
from hinomi.playbooks.engine import journal, leases, rows, says, steps
from hinomi.playbooks.engine.reports import Built
from hinomi.playbooks.engine.rows import Row
from hinomi.playbooks.incidents import incidents
from hinomi.state import t

if TYPE_CHECKING:
    from hinomi.playbooks.engine import Engine
    from hinomi.playbooks.engine.outbox import Executor


async def carry_out(executor: "Executor", row: Row) -> None:
    """Build one report."""
    builder = executor.engine.reports
    if builder is None:
        await executor.write(row, lambda conn, now: leases.done(conn, row, now, "no report builder"))
        return
    try:
        async with executor.building:
            built = await asyncio.to_thread(builder.build, row["body"]["report"], executor.clock.now())
    except (HinomiError, OSError) as error:
        problem, pause = str(error), min(2.0 ** min(row["tries"], 9), 300.0)
        log.get().error("report.not_built", error=problem)
        await executor.write(row, lambda conn, now: leases.again(conn, row, now, pause, problem))
        return
    await executor.write(row, lambda conn, now: _built(executor.engine, conn, row, built, now))


def _built(engine: "Engine", conn: Connection, row: Row, built: Built, now: datetime) -> None:
    leases.done(conn, row, now)
    key = row["body"]["report"]
    rows.change(conn, t.report, key, state="sent", sent_at=iso(now), path=built.path, sha256=built.sha256)
    report = rows.get(conn, t.report, key)
    facts = {"number": report["number"], "kind": report["kind"], "sha256": built.sha256}
    journal.prove(conn, "report.sent", f"report:{key}", row["tenant"], now, **facts)
    journal.tell(conn, row["incident"], "report", says.report_made(report["number"]), now, **facts)
    if built.found:
        incidents.learn(conn, row["incident"], built.found, now, engine.on_incident)
    steps.report.built(engine, conn, report, now)
