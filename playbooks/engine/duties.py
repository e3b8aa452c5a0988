"""Duties to report by law: looked at whenever an incident's facts change, and never decided by hinomi.

An officer of the board decides (a playbook's ``decide`` step with the choice ``no_duty``); if the facts change after they
have said that there is none, they are asked again by the same step. If they say then that there is one, the steps that were skipped follow.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from hinomi.playbooks.engine import rows, runs, waits
from hinomi.playbooks.incidents import statutory
from hinomi.state import t

if TYPE_CHECKING:
    from hinomi.playbooks.engine import Engine

NO_DUTY = "no_duty"
DUE = timedelta(days=2)
"""The prompt report is due on the third to the fifth day, the day it was known being the first."""


def on_incident(engine: "Engine", conn: Connection, incident: str, now: datetime) -> None:
    """Look at an incident of internal cause; those of external cause are looked at when their reports say what was lost."""
    row = rows.get(conn, t.incident, incident)
    if row["cause"] == "internal" and row["category"] in ("lost_device", "missent") and row["status"] == "open":
        look(engine, conn, incident, now)


def look(engine: "Engine", conn: Connection, incident: str, now: datetime) -> None:
    """Evaluate the statutory clock again; ask again whoever has decided on other facts that there is no duty."""
    if not statutory.note(conn, incident, now):
        return
    asked = [w for w in rows.find(conn, t.wait, incident=incident, kind="decision") if NO_DUTY in (w["options"] or ())]
    last = max(asked, key=lambda wait: wait["opened_at"], default=None)
    if last is None or last["state"] == "open" or last["outcome"] != NO_DUTY:
        return
    row, step = rows.get(conn, t.incident, incident), rows.get(conn, t.step, last["step"])
    runs.reopen(conn, rows.get(conn, t.run, step["run"]), now)
    wait = waits.open_wait(conn, row, "decision", last["role"], now, step=step, due=now + DUE, escalate=last["escalate"], flow=last["flow"],
                           options=last["options"], text=last["text"])  # fmt: skip
    waits.tell_role(engine, conn, row, wait, "decision_request", now, key=f"decide:{wait['id']}", step=step)
