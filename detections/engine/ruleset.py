"""The compiled set: events meet only the rules of their log source, each an exact predicate."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import re2

from hinomi.detections import MatchResult, RuleFault
from hinomi.detections.engine.compiling import Compiled, columns
from hinomi.detections.engine.predicates import Predicate, Unsupported, View, build
from hinomi.detections.fieldmap import Condition, Product, VendorAlerts, fieldmaps
from hinomi.event import Event
from hinomi.hits import RuleInfo


@dataclass(frozen=True)
class Loaded:
    """A rule ready to match."""

    info: RuleInfo
    predicate: Predicate


@dataclass
class SimpleRuleSet:
    """An immutable set (but for rules that failed on an event, which disable themselves)."""

    generation: int
    rules: Mapping[str, RuleInfo]
    unmapped: Mapping[str, Sequence[str]]
    faults: Sequence[RuleFault]
    fields: frozenset[str]
    correlations: Sequence[Compiled]
    compiled: Mapping[str, Compiled]
    _routed: list[tuple[Condition, Loaded]] = field(default_factory=list)
    _keys: Sequence[str] = ()
    _virtual: Mapping[str, Callable[[Event], list[str]]] = field(default_factory=dict)
    _buckets: dict[tuple[Any, ...], list[Loaded]] = field(default_factory=dict)
    _broken: set[str] = field(default_factory=set)

    def match(self, events: Sequence[Event]) -> MatchResult:
        """Match a block's events; a rule that fails on one is disabled and named."""
        hits: list[tuple[int, RuleInfo]] = []
        faults: list[RuleFault] = []
        for index, event in enumerate(events):
            view = None
            for loaded in self._bucket(event):
                view = view or View(event, self._virtual)
                if loaded.info.id in self._broken:
                    continue
                try:
                    if loaded.predicate(view):
                        hits.append((index, loaded.info))
                except (ValueError, TypeError, RecursionError, re2.error) as error:
                    self._broken.add(loaded.info.id)
                    faults.append(RuleFault(loaded.info.id, "", f"failed on an event: {error}"))
            if event.get("event.kind") == "alert":
                hits.append((index, vendor_rule(event)))
        return MatchResult(hits, faults)

    def only(self, rules: Collection[str]) -> "SimpleRuleSet":
        """Return a set of these rules alone."""
        return make(self.generation, [self.compiled[name] for name in rules], ())

    def _bucket(self, event: Event) -> list[Loaded]:
        key = tuple(tuple(value) if isinstance(value := event.get(name), list) else value for name in self._keys)
        try:
            found = self._buckets.get(key)
        except TypeError:  # an object where one word is expected: no memo
            return self._select(event)
        if found is None:
            if len(self._buckets) > 10_000:
                self._buckets.clear()
            found = self._buckets[key] = self._select(event)
        return found

    def _select(self, event: Event) -> list[Loaded]:
        found: dict[str, Loaded] = {}
        values = {name: _words(event.get(name)) for name in self._keys}
        for condition, loaded in self._routed:
            if all(value in values[name] for name, value in condition):
                found[loaded.info.id] = loaded
        return list(found.values())


def _words(value: Any) -> frozenset[str]:
    """Return a field's values as routes ask for them; a missing one is the empty word."""
    items = value if isinstance(value, list) else () if value is None else (value,)
    return frozenset(str(item).casefold() for item in items) or frozenset({""})


def vendor_rule(event: Event) -> RuleInfo:
    """Return the rule that an alert of a product is, by the product's own table."""
    dataset = str(event.get("event.dataset", "vendor"))
    level, category, contain = "medium", "intrusion", False
    if dataset in fieldmaps:
        table = fieldmaps.get(dataset)
        if isinstance(table, VendorAlerts):
            level, category, contain = table.judge(event)
    title = event.get("rule.name") or event.get("message") or dataset
    return RuleInfo(
        id=f"vendor:{dataset}",
        title=str(title),
        level=level,  # type: ignore[arg-type]  # the tables use Sigma's words
        hash=dataset,
        category=category,
        contain="auto" if contain else "never",
        tags=tuple(f"attack.{t.lower()}" for t in event.get("threat.technique.id", ())),
    )


def make(generation: int, compiled: Sequence[Compiled], contain: Sequence[str]) -> SimpleRuleSet:
    """Build the predicates of compiled rules; each fault disables that rule alone."""
    faults: list[RuleFault] = [RuleFault(rule.info.id, rule.where, rule.fault) for rule in compiled if rule.fault]
    good = [rule for rule in compiled if not rule.fault]
    by_id: dict[str, Compiled] = {}
    for rule in good:
        first = by_id.setdefault(rule.info.id, rule)
        if first is not rule:
            faults.append(RuleFault(rule.info.id, rule.where, f"this id is there already, in {first.where}"))
    routed: list[tuple[Condition, Loaded]] = []
    infos: dict[str, RuleInfo] = {}
    for rule in by_id.values():
        info = _final_info(rule, contain)
        infos[info.id] = info
        if rule.tree is None:
            continue
        try:
            loaded = Loaded(info, build(rule.tree))
        except Unsupported as error:
            faults.append(RuleFault(info.id, rule.where, str(error)))
            del infos[info.id]
            continue
        routed += [(tuple((name, value.casefold()) for name, value in route), loaded) for route in rule.routes]
    virtual = {
        name: make for _, table in fieldmaps if isinstance(table, Product) for name, make in table.virtual.items()
    }
    return SimpleRuleSet(
        generation=generation,
        rules=infos,
        unmapped={rule.info.id: rule.unmapped for rule in by_id.values() if rule.unmapped},
        faults=faults,
        fields=columns(by_id.values()),
        correlations=[
            msgspec.structs.replace(rule, info=infos[rule.info.id]) for rule in by_id.values() if rule.correlation
        ],
        compiled=by_id,
        _routed=routed,
        _keys=sorted({name for condition, _ in routed for name, _ in condition}),
        _virtual=virtual,
    )


def _final_info(rule: Compiled, contain: Sequence[str]) -> RuleInfo:
    info = rule.info
    return msgspec.structs.replace(info, contain="auto" if info.contain == "auto" or info.id in contain else "never")


__all__ = ["Loaded", "SimpleRuleSet", "make", "vendor_rule"]
