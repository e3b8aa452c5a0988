"""Correlations: event_count and value_count over a sliding window of event time, owned by the responder.

Specification: Sigma correlation rules 2.1.0. A late event is sorted in; a condition that more events
can only make truer fires at once; the same group is quiet for one timespan after it fired. State is in
the state store, in the transaction that takes the hits, so a replay doubles nothing.
"""

import hashlib
import re
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from hinomi import log
from hinomi.clock import iso, parse_iso
from hinomi.hits import Hit, RuleInfo
from hinomi.state import t

SUPPORTED = ("event_count", "value_count")
OPERATORS = ("gt", "gte", "eq")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MOST_GROUPS = 20_000
MOST_ENTRIES = 5_000


def spec_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a correlation as plain data.

    Raises:
        ValueError: If it is of a type, condition or timespan that is not supported; says what is.
    """
    body = document["correlation"]
    kind = body.get("type")
    if kind not in SUPPORTED:
        raise ValueError(f"correlation type {kind!r} is not supported; supported: {', '.join(SUPPORTED)}")
    span = re.fullmatch(r"(\d+)([smhd])", str(body.get("timespan", "")))  # our own pattern, on 10 characters at most
    if not span or len(str(body["timespan"])) > 10:
        raise ValueError(f"timespan {body.get('timespan')!r}: write 30s, 15m, 1h or 7d")
    condition = dict(body.get("condition") or {})
    field = condition.pop("field", None)
    if len(condition) != 1 or next(iter(condition)) not in OPERATORS:
        raise ValueError(f"condition {condition!r} is not supported; one of {', '.join(OPERATORS)}")
    if kind == "value_count" and not isinstance(field, str):
        raise ValueError("value_count needs condition.field")
    operator, limit = next(iter(condition.items()))
    if not isinstance(limit, int):
        raise ValueError(f"condition {operator}: {limit!r} is no whole number")
    aliases = {str(k): dict(v) for k, v in (body.get("aliases") or {}).items()}
    group_by = [str(name) for name in body.get("group-by") or ()]
    rules = body.get("rules") or ()
    fields = {*(g for g in group_by if g not in aliases), *(f for alias in aliases.values() for f in alias.values())}
    return {
        "type": kind, "rules": [rules] if isinstance(rules, str) else list(rules), "group_by": group_by, "aliases": aliases,
        "seconds": int(span[1]) * UNITS[span[2]], "at_least": limit + 1 if operator == "gt" else limit,
        "field": field, "generate": bool(body.get("generate", False)),
        "fields": sorted(fields | ({field} if field else set())), "ids": [],
    }  # fmt: skip


class Window(msgspec.Struct):
    """One group's entries: (time, event id, counted value), sorted; quiet until it may fire again."""

    entries: list[tuple[str, str, str]] = []
    quiet_until: str = ""


_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Window).decode


class Correlator:
    """All correlations of one rule set."""

    def __init__(self, ruleset: Any):
        self._by_rule: dict[str, list[tuple[RuleInfo, dict[str, Any]]]] = {}
        for rule in getattr(ruleset, "correlations", ()):
            for rule_id in rule.correlation["ids"]:
                self._by_rule.setdefault(rule_id, []).append((rule.info, rule.correlation))
        self.evicted = 0

    def feed(self, conn: Connection, hits: Sequence[Hit], now: datetime) -> list[Hit]:
        """Take hits; return those of correlations that became true."""
        grouped: dict[tuple[str, str, str], list[Hit]] = {}
        specs: dict[str, tuple[RuleInfo, dict[str, Any]]] = {}
        for hit in hits:
            for info, spec in self._by_rule.get(hit.rule.id, ()):
                if (group := _group(hit, spec)) is not None:
                    specs[info.id] = (info, spec)
                    grouped.setdefault((info.id, hit.tenant, group), []).append(hit)
        found: list[Hit] = []
        for (rule_id, tenant, group), members in grouped.items():
            info, spec = specs[rule_id]
            found += self._group_feed(conn, info, spec, tenant, group, members)
        if grouped:
            self._bound(conn)
        return found

    def _group_feed(
        self, conn: Connection, info: RuleInfo, spec: dict[str, Any], tenant: str, group: str, members: list[Hit]
    ) -> list[Hit]:
        table = t.correlation
        key = (table.c.rule_id == info.id) & (table.c.tenant == tenant) & (table.c.group == group)
        body = conn.execute(select(table.c.body).where(key)).scalar_one_or_none()
        window = _decode(body) if body else Window()
        found = [made for hit in members if (made := _add(window, info, spec, group, hit)) is not None]
        newest = window.entries[-1][0] if window.entries else members[-1].time
        values = {"body": _encode(window), "newest": newest}
        add = insert(table).values(rule_id=info.id, tenant=tenant, group=group, **values)
        conn.execute(add.on_conflict_do_update(index_elements=["rule_id", "tenant", "group"], set_=values))
        return found

    def _bound(self, conn: Connection) -> None:
        count = conn.execute(select(func.count()).select_from(t.correlation)).scalar_one()
        if count > MOST_GROUPS:
            oldest = (
                select(t.correlation.c.newest).order_by(t.correlation.c.newest).limit(1).offset(count - MOST_GROUPS)
            )
            limit = conn.execute(oldest).scalar_one()
            gone = conn.execute(delete(t.correlation).where(t.correlation.c.newest <= limit)).rowcount
            self.evicted += gone
            log.get().warning("correlation.evicted", groups=gone, total=self.evicted)


def _group(hit: Hit, spec: dict[str, Any]) -> str | None:
    parts = []
    for name in spec["group_by"]:
        field = spec["aliases"].get(name, {}).get(hit.rule.id, name)
        value = hit.fields.get(field)
        if value is None:
            return None
        parts.append(str(value).casefold())
    return "\x1f".join(parts)


def _add(window: Window, info: RuleInfo, spec: dict[str, Any], group: str, hit: Hit) -> Hit | None:
    """Put one hit into its window; return the correlation's own hit if it fires."""
    if any(entry[1] == hit.event_id for entry in window.entries):
        return None
    value = hit.fields.get(spec["field"]) if spec["field"] else ""
    if value is None:
        return None
    insort(window.entries, (hit.time, hit.event_id, str(value)))
    span = timedelta(seconds=spec["seconds"])
    newest = parse_iso(window.entries[-1][0])
    keep_from = iso(newest - 2 * span)
    del window.entries[: bisect_left(window.entries, (keep_from, "", ""))]
    del window.entries[:-MOST_ENTRIES]
    if hit.time < window.quiet_until:
        return None
    run = _firing(window.entries, hit, span, spec)
    if run is None:
        return None
    window.quiet_until = iso(parse_iso(run[-1][0]) + span)
    identity = f"{info.id}\x1f{hit.tenant}\x1f{group}\x1f{run[0][1]}"
    return msgspec.structs.replace(
        hit, rule=info, event_id=hashlib.blake2b(identity.encode(), digest_size=16).hexdigest(), vendor_id=None
    )


def _firing(
    entries: list[tuple[str, str, str]], hit: Hit, span: timedelta, spec: dict[str, Any]
) -> list[tuple[str, str, str]] | None:
    """Return the entries of a window that contains the hit and fulfils the condition, if there is one."""
    moment = parse_iso(hit.time)
    first = bisect_left(entries, (iso(moment - span), "", ""))
    near = entries[first : bisect_left(entries, (iso(moment + span), "\x7f", ""))]
    distinct = spec["type"] == "value_count"
    if len({entry[2] for entry in near} if distinct else near) < spec["at_least"]:
        return None
    times = [parse_iso(entry[0]) for entry in near]
    counts: Counter[str] = Counter()
    end = 0
    for start, began in enumerate(times):
        if near[start][0] > hit.time:
            break
        while end < len(near) and times[end] <= began + span:
            counts[near[end][2]] += 1
            end += 1
        if times[end - 1] >= moment and (len(counts) if distinct else end - start) >= spec["at_least"]:
            return near[start:end]
        counts[near[start][2]] -= 1
        if not counts[near[start][2]]:
            del counts[near[start][2]]
    return None
