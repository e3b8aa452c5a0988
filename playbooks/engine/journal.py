"""The two books of a run: the incident's timeline, for people, and the audit, for proof."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from hinomi import audit
from hinomi.playbooks.incidents import timeline


def tell(
    conn: Connection, incident: str, kind: str, text: str, now: datetime, /, *, actor: str = "system", **data: Any
) -> None:
    """Write a line on an incident's timeline."""
    timeline.add(conn, incident, kind=kind, actor=actor, text=text, now=now, data=data)


def prove(
    conn: Connection, act: str, what: str, tenant: str, now: datetime, /, *, actor: str = "system", **detail: Any
) -> None:
    """Write an audit record about ``what`` (``host:pc-1``, ``run:…``)."""
    audit.record(conn, now, actor=actor, act=act, object=what, tenant=tenant, detail=detail)
