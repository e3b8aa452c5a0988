"""Rules: what is loaded, what each has found, which exceptions are on it."""

from datetime import timedelta
from typing import Any

import msgspec
from fastapi import APIRouter
from sqlalchemy import BigInteger, Connection, Integer, cast, func, select

from hinomi.api.auth import Parts, Reads
from hinomi.clock import iso
from hinomi.detections import costs
from hinomi.detections.packs.keeping import kept
from hinomi.errors import NotFoundError
from hinomi.hits import RuleInfo
from hinomi.playbooks.incidents.queries import in_subtree
from hinomi.state import t
from hinomi.tenancy import Grant, within

router = APIRouter(prefix="/api/v1", tags=["rules"])


@router.get("/rules")
def rules(parts: Parts, who: Reads) -> dict[str, Any]:
    """List rules with their hits, exceptions and faults, and fields that are not mapped."""
    ruleset = parts.rules()
    with parts.state.read() as conn:
        hits, shelf = _hits(conn, who.grant), kept(conn)
    items = [_row(ruleset, rule, hits, who.grant) for rule in ruleset.rules.values()]
    data = parts.settings.data
    items = [item for item in items if not shelf.rests(item["id"], item["where"], data)]  # a large set is not made yet
    for item in items:
        item["pack"] = shelf.pack_of(item.pop("where"), data)
    faults = [{"rule": fault.rule, "where": fault.where, "reason": fault.reason} for fault in ruleset.faults]
    off = [{"id": name, **msgspec.to_builtins(rule)} for name, rule in shelf.off.items()]
    return {"items": items, "faults": faults, "off": off, "cursor": None}


@router.get("/rules/stats")
def stats(parts: Parts, who: Reads) -> dict[str, Any]:
    """List how often each rule has fired in the caller's subtree, when last, whether it is noisy, and what it costs."""
    ruleset = parts.rules()
    day = iso(parts.clock.now() - timedelta(days=1))[:13]
    with parts.state.read() as conn:
        counted, today = _hits(conn, who.grant), _hits(conn, who.grant, since=day)
    cost = costs.read(parts.settings.data / "run" / "costs")
    items = []
    for name in dict.fromkeys([*ruleset.rules, *counted]):
        info, row = ruleset.rules.get(name), counted.get(name)
        mean, times = cost.get(name, (None, 0))
        items.append({
            "id": name, "level": info.level if info else None, "title": info.title if info else None, "hits_24h": today[name][1] if name in today else 0,
            "hits": row[1] if row else 0, "last_seen": row[2] if row else None, "noisy": bool(name in today and today[name][3]), "tenants": row[4] if row else 0,
            "cost_us": None if mean is None else round(mean * 1e6, 2), "measured": times, "loaded": info is not None,
        })  # fmt: skip
    return {"items": items, "cursor": None}


@router.get("/rules/{rule:path}")
def rule(parts: Parts, who: Reads, rule: str) -> dict[str, Any]:
    """Show one rule, by its id or name, with the exceptions on it."""
    ruleset = parts.rules()
    compiled = getattr(ruleset, "compiled", {})
    names = {found.name: name for name, found in compiled.items() if found.name}
    info = ruleset.rules.get(names.get(rule, rule))
    if info is None:
        raise NotFoundError(f"no rule is called {rule!r}", hint="hinomi rule list")
    with parts.state.read() as conn:
        row = _row(ruleset, info, _hits(conn, who.grant), who.grant)
        row["where"] = kept(conn).called(row["where"], parts.settings.data)
    found = compiled[info.id]
    about = found.correlation
    return {
        **row, "name": found.name, "cause": info.cause, "tags": list(info.tags), "silent": info.silent,
        "logsource": found.source, "correlates": list(about.rules) if about else [], "lists_without_values": found.unfilled,
        "exceptions": [msgspec.to_builtins(item) for item in _seen(found.filters, who.grant)],
    }  # fmt: skip


def _hits(conn: Connection, grant: Grant, since: str = "") -> dict[str, Any]:
    """Return (rule, hits, last, noisy, tenants) by rule, of a caller's subtree."""
    table = t.rule_count
    # a sum keeps its type, and truths are counted: not every database does both by itself
    hits, noisy = cast(func.sum(table.c.hits), BigInteger), func.max(cast(table.c.noisy, Integer))
    counted = select(table.c.rule_id, hits, func.max(table.c.last_seen), noisy, func.count(table.c.tenant.distinct()))
    asked = in_subtree(counted.where(table.c.hour >= since), table, grant.tenant).group_by(table.c.rule_id)
    return {row[0]: row for row in conn.execute(asked)}


def _row(ruleset: Any, info: RuleInfo, hits: dict[str, Any], grant: Grant) -> dict[str, Any]:
    count = hits.get(info.id)
    found = getattr(ruleset, "compiled", {}).get(info.id)
    exceptions = [item.state for item in _seen(found.filters if found else (), grant)]
    return {
        "id": info.id, "level": info.level, "title": info.title, "title_ja": info.title_ja, "category": info.category, "contain": info.contain,
        "hits": count[1] if count else 0, "last_seen": count[2] if count else None, "noisy": bool(count and count[3]),
        "unmapped": list(ruleset.unmapped.get(info.id, ())), "exceptions": exceptions,
        "where": found.where if found else "",
    }  # fmt: skip


def _seen(filters: Any, grant: Grant) -> list[Any]:
    """Return the exceptions that concern a caller's subtree."""
    return [
        item
        for item in filters
        if any(within(tenant, grant.tenant) or within(grant.tenant, tenant) for tenant in item.tenants)
    ]
