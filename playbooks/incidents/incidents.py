"""Incidents: at most one open per (tenant, host or user, category), joined while its last alert is under 24 h old."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from hinomi import audit, directory
from hinomi.clock import iso
from hinomi.errors import ConfigError, ConflictError
from hinomi.hits import LEVELS
from hinomi.playbooks.incidents import queries, timeline
from hinomi.playbooks.messages import names
from hinomi.state import new_id, next_number, t
from hinomi.tenancy import Grant

OnChange = Callable[[Connection, str, datetime], None]
JOIN = timedelta(hours=24)
DISPOSITIONS = ("true_positive", "false_positive", "authorised", "test", "duplicate")
#: A class that was touched is a floor of the severity (reports fact sheet: Ⅰ critical, Ⅱ high).
FLOOR = {"I": "critical", "II": "high"}
CATEGORIES = {
    "malware": "マルウェア感染の疑い", "intrusion": "不正アクセスの疑い", "data_egress": "情報持ち出しの疑い",
    "policy": "規則違反の疑い", "lost_device": "端末の紛失・盗難", "missent": "誤送信",
}  # fmt: skip


def worst(*levels: str | None) -> str:
    """Return the highest of several levels."""
    return max((level for level in levels if level in LEVELS), key=LEVELS.index, default="medium")


def classes(*found: str | None) -> str | None:
    """Return the highest class (Ⅰ is the highest) of several."""
    order = ("I", "II", "III", "IV")
    return min((c for c in found if c in order), key=order.index, default=None)


def find_open(conn: Connection, tenant: str, entity: str, category: str) -> dict[str, Any] | None:
    """Return the open incident of a key."""
    table = t.incident
    key = (table.c.tenant == tenant) & (table.c.entity == entity) & (table.c.category == category)
    row = conn.execute(select(table).where(key & (table.c.status == "open"))).first()
    return dict(row._mapping) if row else None


def attach(conn: Connection, alert: Mapping[str, Any], *, now: datetime, on_change: OnChange) -> str:
    """Join an alert to its incident, or open one; tell `on_change` of a new incident or a changed severity."""
    found = find_open(conn, alert["tenant"], alert["entity"], alert["category"])
    if found is not None and alert["created_at"] and found["last_alert_at"] < iso(now - JOIN):
        _close_quietly(conn, found, now)
        found = None
    if found is None:
        return open_incident(
            conn, now=now, actor="system", tenant=alert["tenant"], entity=alert["entity"], host=alert["host"], user=alert["user"],
            category=alert["category"], cause=alert["cause"], severity=alert["level"], file_class=alert["file_class"],
            title=alert["title"], title_ja=alert["title_ja"], detected_at=alert["first_seen"],
            facts=_facts({}, alert), on_change=on_change,
        )  # fmt: skip
    severity = worst(found["severity"], alert["level"], FLOOR.get(alert["file_class"] or ""))
    file_class = classes(found["file_class"], alert["file_class"])
    facts = _facts(found["facts"], alert)
    values = {
        "facts": facts,
        "severity": severity,
        "file_class": file_class,
        "last_alert_at": iso(now),
        "updated_at": iso(now),
    }
    conn.execute(update(t.incident).where(t.incident.c.id == found["id"]).values(**values))
    timeline.add(conn, found["id"], kind="alert", actor="system", now=now, text=f"検知が加わりました: {alert['title_ja'] or alert['title']}",
                 data={"alert": alert["number"], "level": alert["level"]})  # fmt: skip
    if severity != found["severity"]:
        timeline.add(
            conn, found["id"], kind="severity", actor="system", now=now, text=f"深刻度 {found['severity']} → {severity}"
        )
    on_change(conn, found["id"], now)
    return str(found["id"])


def _close_quietly(conn: Connection, found: Mapping[str, Any], now: datetime) -> None:
    """An open incident without alerts for a day no longer takes new ones: it keeps its runs, under its own key."""
    entity = f"{found['entity']}#{found['number']}"
    conn.execute(update(t.incident).where(t.incident.c.id == found["id"]).values(entity=entity))
    timeline.add(
        conn,
        found["id"],
        kind="window",
        actor="system",
        now=now,
        text="24時間検知がないため、以後の検知は新しい事案になります",
    )


def _facts(before: Mapping[str, Any], alert: Mapping[str, Any]) -> dict[str, Any]:
    """Return what reports and actions need: rules, techniques, hashes, files, sources, whether it may contain by itself."""
    facts = dict(before)

    def gather(name: str, values: Sequence[Any]) -> None:
        known = facts.setdefault(name, [])
        facts[name] = (known + [v for v in values if v and v not in known])[:50]

    gather("rules", [alert["title_ja"] or alert["title"]])
    gather("rule_ids", [alert["rule_id"]])
    gather("sources", [alert["source"]])
    gather("tags", list(alert["tags"]))
    for event in alert["evidence"]:
        vendor = event.get("event.kind") == "alert"
        gather("vendor_sha1" if vendor else "sha1", [event.get("file.hash.sha1") or event.get("process.hash.sha1")])
        gather("sha256", [event.get("file.hash.sha256"), event.get("process.hash.sha256")])
        gather("files", [event.get("file.name")])
        gather("processes", [event.get("process.name")])
        gather("users", [event.get("hinomi.user.id") or event.get("user.name")])
        gather("event_ids", [event.get("event.id")])
    return facts


def open_incident(
    conn: Connection,
    *,
    now: datetime,
    actor: str,
    tenant: str,
    entity: str,
    category: str,
    cause: str,
    severity: str,
    title: str,
    title_ja: str = "",
    host: str | None = None,
    user: str | None = None,
    file_class: str | None = None,
    detected_at: str | None = None,
    facts: Mapping[str, Any] | None = None,
    on_change: OnChange,
) -> str:
    """Open an incident (or return the one that another writer opened a moment before) and tell `on_change`."""
    number, incident_id = next_number(conn, "incident"), new_id()
    severity = worst(severity, FLOOR.get(file_class or ""))
    ja = title_ja or CATEGORIES.get(category, title)
    row = {
        "id": incident_id, "number": number, "tenant": tenant, "entity": entity, "host": host, "user": user, "category": category,
        "cause": cause, "severity": severity, "file_class": file_class, "title": title, "title_ja": ja, "status": "open",
        "facts": dict(facts or {}), "opened_at": iso(now), "detected_at": detected_at or iso(now), "last_alert_at": iso(now),
        "updated_at": iso(now),
    }  # fmt: skip
    try:
        with conn.begin_nested():
            conn.execute(insert(t.incident).values(**row))
    except IntegrityError:
        other = find_open(conn, tenant, entity, category)
        if other is None:
            raise
        return str(other["id"])
    timeline.add(conn, incident_id, kind="opened", actor=actor, now=now, text=f"事案を開始しました: {ja}",
                 data={"severity": severity, "detected_at": row["detected_at"], "flow": 1})  # fmt: skip
    detail = {"number": number, "category": category, "severity": severity, "cause": cause}
    audit.record(
        conn, now, actor=actor, act="incident.open", object=f"incident:{incident_id}", tenant=tenant, detail=detail
    )
    on_change(conn, incident_id, now)
    return incident_id


def list_incidents(
    conn: Connection, grant: Grant, *, limit: int = 50, cursor: str | None = None, **filters: Any
) -> tuple[list[dict[str, Any]], str | None]:
    """Return (incidents, next cursor), newest first. Filters: status, severity, category, host, assignee, tenant, since."""
    grant.demand("read")
    rows, after = queries.page(conn, t.incident, grant, filters, limit=limit, cursor=cursor)
    people = directory.load(conn)
    return [{**row, "assignee_name": names.named(row["assignee"], people)} for row in rows], after


def get_incident(conn: Connection, grant: Grant, ref: str) -> dict[str, Any]:
    """Return one incident by number or id, with its alerts, runs, reports and timeline."""
    grant.demand("read")
    row = queries.one(conn, t.incident, grant, ref, "incident")
    key = row["id"]
    columns = [
        t.alert.c[name]
        for name in ("number", "level", "status", "title", "title_ja", "rule_id", "count", "first_seen", "last_seen")
    ]
    row["alerts"] = [
        dict(r._mapping)
        for r in conn.execute(select(*columns).where(t.alert.c.incident == key).order_by(t.alert.c.number))
    ]
    runs = select(t.run.c.id, t.run.c.playbook, t.run.c.mode, t.run.c.state).where(t.run.c.incident == key)
    row["runs"] = [dict(r._mapping) for r in conn.execute(runs)]
    reports = select(t.report.c.number, t.report.c.kind, t.report.c.state, t.report.c.path).where(
        t.report.c.incident == key
    )
    row["reports"] = [dict(r._mapping) for r in conn.execute(reports)]
    people = directory.load(conn)
    row["school"] = people.tenant_name(row["tenant"])
    row["user_name"], row["assignee_name"] = (names.named(row[name], people) for name in ("user", "assignee"))
    row["timeline"] = [
        {**entry, "who": names.who(entry["actor"], people), "told": names.told(entry, people)}
        for entry in timeline.of(conn, key)
    ]
    return row


def _act(
    conn: Connection,
    grant: Grant,
    ref: str,
    now: datetime,
    *,
    act: str,
    text: str,
    values: Mapping[str, Any],
    reason: str = "",
) -> dict[str, Any]:
    row = queries.one(conn, t.incident, grant, ref, "incident")
    grant.demand("act", row["tenant"])
    conn.execute(update(t.incident).where(t.incident.c.id == row["id"]).values(updated_at=iso(now), **values))
    kind = act.partition(".")[2]
    timeline.add(
        conn,
        row["id"],
        kind=kind,
        actor=grant.actor,
        now=now,
        text=text,
        data={"reason": reason, **values} if reason else dict(values),
    )
    detail = {**values, **({"reason": reason} if reason else {})}
    audit.record(
        conn, now, actor=grant.actor, act=act, object=f"incident:{row['id']}", tenant=row["tenant"], detail=detail
    )
    return row


def note(conn: Connection, grant: Grant, ref: str, text: str, now: datetime) -> None:
    """Write a note on the timeline."""
    if not text.strip():
        raise ConfigError("an empty note", hint="write what was seen or agreed")
    _act(conn, grant, ref, now, act="incident.note", text=text, values={})


def assign(conn: Connection, grant: Grant, ref: str, assignee: str, now: datetime) -> None:
    """Assign an incident; the first assignment acknowledges it."""
    row = queries.one(conn, t.incident, grant, ref, "incident")
    values = {"assignee": assignee, "acknowledged_at": row["acknowledged_at"] or iso(now)}
    _act(conn, grant, ref, now, act="incident.assign", text=f"担当: {assignee}", values=values)


def change(
    conn: Connection, grant: Grant, ref: str, *, severity: str | None = None, category: str | None = None, reason: str,
    now: datetime, on_change: OnChange,
) -> None:  # fmt: skip
    """Change severity or category; playbooks are matched again in the same transaction."""
    values = {k: v for k, v in (("severity", severity), ("category", category)) if v}
    if severity and severity not in LEVELS:
        raise ConfigError(f"unknown severity {severity!r}", hint=f"known: {', '.join(LEVELS)}")
    row = _act(conn, grant, ref, now, act="incident.change", text=f"変更: {values}", values=values, reason=reason)
    on_change(conn, row["id"], now)


def learn(conn: Connection, incident: str, found: Mapping[str, Any], now: datetime, on_change: OnChange) -> None:
    """Add facts that the logs have shown; a class among them raises the incident's class and its severity's floor."""
    row = conn.execute(select(t.incident).where(t.incident.c.id == incident)).one()
    file_class = classes(row.file_class, found.get("file_class"))
    severity = worst(row.severity, FLOOR.get(file_class or ""))
    facts = {**row.facts, **{name: value for name, value in found.items() if name != "file_class"}}
    values = {"facts": facts, "file_class": file_class, "severity": severity, "updated_at": iso(now)}
    conn.execute(update(t.incident).where(t.incident.c.id == incident).values(**values))
    if severity != row.severity:
        text = f"深刻度 {row.severity} → {severity}（重要性分類{file_class}の情報が関係する可能性）"
        timeline.add(conn, incident, kind="severity", actor="system", now=now, text=text)
    on_change(conn, incident, now)


def close(conn: Connection, grant: Grant, ref: str, disposition: str, reason: str, now: datetime) -> None:
    """Close an incident; a device that it still holds stays isolated until it is released."""
    if disposition not in DISPOSITIONS:
        raise ConfigError(f"unknown disposition {disposition!r}", hint=f"known: {', '.join(DISPOSITIONS)}")
    row = queries.one(conn, t.incident, grant, ref, "incident")
    if row["status"] != "open":
        raise ConflictError(f"incident {row['number']} is {row['status']} already")
    held = (
        conn.execute(select(t.hold.c.device).where((t.hold.c.incident == row["id"]) & t.hold.c.released_at.is_(None)))
        .scalars()
        .all()
    )
    if held:
        raise ConflictError(
            f"it still holds {', '.join(held)}", hint="release first: hinomi host release DEVICE --reason …"
        )
    values = {"status": "closed", "disposition": disposition, "closed_at": iso(now)}
    _act(
        conn,
        grant,
        ref,
        now,
        act="incident.close",
        text=f"事案を終了しました（{disposition}）",
        values=values,
        reason=reason,
    )


def merge(conn: Connection, grant: Grant, ref: str, into: str, reason: str, now: datetime) -> None:
    """Move an incident's alerts into another and end it as merged."""
    target = queries.one(conn, t.incident, grant, into, "incident")
    row = queries.one(conn, t.incident, grant, ref, "incident")
    if row["id"] == target["id"] or row["tenant"] != target["tenant"]:
        raise ConflictError("two different incidents of one school can be merged")
    values = {"status": "merged", "merged_into": target["id"], "closed_at": iso(now)}
    _act(
        conn,
        grant,
        ref,
        now,
        act="incident.merge",
        text=f"事案 {target['number']} に統合しました",
        values=values,
        reason=reason,
    )
    conn.execute(update(t.alert).where(t.alert.c.incident == row["id"]).values(incident=target["id"]))
    _move_holds(conn, row["id"], target["id"], now)
    timeline.add(
        conn, target["id"], kind="merge", actor=grant.actor, now=now, text=f"事案 {row['number']} を統合しました"
    )


def _move_holds(conn: Connection, source: str, target: str, now: datetime) -> None:
    """Hand an incident's holds over; of a device that the other one holds as well, one hold is enough."""
    open_ = t.hold.c.released_at.is_(None)
    both = select(t.hold.c.device).where(open_ & (t.hold.c.incident == target))
    double = open_ & (t.hold.c.incident == source) & t.hold.c.device.in_(both)
    conn.execute(update(t.hold).where(double).values(released_at=iso(now)))
    conn.execute(update(t.hold).where(open_ & (t.hold.c.incident == source)).values(incident=target))


def split(
    conn: Connection, grant: Grant, ref: str, alerts: Sequence[int], reason: str, now: datetime, on_change: OnChange
) -> str:
    """Take alerts (by number) out of an incident into a new one."""
    row = queries.one(conn, t.incident, grant, ref, "incident")
    chosen = (t.alert.c.incident == row["id"]) & t.alert.c.number.in_(list(alerts))
    moved = conn.execute(select(t.alert).where(chosen)).all()
    if not moved:
        raise ConflictError("none of these alerts belongs to this incident", hint="hinomi incident show lists them")
    made = open_incident(
        conn, now=now, actor=grant.actor, tenant=row["tenant"], entity=f"{row['entity']}#split-{new_id()[:6]}", host=row["host"],
        user=row["user"], category=row["category"], cause=row["cause"], severity=worst(*(a.level for a in moved)),
        title=moved[0].title, title_ja=moved[0].title_ja, detected_at=min(a.first_seen for a in moved), on_change=on_change,
    )  # fmt: skip
    conn.execute(update(t.alert).where(chosen).values(incident=made))
    _act(
        conn, grant, ref, now, act="incident.split", text=f"検知 {list(alerts)} を分けました", values={}, reason=reason
    )
    return made
