"""Exceptions: Sigma filters with an owner, a reason and an end date, each in its own tenants.

Specification: Sigma filters 2.1.0; ours is the key ``hinomi: {owner, reason, until, tenants}``. A filter is put
into the trees of its rules when they are loaded, so stream, hunt and file see the same.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec

from hinomi.detections.engine import condition
from hinomi.detections.engine.lists import Lists, fill, within
from hinomi.detections.engine.predicates import Node, Unsupported
from hinomi.detections.engine.tree import TreeBuilder
from hinomi.tenancy import is_tenant

SOON = timedelta(days=14)
SOURCE_KEYS = ("product", "category", "service")
_KNOWN = frozenset({"owner", "reason", "until", "tenants"})


class Filter(msgspec.Struct, frozen=True, omit_defaults=True):
    """One filter document, as the cache keeps it; ``rules`` None: every rule of its log source."""

    id: str
    title: str
    section: dict[str, Any]
    source: dict[str, str]
    rules: list[str] | None = None
    owner: str = ""
    reason: str = ""
    until: str = ""
    tenants: tuple[str, ...] = ("",)

    def state(self, today: date) -> str:
        """Tell whether it applies on a day: ``applies``, ``ends soon`` or ``ended``; its last day is ``until``."""
        if not self.until:
            return "applies"
        last = date.fromisoformat(self.until)
        return "ended" if last < today else "ends soon" if last - today <= SOON else "applies"


class Applied(msgspec.Struct, frozen=True):
    """What a rule's page says of a filter on it."""

    id: str
    title: str
    owner: str
    reason: str
    until: str
    tenants: tuple[str, ...]
    state: str
    where: str
    unmapped: list[str] = []
    """Fields of it that the field map of the rule's log source does not know: they are never there."""


def read(document: Mapping[str, Any], name: str) -> Filter:
    """Return a filter document as data; its searches are tried, without a field map.

    Raises:
        Unsupported: If something of it is missing or wrong; names the key and what to write.
    """
    section, source, own = document.get("filter"), document.get("logsource"), document.get("hinomi") or {}
    if not isinstance(section, Mapping) or not isinstance(source, Mapping) or not isinstance(own, Mapping):
        raise Unsupported("a filter needs logsource and filter: {rules, a selection, condition}")
    rules = section.get("rules")
    if not rules or not isinstance(rules, str | list):
        raise Unsupported("filter.rules: write ids or names of rules, or any")
    anything = isinstance(rules, str) and rules.lower() == "any"
    excepted(TreeBuilder(None, None, None), section)
    return Filter(
        id=name,
        title=str(document.get("title", name)),
        section=dict(section),
        source={key: str(source[key]) for key in SOURCE_KEYS if source.get(key)},
        rules=None if anything else [str(rule) for rule in (rules if isinstance(rules, list) else [rules])],
        **_own(own),
    )


def _own(own: Mapping[str, Any]) -> dict[str, Any]:
    if not own:
        return {}
    if unknown := set(own) - _KNOWN:
        raise Unsupported(f"hinomi.{sorted(map(str, unknown))[0]} is unknown; known: {', '.join(sorted(_KNOWN))}")
    for key in ("owner", "reason", "until"):
        if not own.get(key):
            raise Unsupported(f"hinomi.{key} is missing: an exception has an owner, a reason and an end date")
    try:
        until = date.fromisoformat(str(own["until"])).isoformat()
    except ValueError:
        raise Unsupported(f"hinomi.until: {own['until']!r} is no date; write 2027-03-31") from None
    tenants = own.get("tenants", [""])
    tenants = [str(tenant) for tenant in (tenants if isinstance(tenants, list) else [tenants])]
    if not tenants or not all(is_tenant(tenant) for tenant in tenants):
        raise Unsupported(f"hinomi.tenants: {tenants!r}; write prefecture/municipality/school, or leave it out")
    return {"owner": str(own["owner"]), "reason": str(own["reason"]), "until": until, "tenants": tuple(tenants)}


def excepted(builder: TreeBuilder, section: Mapping[str, Any]) -> Node:
    """Return the tree of what a filter excepts.

    Both ways of writing it are read: the specification's (``condition: selection``, what is excepted) and
    pySigma's (``condition: not selection``, what remains).
    """
    text = section.get("condition")
    if isinstance(text, list):
        raise Unsupported("filter.condition: write one condition")
    tree = builder.build(section, known=("rules",))
    parsed = condition.parse(text)
    if not _negates(parsed):
        return tree
    parts = parsed[1] if parsed[0] == "and" else [parsed]
    if any(part[0] != "not" for part in parts):
        raise Unsupported(
            f"filter.condition {text!r} mixes what is excepted with what is not: write 'not (…)' around what is excepted"
        )
    return ["not", tree]


def _negates(node: condition.Parsed) -> bool:
    if node[0] in ("id", "of"):
        return False
    return node[0] == "not" or any(_negates(child) for child in node[1])


def covers(source: Mapping[str, str], rule_source: Mapping[str, str]) -> bool:
    """Tell whether a filter's log source holds a rule's: whatever it names, the rule names too."""
    return all(rule_source.get(key) == value for key, value in source.items())


def apply(tree: Node, found: Filter, builder: TreeBuilder, lists: Lists) -> Node:
    """Return a rule's tree without what a filter excepts, in the filter's tenants; an empty list excepts nothing."""
    exception = fill(excepted(builder, found.section), lists)
    guard = within(found.tenants)
    return ["and", [tree, ["not", exception if guard is None else ["and", [guard, exception]]]]]


def applied(found: Filter, where: str, today: date, unmapped: Sequence[str] = ()) -> Applied:
    """Return what is said of a filter."""
    state = found.state(today)
    return Applied(
        found.id, found.title, found.owner, found.reason, found.until, found.tenants, state, where, list(unmapped)
    )


def targets(
    found: Filter, names: Mapping[str, str], sources: Mapping[str, Mapping[str, str]]
) -> tuple[list[str], list[str]]:
    """Return (ids of the rules that a filter is for, what is wrong with those that it names)."""
    if found.rules is None:
        return [rule for rule, source in sources.items() if covers(found.source, source)], []
    chosen: list[str] = []
    wrong: list[str] = []
    for ref in found.rules:
        rule = names.get(ref, ref)
        if rule not in sources:
            wrong.append(f"filter.rules: {ref!r} is no loaded detection rule")
        elif not covers(found.source, sources[rule]):
            wrong.append(f"filter.rules: {ref!r} is of another log source, so the filter does not hold for it")
        else:
            chosen.append(rule)
    return chosen, wrong
