"""Queries, filters of hunts and counts as Elasticsearch's query language: tenant and window always, the rest a superset.

A field's name stands in `ASIDE` where the index does not hold its value in full, and in `WIDE` where the value is not
ASCII: both are looked for beside every comparison, and the verdict is Python's.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from hinomi.errors import ConfigError
from hinomi.events import Query, Term
from hinomi.events.candidates import AllOf, Filter, Is
from hinomi.events.elasticsearch.documents import micros, name_of
from hinomi.events.elasticsearch.mapping import ASIDE, EGRESS, OPAQUE, TIME, WIDE, is_ip
from hinomi.events.types import kind_of

Dsl = dict[str, Any]
EVERYTHING: Dsl = {"match_all": {}}
NOTHING: Dsl = {"match_none": {}}
MOST_PATTERNS = 100
"""More of one field than this are not asked for one by one: where the field is there at all, it is a candidate."""


def within(query: Query) -> list[Dsl]:
    """Return what every answer is held to: window, tenant, table."""
    parts: list[Dsl] = [{"range": {TIME: {"gte": micros(query.since), "lt": micros(query.until)}}}]
    if query.grant.tenant:
        own, below = (
            {"term": {"hinomi.tenant": query.grant.tenant}},
            {"prefix": {"hinomi.tenant": query.grant.tenant + "/"}},
        )
        parts.append(one_of([own, below]))
    if query.table == "egress":
        parts.append({"term": {EGRESS: True}})
    return parts


def all_of(parts: Iterable[Dsl]) -> Dsl:
    """Return the parts joined, without a score."""
    return {"bool": {"filter": list(parts)}}


def one_of(parts: Iterable[Dsl]) -> Dsl:
    """Return the parts as choices."""
    return {"bool": {"should": list(parts), "minimum_should_match": 1}}


def caseless(field: str) -> str:
    """Return the name under which a field's values are indexed in lower case."""
    return f"{field}.caseless"


def pattern(text: str) -> str:
    """Return a text for a ``wildcard`` query."""
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


# --- what people ask -------------------------------------------------------------------------------


def condition(query: Query) -> Dsl:
    """Return a condition that whatever a query finds fulfils."""
    return all_of([*within(query), *(found for term in query.terms if (found := _term(term)))])


def _term(term: Term) -> Dsl | None:
    if term.field is None or term.op not in ("=", "~") or term.field in OPAQUE or not _plain(term.value):
        return None
    kind = kind_of(term.field)
    if kind == "time":
        return None
    if kind in ("long", "bool"):
        return one_of([{"exists": {"field": term.field}}, _named(ASIDE, term.field)])
    value = term.value.lower()
    if term.op == "=":
        same: Dsl = {"term": {caseless(term.field): value}}
    else:
        same = {"wildcard": {caseless(term.field): f"*{pattern(value)}*"}}
    return one_of([same, _named(ASIDE, term.field)])


def _plain(text: str) -> bool:
    """Tell whether case folding leaves nothing to doubt: ASCII, and letters that have no case (漢字, かな)."""
    return all(sign.isascii() or unicodedata.category(sign) == "Lo" for sign in text)


def _named(list_: str, field: str) -> Dsl:
    return {"term": {list_: name_of(field)}}


# --- what hunts ask --------------------------------------------------------------------------------


def wanted(found: Filter) -> Dsl:
    """Return a condition that every candidate fulfils."""
    if isinstance(found, Is):
        return _of_field(found.field, [found])
    if isinstance(found, AllOf):
        return all_of(wanted(part) for part in found.parts) if found.parts else EVERYTHING
    by_field: dict[str, list[Is]] = defaultdict(list)
    for part in found.parts:
        if isinstance(part, Is):
            by_field[part.field].append(part)
    parts = [_of_field(field, every) for field, every in by_field.items()]
    parts += [wanted(part) for part in found.parts if not isinstance(part, Is)]
    return one_of(parts) if parts else NOTHING


def _of_field(field: str, choices: list[Is]) -> Dsl:
    """Return the choices among values of one field, in few clauses."""
    kind = kind_of(field)
    if kind == "time" or field in OPAQUE:
        return EVERYTHING
    if kind in ("long", "bool"):
        return one_of([{"exists": {"field": field}}, _named(ASIDE, field)])
    equal = [found.text for found in choices if found.kind == "equals"]
    other = [found for found in choices if found.kind != "equals"]
    parts: list[Dsl] = [{"terms": {caseless(field): equal}}] if equal else []
    if len(other) > MOST_PATTERNS or len(equal) > 50_000 or any(found.kind == "present" for found in other):
        parts = [{"exists": {"field": caseless(field)}}]
    else:
        parts += [
            {"wildcard": {caseless(field): _SHAPES[found.kind].replace("_", pattern(found.text))}} for found in other
        ]
    return one_of([*parts, _named(ASIDE, field), _named(WIDE, field)])


_SHAPES = {"contains": "*_*", "starts": "_*", "ends": "*_"}


# --- what is counted -------------------------------------------------------------------------------


def counted(query: Query) -> Dsl:
    """Return the exact condition of a count.

    Raises:
        ConfigError: If a term cannot be counted by.
    """
    return all_of([*within(query), *map(_exact, query.terms)])


def _exact(term: Term) -> Dsl:
    if term.field is None:
        raise ConfigError("a bare word cannot be aggregated", hint="name a field: field~word")
    kind = kind_of(term.field)
    if term.op in (">", ">=", "<", "<="):
        return {"range": {_of_number(term.field, kind): {_OPS[term.op]: _number(term.value)}}}
    if term.op == "~":
        if kind not in ("text", "list") or term.field in OPAQUE:
            raise ConfigError(f"{term.field} is no text that can be counted by", hint="field=value")
        return {"wildcard": {caseless(term.field): f"*{pattern(term.value.lower())}*"}}
    same = _same(term, kind)
    return same if term.op == "=" else {"bool": {"must_not": [same]}}


def _same(term: Term, kind: str) -> Dsl:
    field, value = str(term.field), term.value.lower()
    if kind in ("text", "list") and field not in OPAQUE:
        return {"term": {caseless(field): value}}
    if kind == "bool":
        return {"term": {field: value}} if value in ("true", "false") else NOTHING
    if kind == "long":
        return {"term": {field: int(value)}} if _spells_number(value) else NOTHING
    raise ConfigError(f"{field} cannot be counted by", hint="search finds it")


def _spells_number(value: str) -> bool:
    try:
        return str(int(value)) == value and abs(int(value)) < 2**63
    except ValueError:
        return False


_OPS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}


def _of_number(field: str, kind: str) -> str:
    if kind != "long":
        raise ConfigError(f"{field} is no number", hint="search compares texts; aggregate counts by numbers only")
    return field


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise ConfigError(f"{value!r} is no number", hint="field>10") from error


def key_of(field: str) -> str:
    """Return the name under which a field's values are indexed as they were written."""
    return f"{field}.text" if is_ip(field) else TIME if kind_of(field) == "time" else field
