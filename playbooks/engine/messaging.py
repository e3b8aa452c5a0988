"""Messages to people: rows first (receipt, outbox), composed and sent by the executor."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from hinomi.playbooks.engine import people, rows
from hinomi.playbooks.engine.people import Recipient
from hinomi.playbooks.engine.rows import Row
from hinomi.state import new_id, t

if TYPE_CHECKING:
    from hinomi.playbooks.engine import Engine


def send(
    conn: Connection,
    recipient: Recipient,
    template: str,
    incident: Mapping[str, Any],
    now: datetime,
    *,
    key: str,
    step: Row | None = None,
    wait: str | None = None,
    report: str | None = None,
    facts: Mapping[str, Any] | None = None,
    cc: Sequence[str] = (),
) -> None:
    """Queue one message; with ``wait``, its link is a receipt that counts for it."""
    receipt = None
    if wait is not None:
        known = rows.find(conn, t.receipt, wait=wait, person=recipient.person.id)
        receipt = (
            known[0] if known else rows.add(conn, t.receipt, wait=wait, person=recipient.person.id, role=recipient.role)
        )["id"]
    body = {
        "template": template, "to": recipient.address, "person": recipient.person.id, "role": recipient.role,
        "language": recipient.person.language, "receipt": receipt, "report": report, "facts": dict(facts or {}), "cc": list(cc),
    }  # fmt: skip
    rows.enqueue(
        conn, "message", f"{key}:{recipient.person.id}", body, now, run=step["run"] if step else None, step=step["id"] if step else None,
        incident=incident["id"], tenant=incident["tenant"],
    )  # fmt: skip


def send_role(
    engine: "Engine",
    conn: Connection,
    role: str,
    template: str,
    incident: Mapping[str, Any],
    now: datetime,
    *,
    key: str,
    **more: Any,
) -> int:
    """Queue a message to every holder of a role; return how many there were."""
    found = people.recipients(engine.directory(conn), incident, role)
    for recipient in found:
        send(conn, recipient, template, incident, now, key=key, **more)
    return len(found)


def send_first(
    engine: "Engine", conn: Connection, roles: Sequence[str], template: str, incident: Mapping[str, Any], now: datetime,
    *, key: str, **more: Any,
) -> str:  # fmt: skip
    """Queue a message to the first of these roles that anybody holds; return it, empty if there is nobody at all."""
    told = (role for role in roles if send_role(engine, conn, role, template, incident, now, key=key, **more))
    return next(told, "")


def page(
    engine: "Engine",
    conn: Connection,
    incident: Mapping[str, Any],
    state: str,
    now: datetime,
    *,
    step: Row | None,
    key: str = "",
) -> None:
    """Page the operator's lead (and the operator on duty) at once: something needs a human now."""
    base = key or f"page:{step['id'] if step else new_id()}:{state}"
    facts = {"state": state, "step": step["name"] if step else ""}
    other = step is not None and step["action"] not in (None, "endpoint.isolate")
    template = "action_failed" if other else "isolation_failed"
    send_first(engine, conn, ("operator_lead", "operator"), template, incident, now, key=base, step=step, facts=facts)
