"""A correlation document to data, and data to the clauses of its state machine.

Specification: Sigma correlation rules 2.1.0. Whatever it says and is not done here is refused, with a remedy.
"""

import re as _own_patterns
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product as _product
from typing import Any

import msgspec

from hinomi.detections.correlation import measures
from hinomi.detections.correlation.measures import OPERATORS, Measure
from hinomi.detections.correlation.window import MOST_ENTRIES, Clause
from hinomi.detections.engine import condition
from hinomi.detections.engine.predicates import Unsupported
from hinomi.detections.engine.text import number
from hinomi.hits import LEVELS

COUNTS = ("event_count", "value_count")
TEMPORAL = ("temporal", "temporal_ordered")
NUMBERS = ("value_sum", "value_avg", "value_percentile", "value_median")
TYPES = (*COUNTS, *TEMPORAL, *NUMBERS)
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
MOST_SECONDS = 366 * 86400
MOST_TERMS, MOST_LIMIT = 64, 50_000
_SPAN = _own_patterns.compile(r"(\d{1,8})([smhdw])", _own_patterns.ASCII)
_KEYS = frozenset({"type", "rules", "group-by", "timespan", "condition", "aliases", "generate"})


class Spec(msgspec.Struct, frozen=True, omit_defaults=True):
    """One correlation. ``terms``: (rules wanted, rules that must not follow), any of them; else ``limits`` count."""

    type: str
    rules: list[str]
    seconds: int
    group_by: list[str] = []
    aliases: dict[str, dict[str, str]] = {}
    field: list[str] = []
    limits: dict[str, float | int] = {}
    percentile: float | int = 50
    terms: list[tuple[list[int], list[int]]] | None = None
    generate: bool = False
    slots: list["Slot"] = []
    carry: list[str] = []


class Slot(msgspec.Struct, frozen=True):
    """Where one of the rules has what the correlation asks of it; made when a set is prepared."""

    rule: str
    fields: dict[str, list[str]]


def spec_of(document: Mapping[str, Any]) -> Spec:
    """Return a correlation as data, its references still as written.

    Raises:
        Unsupported: For what is missing, wrong or not done; names the key and what to write.
    """
    body = document["correlation"]
    if not isinstance(body, Mapping):
        raise Unsupported("correlation: write type, rules, timespan and condition")
    if unknown := sorted(set(map(str, body)) - _KEYS):
        raise Unsupported(f"correlation.{unknown[0]} is unknown; known: {', '.join(sorted(_KEYS))}")
    if not isinstance(document.get("title"), str) or document.get("level", "medium") not in LEVELS:
        raise Unsupported(f"a correlation needs a title, and a level of {', '.join(LEVELS)}")
    kind = body.get("type")
    if kind not in TYPES:
        raise Unsupported(f"correlation.type {kind!r}: write {', '.join(TYPES)}")
    rules = _texts(body.get("rules"), "rules")
    given = body.get("condition")
    if isinstance(given, str) and kind in TEMPORAL:
        rules, terms = _terms(given, rules)
        counted: dict[str, Any] = {"terms": terms}
    else:
        counted = _counted(kind, given, rules)
    if not rules:
        raise Unsupported("correlation.rules: name the rules that are correlated")
    if len(set(rules)) < len(rules):
        raise Unsupported("correlation.rules: a rule is named twice")
    generate = body.get("generate", False)
    if not isinstance(generate, bool):
        raise Unsupported(f"correlation.generate {generate!r}: write true or false")
    return Spec(
        type=kind, rules=rules, seconds=_seconds(body.get("timespan")), group_by=_texts(body.get("group-by"), "group-by"),
        aliases=_aliases(body.get("aliases")), generate=generate, **counted,
    )  # fmt: skip


def _texts(value: Any, key: str) -> list[str]:
    found = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) and item for item in found):
        raise Unsupported(f"correlation.{key}: write a text, or a list of texts")
    return list(found)


def _seconds(value: Any) -> int:
    found = _SPAN.fullmatch(str(value))
    seconds = int(found[1]) * UNITS[found[2]] if found else 0
    if not 0 < seconds <= MOST_SECONDS:
        raise Unsupported(f"correlation.timespan {value!r}: write 30s, 15m, 1h, 7d or 2w, at most 366d")
    return seconds


def _aliases(value: Any) -> dict[str, dict[str, str]]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(of, Mapping) for of in value.values()):
        raise Unsupported("correlation.aliases: write alias: {rule: field}")
    return {str(alias): {str(rule): str(field) for rule, field in of.items()} for alias, of in value.items()}


def _counted(kind: str, given: Any, rules: Sequence[str]) -> dict[str, Any]:
    """Return limits, field and percentile of a condition that compares a number."""
    if given is None and kind in TEMPORAL:
        given = {"gte": len(rules)}
    if not isinstance(given, Mapping) or not given:
        expected = "gte: 5" if kind == "event_count" or kind in TEMPORAL else "{field: name, gte: 5}"
        raise Unsupported(f"correlation.condition: {kind} needs one, as {expected}")
    limits = {sign: given[sign] for sign in OPERATORS if sign in given}
    if unknown := sorted(set(map(str, given)) - {*OPERATORS, "field", "percentile"}):
        raise Unsupported(
            f"correlation.condition.{unknown[0]} is unknown; known: {', '.join(OPERATORS)}, field, percentile"
        )
    if not limits:
        raise Unsupported(f"correlation.condition has no comparison; write one or more of {', '.join(OPERATORS)}")
    for sign, limit in limits.items():
        if (
            not isinstance(limit, int | float)
            or isinstance(limit, bool)
            or limit != limit
            or abs(limit) == float("inf")
        ):
            raise Unsupported(f"correlation.condition.{sign} {limit!r}: write a number")
        if kind in (*COUNTS, *TEMPORAL) and limit > MOST_LIMIT:
            raise Unsupported(f"correlation.condition.{sign} {limit!r}: at most {MOST_LIMIT}")
    _possible(kind, limits, rules)
    field = _texts(given.get("field"), "condition.field")
    if kind.startswith("value_") != bool(field):
        raise Unsupported(f"correlation.condition.field: {kind} {'needs it' if not field else 'has none'}")
    if kind in NUMBERS and len(field) > 1:
        raise Unsupported(f"correlation.condition.field: {kind} takes one field")
    return {"limits": limits, "field": field, "percentile": _percentile(kind, given)}


def _possible(kind: str, limits: Mapping[str, float], rules: Sequence[str]) -> None:
    """Refuse what can never be true: a rule that looks as if it watched."""
    low = max((limits[sign] for sign in ("gt", "gte", "eq") if sign in limits), default=float("-inf"))
    high = min((limits[sign] for sign in ("lt", "lte", "eq") if sign in limits), default=float("inf"))
    strict = limits.get("gt") == low or limits.get("lt") == high
    never = low > high or (low == high and strict)
    if kind in TEMPORAL:
        never = never or low > len(rules) or limits.get("gt") == len(rules)
    if kind in (*COUNTS, *TEMPORAL):
        never = never or high < 0 or limits.get("lt") == 0
    if never:
        raise Unsupported(f"correlation.condition {dict(limits)!r} can never be true")


def _percentile(kind: str, given: Mapping[str, Any]) -> float | int:
    percentile = given.get("percentile")
    if kind != "value_percentile":
        if percentile is not None:
            raise Unsupported(f"correlation.condition.percentile: {kind} has none")
        return 50
    if not isinstance(percentile, int | float) or isinstance(percentile, bool) or not 0 <= percentile <= 100:
        raise Unsupported(
            "correlation.condition.percentile: value_percentile needs it, 0 to 100: the specification leaves open which"
        )
    return percentile


def _terms(text: str, rules: list[str]) -> tuple[list[str], list[tuple[list[int], list[int]]]]:
    """Return the rules of a condition in words, and the ways to fulfil it."""
    parsed = condition.parse(text)
    named = condition.names(parsed, rules)
    if rules and (strange := set(named) ^ set(rules)):
        raise Unsupported(f"correlation.condition and rules differ: {', '.join(sorted(strange))}")
    rules = rules or named
    found = []
    for wanted, unwanted in _ways(parsed, rules, negated=False):
        if not wanted:
            raise Unsupported(f"correlation.condition {text!r}: true of what never happened; name a rule without 'not'")
        way = sorted(map(rules.index, wanted)), sorted(map(rules.index, unwanted))
        if way not in found:
            found.append(way)
    if not found:
        raise Unsupported(f"correlation.condition {text!r} can never be true")
    return rules, found


def _ways(node: condition.Parsed, rules: list[str], *, negated: bool) -> list[tuple[set[str], set[str]]]:
    """Return the disjunctive normal form: any of these (wanted, unwanted)."""
    if node[0] == "id":
        return [(set(), {node[1]}) if negated else ({node[1]}, set())]
    if node[0] == "not":
        return _ways(node[1], rules, negated=not negated)
    children = node[1] if node[0] in ("and", "or") else [["id", name] for name in condition.fitting(node[2], rules)]
    ways = [_ways(child, rules, negated=negated) for child in children]
    if (node[0] == "and" or (node[0] == "of" and node[1] == "all")) == negated:
        return [way for each in ways for way in each]
    found: list[tuple[set[str], set[str]]] = [(set(), set())]
    for each in ways:
        joined = ((wanted | more, unwanted | less) for wanted, unwanted in found for more, less in each)
        found = [way for way in joined if not way[0] & way[1]]
        if len(found) > MOST_TERMS:
            raise Unsupported(
                f"correlation.condition can be fulfilled in more than {MOST_TERMS} ways; write two correlations"
            )
    return found


def clauses(spec: Spec) -> tuple[Clause, ...]:
    """Return what its state machine looks for."""
    count = len(spec.rules)
    if spec.terms is None:
        rising = set(spec.limits) <= {"gt", "gte"} and spec.type in (*COUNTS, *TEMPORAL, "value_sum")
        return (Clause(partial(_measure, spec), waits=not rising),)
    ordered = spec.type == "temporal_ordered"
    found = []
    for wanted, unwanted in spec.terms:
        make = partial(measures.Term, count, tuple(wanted), tuple(unwanted), ordered=ordered)
        anchors = frozenset(wanted) if unwanted else None
        found.append(Clause(make, waits=bool(unwanted), forward=bool(unwanted), anchors=anchors))
    return tuple(found)


def _measure(spec: Spec) -> Measure:
    limits = spec.limits
    match spec.type:
        case "event_count":
            return measures.Events(limits)
        case "value_count":
            return measures.Values(limits)
        case "temporal":
            return measures.Kinds(limits)
        case "temporal_ordered":
            return measures.Sequence(limits, len(spec.rules))
        case "value_sum":
            return measures.Total(limits)
        case "value_avg":
            return measures.Average(limits)
    return measures.Percentile(limits, spec.percentile)


def most_entries(spec: Spec) -> int:
    """Return how many entries of a group are kept: enough for what it counts to."""
    return max(MOST_ENTRIES, 2 * int(max(spec.limits.values(), default=0))) if spec.type in COUNTS else MOST_ENTRIES


def number_of(value: Any) -> float | int | None:
    """Return a value as a number, None if it is none."""
    if isinstance(value, str):
        value = number(value.strip())
    finite = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
    return value if finite else None


def values_of(spec: Spec, read: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what counts of one hit, of what it holds under the correlation's field names."""
    found = [value if isinstance(value, list) else [value] for value in map(read.get, spec.field)]
    if spec.type in NUMBERS:
        return tuple(number for item in found[0] if (number := number_of(item)) is not None)
    if not found or any(item == [None] for item in found):
        return ()
    return tuple("\x1f".join(str(part).casefold() for part in parts) for parts in _product(*found))
