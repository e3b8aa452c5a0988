"""Reports as rows: opened as drafts, filled in by their authors, submitted, listed, read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, desc, insert, select, update

from hinomi import audit, directory
from hinomi.clock import JST, iso
from hinomi.errors import ConfigError, ConflictError, NotFoundError
from hinomi.playbooks.incidents import queries
from hinomi.playbooks.messages import names
from hinomi.reports import ReportKind, reports
from hinomi.reports.answers import shown
from hinomi.reports.fields import FormField, check, form_fields
from hinomi.state import new_id, next_number, t
from hinomi.tenancy import Grant, within

Row = dict[str, Any]


class Sender(Protocol):
    """Who sends a submitted report on: the playbook engine."""

    def report_submitted(self, conn: Connection, report: Row, actor: str, now: datetime) -> None:
        """Take a report that its author has submitted."""
        ...


def fields_for(kind: str) -> tuple[FormField, ...]:
    """Return the questions that a kind's author is asked, in order."""
    return form_fields(reports.get(kind).fields)


def open_report(
    conn: Connection,
    *,
    incident: str,
    kind: str,
    now: datetime,
    run: str | None = None,
    step: str | None = None,
    author_role: str = "",
    due_at: str | None = None,
) -> str:
    """Make a draft; a step that already has one of this kind gets that. Return its id."""
    known = reports.get(kind)
    if step is not None:
        found = select(t.report.c.id).where((t.report.c.step == step) & (t.report.c.kind == kind))
        if there := conn.execute(found).scalar_one_or_none():
            return str(there)
    tenant = conn.execute(select(t.incident.c.tenant).where(t.incident.c.id == incident)).scalar_one()
    year = now.astimezone(JST).year
    row = {
        "id": new_id(), "number": f"{year}-{next_number(conn, f'report-{year}'):04d}", "incident": incident, "tenant": tenant,
        "run": run, "step": step, "kind": kind, "rev": 1, "state": "draft", "author_role": author_role or known.author,
        "fields": {}, "opened_at": iso(now), "due_at": due_at,
    }  # fmt: skip
    conn.execute(insert(t.report).values(**row))
    detail = {"number": row["number"], "kind": kind, "incident": incident}
    audit.record(
        conn, now, actor="system", act="report.open", object=f"report:{row['id']}", tenant=tenant, detail=detail
    )
    return str(row["id"])


def by_id(conn: Connection, report_id: str) -> Row:
    """Return a report's row.

    Raises:
        NotFoundError: If there is none.
    """
    row = conn.execute(select(t.report).where(t.report.c.id == report_id)).first()
    if row is None:
        raise NotFoundError("この報告は見つかりません", hint="hinomi report list")
    return dict(row._mapping)


def carried(conn: Connection, report: Row, kind: ReportKind) -> dict[str, tuple[str, Any]]:
    """Return the answers of earlier reports of the incident to the same questions: name → (title, answer)."""
    found: dict[str, tuple[str, Any]] = {}
    for name in kind.carries:
        key = (t.report.c.incident == report["incident"]) & (t.report.c.kind == name) & (t.report.c.id != report["id"])
        earlier = conn.execute(
            select(t.report.c.fields).where(key).order_by(desc(t.report.c.opened_at)).limit(1)
        ).scalar()
        for question, value in (earlier or {}).items():
            if question in kind.fields.model_fields:
                found.setdefault(question, (reports.get(name).title, value))
    return found


def _writable(conn: Connection, report_id: str) -> Row:
    report = by_id(conn, report_id)
    if report["submitted_at"]:
        raise ConflictError("この報告はすでに提出されています", hint="hinomi report show")
    return report


def _merged(
    report: Row, kind: ReportKind, taken: Mapping[str, tuple[str, Any]], fields: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the kept answers with the given ones over them; an empty answer takes one back, a carried one stays carried."""
    kept = check(kind.fields, {**report["fields"], **fields})
    same = {name for name in kept if name not in report["fields"] and name in taken and taken[name][1] == kept[name]}
    return {name: value for name, value in kept.items() if name not in same}


def _sent_already(conn: Connection, report: Row) -> bool:
    """Tell whether this version went out, or is about to: what is submitted now is the next one."""
    key = f"report:{report['id']}:{report['rev']}"
    waiting = conn.execute(select(t.outbox.c.id).where(t.outbox.c.key == key)).first()
    return report["state"] == "sent" or waiting is not None


def save_fields(
    conn: Connection, report_id: str, fields: Mapping[str, Any], actor: str, now: datetime
) -> dict[str, Any]:
    """Keep answers of a draft; return all that are kept.

    Raises:
        NotFoundError, ConflictError: If there is no such report, or it was submitted.
        Faults: Naming every answer that does not fit.
    """
    report = _writable(conn, report_id)
    kind = reports.get(report["kind"])
    kept = _merged(report, kind, carried(conn, report, kind), fields)
    conn.execute(update(t.report).where(t.report.c.id == report_id).values(fields=kept))
    changed = sorted(name for name in {*kept, *report["fields"]} if kept.get(name) != report["fields"].get(name))
    if changed:
        detail = {"number": report["number"], "fields": changed}
        audit.record(
            conn,
            now,
            actor=actor,
            act="report.edit",
            object=f"report:{report_id}",
            tenant=report["tenant"],
            detail=detail,
        )
    return kept


def submit(
    conn: Connection, report_id: str, fields: Mapping[str, Any], actor: str, now: datetime, engine: Sender | None
) -> Row:
    """Submit a report and have it sent; one that went out unsubmitted goes out again as a new version.

    Raises:
        NotFoundError, ConflictError: If there is no such report, or it was submitted before.
        Faults: Naming every answer that does not fit or is missing.
    """
    report = _writable(conn, report_id)
    kind = reports.get(report["kind"])
    taken = carried(conn, report, kind)
    kept = _merged(report, kind, taken, fields)
    check(kind.fields, {name: value for name, (_, value) in taken.items()} | kept, complete=True)
    rev = report["rev"] + (1 if _sent_already(conn, report) else 0)
    values = {"fields": kept, "rev": rev, "state": "submitted", "author": actor, "submitted_at": iso(now)}
    conn.execute(update(t.report).where(t.report.c.id == report_id).values(**values))
    detail = {"number": report["number"], "kind": report["kind"], "rev": rev, "fields": sorted(kept)}
    audit.record(
        conn,
        now,
        actor=actor,
        act="report.submit",
        object=f"report:{report_id}",
        tenant=report["tenant"],
        detail=detail,
    )
    report = by_id(conn, report_id)
    if engine is not None:
        engine.report_submitted(conn, report, actor, now)
    return report


def reopen(conn: Connection, report_id: str, actor: str, reason: str, now: datetime) -> Row:
    """Open a submitted report for a new version (訂正・続報); the sent file stays.

    Raises:
        ConfigError: If no reason is given.
        ConflictError: If it is open anyway.
    """
    report = by_id(conn, report_id)
    if not report["submitted_at"]:
        raise ConflictError("この報告はまだ提出されていません")
    if not reason.strip():
        raise ConfigError("理由が必要です")
    conn.execute(
        update(t.report)
        .where(t.report.c.id == report_id)
        .values(rev=report["rev"] + 1, state="draft", submitted_at=None)
    )
    detail = {"number": report["number"], "rev": report["rev"] + 1, "reason": reason}
    audit.record(
        conn,
        now,
        actor=actor,
        act="report.reopen",
        object=f"report:{report_id}",
        tenant=report["tenant"],
        detail=detail,
    )
    return by_id(conn, report_id)


# --- reading -----------------------------------------------------------------------------------------


def _row(row: Row) -> Row:
    return {**row, "title": reports.get(row["kind"]).title if row["kind"] in reports else row["kind"]}


def list_reports(
    conn: Connection, grant: Grant, *, limit: int = 50, cursor: str | None = None, **filters: Any
) -> tuple[list[Row], str | None]:
    """Return (reports without their answers, next cursor), newest first; filters: incident, kind, state, tenant."""
    grant.demand("read")
    asked = queries.in_subtree(select(t.report), t.report, grant.tenant).order_by(desc(t.report.c.number)).limit(limit)
    for name, value in filters.items():
        if value is None:
            continue
        if name == "tenant":
            asked = queries.in_subtree(asked, t.report, str(value))
        elif name == "incident":
            asked = asked.where(
                t.report.c.incident == queries.one(conn, t.incident, grant, str(value), "incident")["id"]
            )
        elif name in ("kind", "state"):
            asked = asked.where(t.report.c[name] == value)
        else:
            raise ConfigError(f"{name!r} is no filter of reports", hint="incident, kind, state, tenant")
    if cursor is not None:
        asked = asked.where(t.report.c.number < cursor)
    found = [dict(row._mapping) for row in conn.execute(asked)]
    items = [{k: v for k, v in _row(row).items() if k != "fields"} for row in queries.with_numbers(conn, found)]
    return items, str(found[-1]["number"]) if found and len(found) == limit else None


def get_report(conn: Connection, grant: Grant, ref: str) -> Row:
    """Return one report by number or id, with its ``form``: every question with its answer.

    Raises:
        NotFoundError: If there is none in the caller's subtree.
    """
    grant.demand("read")
    row = conn.execute(select(t.report).where((t.report.c.number == ref) | (t.report.c.id == ref))).first()
    if row is None or not within(row.tenant, grant.tenant):
        raise NotFoundError(f"no report {ref!r}", hint="hinomi report list")
    report = dict(row._mapping)
    author = names.who(report["author"], directory.load(conn))
    return {**_row(queries.with_numbers(conn, [report])[0]), "author_name": author, "form": form(conn, report)}


def form(conn: Connection, report: Row) -> list[Row]:
    """Return every question of a report with its answer; ``carried`` names the report an answer was taken over from."""
    kind = reports.get(report["kind"])
    taken = carried(conn, report, kind)
    items = []
    for question in form_fields(kind.fields):
        source, value = taken.get(question.name, ("", None))
        if question.name in report["fields"]:
            source, value = "", report["fields"][question.name]
        items.append({
            "name": question.name, "label": question.label, "shape": question.shape, "required": question.required,
            "choices": list(question.choices), "hint": question.hint, "section": question.section, "value": value,
            "shown": shown(value, question.shape) if value is not None else "", "carried": source,
        })  # fmt: skip
    return items
