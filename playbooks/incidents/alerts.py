"""Alerts: one per (rule, entity, tenant) and hour of event time, with its first events' content.

A flood of one rule costs little: hits are grouped before the database is touched, and a noisy rule has
one alert a tenant.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, desc, insert, select, update

from hinomi import audit
from hinomi.clock import iso
from hinomi.directory import Directory
from hinomi.errors import ConfigError, HinomiError
from hinomi.hits import Hit
from hinomi.playbooks.incidents import incidents, queries
from hinomi.playbooks.incidents.incidents import DISPOSITIONS, OnChange
from hinomi.state import new_id, next_number, t, upsert
from hinomi.tenancy import Grant

MOST_EVENTS, MOST_BYTES, MOST_IDS = 20, 64 * 1024, 200
NOISY_ENTITIES, NOISY_HITS = 200, 100_000
QUIET = ("informational", "low")
KEPT_CLOSED = ("authorised", "test")


class Recorded(NamedTuple):
    """What a batch of hits came to."""

    alerts: list[str]
    incidents: list[str]


class _Group(NamedTuple):
    tenant: str
    rule: str
    entity: str
    hour: str


def record_hits(
    conn: Connection, hits: Sequence[Hit], *, now: datetime, directory: Directory, on_change: OnChange
) -> Recorded:
    """Turn hits into alerts and incidents, in the caller's transaction."""
    groups: dict[_Group, list[Hit]] = {}
    for hit in hits:
        groups.setdefault(_Group(hit.tenant, hit.rule.id, hit.entity, hit.time[:13]), []).append(hit)
    noisy = _count(conn, groups)
    merged: dict[_Group, list[Hit]] = {}
    for group, members in groups.items():
        key = group._replace(entity="noisy") if (group.tenant, group.rule, group.hour) in noisy else group
        merged.setdefault(key, []).extend(members)
    alerts: list[str] = []
    touched: list[str] = []
    for group, members in merged.items():
        if members[0].rule.level in QUIET:
            continue
        alert = _record(conn, group, members, now)
        if alert is None:
            continue
        alerts.append(alert["id"])
        if incident := _incident(conn, alert, members, now, on_change):
            touched.append(incident)
    return Recorded(alerts, touched)


def _count(conn: Connection, groups: Mapping[_Group, list[Hit]]) -> set[tuple[str, str, str]]:
    """Add to the rules' counts; return the (tenant, rule, hour) that are noisy now."""
    totals: dict[tuple[str, str, str], list[Any]] = {}
    for group, members in groups.items():
        entry = totals.setdefault((group.tenant, group.rule, group.hour), [0, set(), ""])
        entry[0] += len(members)
        entry[1].add(group.entity)
        entry[2] = max(entry[2], members[-1].time)
    noisy = set()
    table = t.rule_count
    for (tenant, rule, hour), (count, entities, last) in totals.items():
        key = (table.c.rule_id == rule) & (table.c.tenant == tenant) & (table.c.hour == hour)
        row = conn.execute(select(table).where(key)).first()
        known = (
            _open_entities(conn, tenant, rule, hour) if len(entities) > 20 or (row and row.entities > 150) else set()
        )
        total = (row.hits if row else 0) + count
        different = max(row.entities if row else 0, len(known | entities))
        loud = bool(row and row.noisy) or different > NOISY_ENTITIES or total > NOISY_HITS
        values = {"hits": total, "entities": different, "noisy": loud, "last_seen": last}
        add = upsert(conn, table).values(rule_id=rule, tenant=tenant, hour=hour, **values)
        conn.execute(add.on_conflict_do_update(index_elements=["rule_id", "tenant", "hour"], set_=values))
        if loud:
            noisy.add((tenant, rule, hour))
    return noisy


def _open_entities(conn: Connection, tenant: str, rule: str, hour: str) -> set[str]:
    table = t.alert
    key = (table.c.tenant == tenant) & (table.c.rule_id == rule) & (table.c.hour == hour)
    return set(conn.execute(select(table.c.entity).where(key)).scalars())


def _record(conn: Connection, group: _Group, members: list[Hit], now: datetime) -> dict[str, Any] | None:
    """Add hits to the open alert of a group, or open one; None where it was closed as authorised or test."""
    table = t.alert
    vendor_id = members[-1].vendor_id
    key = (table.c.tenant == group.tenant) & (table.c.rule_id == group.rule) & (table.c.entity == group.entity)
    key &= (table.c.vendor_id == vendor_id) if vendor_id else (table.c.hour == group.hour)
    columns = [column for column in table.c if column.name != "evidence"]  # up to 64 KiB: read where it grows
    row = conn.execute(select(*columns).where(key).order_by(desc(table.c.number)).limit(1)).first()
    if row is not None and row.status == "closed":
        if row.disposition in KEPT_CLOSED:
            conn.execute(
                update(table)
                .where(table.c.id == row.id)
                .values(count=row._mapping["count"] + len(members), last_seen=members[-1].time)
            )
            return None
        row = None
    if row is None:
        return _open(conn, group, members, now)
    known = set(row.event_ids)
    fresh = [hit for hit in members if hit.event_id not in known]
    if not fresh:
        return None
    values = {
        "count": row._mapping["count"] + len(fresh),
        "first_seen": min(row.first_seen, *(hit.time for hit in fresh)),
        "last_seen": max(row.last_seen, *(hit.time for hit in fresh)),
        "event_ids": (list(row.event_ids) + [hit.event_id for hit in fresh])[-MOST_IDS:],
        "level": incidents.worst(row.level, fresh[-1].rule.level),
        "trusted": row.trusted or any(hit.trusted for hit in fresh),
        "file_class": incidents.classes(row.file_class, *(hit.file_class for hit in fresh)),
        "updated_at": iso(now),
    }
    if any(hit.event is not None for hit in fresh):
        kept = conn.execute(select(table.c.evidence).where(table.c.id == row.id)).scalar_one()
        values["evidence"] = _evidence(kept, fresh)
    conn.execute(update(table).where(table.c.id == row.id).values(**values))
    return {**row._mapping, **values}


def _open(conn: Connection, group: _Group, members: list[Hit], now: datetime) -> dict[str, Any]:
    first, rule = members[0], members[-1].rule
    noisy = group.entity == "noisy"
    row: dict[str, Any] = {
        "id": new_id(), "number": next_number(conn, "alert"), "tenant": group.tenant, "rule_id": rule.id, "rule_hash": rule.hash,
        "title": rule.title[:300], "title_ja": rule.title_ja[:300], "level": rule.level, "category": rule.category,
        "cause": rule.cause, "contain": rule.contain, "entity": group.entity, "host": None if noisy else first.host,
        "user": None if noisy else first.user, "hour": group.hour, "source": first.source, "vendor_id": members[-1].vendor_id,
        "file_class": incidents.classes(*(hit.file_class for hit in members)), "count": len(members),
        "first_seen": min(hit.time for hit in members), "last_seen": max(hit.time for hit in members),
        "received_at": first.received, "trusted": first.trusted, "backfill": first.backfill or not first.live,
        "host_known": first.host_known, "created": first.created, "tags": list(rule.tags),
        "evidence": _evidence([], members), "event_ids": [hit.event_id for hit in members][-MOST_IDS:],
        "status": "new", "created_at": iso(now), "updated_at": iso(now), "incident": None,
    }  # fmt: skip
    conn.execute(insert(t.alert).values(**row))
    return row


def _evidence(kept: Sequence[dict[str, Any]], hits: Sequence[Hit]) -> list[dict[str, Any]]:
    found = list(kept)
    size = len(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    for hit in hits:
        if hit.event is None or len(found) >= MOST_EVENTS:
            continue
        event = {k: v for k, v in hit.event.items() if k != "hinomi.original.base64"}
        weight = len(json.dumps(event, ensure_ascii=False, default=str).encode("utf-8", "replace"))
        if size + weight > MOST_BYTES:
            event = {k: v for k, v in event.items() if len(str(v)) <= 500 and k != "event.original"}
            weight = len(json.dumps(event, ensure_ascii=False, default=str).encode("utf-8", "replace"))
        if size + weight <= MOST_BYTES:
            found.append(event)
            size += weight
    return found


def _incident(
    conn: Connection, alert: dict[str, Any], members: list[Hit], now: datetime, on_change: OnChange
) -> str | None:
    """Attach an alert that calls for an incident: level high or above, or a rule that may contain."""
    if alert["entity"] == "noisy" or not any(hit.live for hit in members):
        return None
    if alert["level"] not in ("high", "critical") and alert["contain"] != "auto":
        return None
    if alert.get("incident"):
        status = conn.execute(
            select(t.incident.c.status).where(t.incident.c.id == alert["incident"])
        ).scalar_one_or_none()
        if status == "open":
            return None
    incident = incidents.attach(
        conn, alert, now=now, on_change=lambda c, i, n: _linked(c, alert["id"], i, n, on_change)
    )
    conn.execute(update(t.alert).where(t.alert.c.id == alert["id"]).values(incident=incident))
    return incident


def _linked(conn: Connection, alert: str, incident: str, now: datetime, on_change: OnChange) -> None:
    """Link the alert before playbooks look at the incident's alerts."""
    conn.execute(update(t.alert).where(t.alert.c.id == alert).values(incident=incident))
    on_change(conn, incident, now)


def list_alerts(
    conn: Connection, grant: Grant, *, limit: int = 50, cursor: str | None = None, **filters: Any
) -> tuple[list[dict[str, Any]], str | None]:
    """Return (alerts without evidence, next cursor), newest first."""
    grant.demand("read")
    rows, after = queries.page(conn, t.alert, grant, filters, limit=limit, cursor=cursor)
    shown = [{k: v for k, v in row.items() if k not in ("evidence", "event_ids")} for row in rows]
    return queries.with_numbers(conn, shown), after


def get_alert(conn: Connection, grant: Grant, ref: str) -> dict[str, Any]:
    """Return one alert by number or id, with its evidence."""
    grant.demand("read")
    return queries.with_numbers(conn, [queries.one(conn, t.alert, grant, ref, "alert")])[0]


def act(
    conn: Connection,
    grant: Grant,
    verb: str,
    now: datetime,
    *,
    ids: Sequence[str] = (),
    filter: Mapping[str, Any] | None = None,
    reason: str,
    assignee: str | None = None,
    disposition: str | None = None,
) -> list[dict[str, Any]]:
    """Acknowledge, assign or close many alerts with one reason; return {id, ok, error} for each."""
    grant.demand("act")
    if verb == "close" and disposition not in DISPOSITIONS:
        raise ConfigError(f"unknown disposition {disposition!r}", hint=f"known: {', '.join(DISPOSITIONS)}")
    if verb == "assign" and not assignee:
        raise ConfigError("nobody is named", hint="--to NAME")
    if filter is not None and not ids:
        names = {"rule": "rule_id"}
        chosen = {names.get(k, k): v for k, v in filter.items()}
        unknown = set(chosen) - {"rule_id", "level", "tenant", "host", "status", "category"}
        if unknown or not chosen:
            raise ConfigError(
                f"cannot filter by {', '.join(sorted(unknown)) or 'nothing'}",
                hint="rule, level, tenant, host, status, category",
            )
        rows, _ = queries.page(conn, t.alert, grant, chosen, limit=10_000, cursor=None)
        ids = [str(row["number"]) for row in rows if row["status"] != "closed"]
    return [_one(conn, grant, verb, ref, now, reason, assignee, disposition) for ref in ids]


def _one(
    conn: Connection,
    grant: Grant,
    verb: str,
    ref: str,
    now: datetime,
    reason: str,
    assignee: str | None,
    disposition: str | None,
) -> dict[str, Any]:
    choices: dict[str, dict[str, Any]] = {
        "acknowledge": {"status": "acknowledged"},
        "assign": {"assignee": assignee},
        "close": {"status": "closed", "disposition": disposition, "closed_at": iso(now)},
    }
    values = choices[verb]
    try:
        row = queries.one(conn, t.alert, grant, ref, "alert")
        if row["status"] == "closed":
            return {"id": ref, "ok": False, "error": "it is closed already"}
    except HinomiError as error:
        return {"id": ref, "ok": False, "error": str(error)}
    conn.execute(update(t.alert).where(t.alert.c.id == row["id"]).values(reason=reason, updated_at=iso(now), **values))
    detail = {"number": row["number"], "reason": reason, **{k: v for k, v in values.items() if k != "closed_at"}}
    audit.record(
        conn,
        now,
        actor=grant.actor,
        act=f"alert.{verb}",
        object=f"alert:{row['id']}",
        tenant=row["tenant"],
        detail=detail,
    )
    return {"id": ref, "ok": True, "error": None}
