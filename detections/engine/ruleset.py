"""The compiled set: events meet only the rules of their log source, each an exact predicate."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import msgspec

from hinomi.detections import MatchResult, RuleFault
from hinomi.detections.engine.building import Building
from hinomi.detections.engine.compiling import Compiled, columns
from hinomi.detections.engine.matching import Matcher
from hinomi.detections.fieldmap import Product, VendorAlerts, fieldmaps
from hinomi.event import Event
from hinomi.hits import RuleInfo


@dataclass
class CompiledRules:
    """An immutable set (but for rules that failed on an event, which disable themselves)."""

    generation: int
    rules: Mapping[str, RuleInfo]
    unmapped: Mapping[str, Sequence[str]]
    faults: Sequence[RuleFault]
    fields: frozenset[str]
    correlations: Sequence[Compiled]
    compiled: Mapping[str, Compiled]
    building: Building
    matcher: Matcher
    _infos: Sequence[RuleInfo]
    _lock: Lock = field(default_factory=Lock)

    def match(self, events: Sequence[Event]) -> MatchResult:
        """Match a block's events; a rule that fails on one is disabled and named."""
        hits: list[tuple[int, RuleInfo]] = []
        match, infos = self.matcher.match, self._infos
        with self._lock:
            for index, event in enumerate(events):
                for number in match(event):
                    hits.append((index, infos[number]))
                if event.get("event.kind") == "alert":
                    hits.append((index, vendor_rule(event)))
            faults = [RuleFault(infos[number].id, "", reason) for number, reason in self.matcher.faults]
            self.matcher.faults.clear()
        return MatchResult(hits, faults)

    def prepare(self) -> None:
        """Make now what events would ask for first: for a stream, of which no event is to wait for it."""
        with self._lock:
            self.matcher.prepare()

    def only(self, rules: Collection[str]) -> "CompiledRules":
        """Return a set of these rules alone."""
        return make(self.generation, [self.compiled[name] for name in rules], ())


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


def make(
    generation: int, compiled: Sequence[Compiled], contain: Sequence[str], cache: Path | None = None
) -> CompiledRules:
    """Build the matcher of compiled rules, with what is kept in ``cache``; each fault disables that rule alone."""
    faults: list[RuleFault] = [RuleFault(rule.info.id, rule.where, rule.fault) for rule in compiled if rule.fault]
    good = [rule for rule in compiled if not rule.fault]
    by_id: dict[str, Compiled] = {}
    for rule in good:
        first = by_id.setdefault(rule.info.id, rule)
        if first is not rule:
            faults.append(RuleFault(rule.info.id, rule.where, f"this id is there already, in {first.where}"))
    infos = {rule.info.id: _final_info(rule, contain) for rule in by_id.values()}
    matched = [rule for rule in by_id.values() if rule.tree is not None]
    virtual = {
        name: make for _, table in fieldmaps if isinstance(table, Product) for name, make in table.virtual.items()
    }
    building = Building(matched, virtual, cache)
    return CompiledRules(
        generation=generation,
        rules=infos,
        unmapped={rule.info.id: rule.unmapped for rule in by_id.values() if rule.unmapped},
        faults=faults,
        fields=columns(by_id.values()),
        correlations=[
            msgspec.structs.replace(rule, info=infos[rule.info.id]) for rule in by_id.values() if rule.correlation
        ],
        compiled=by_id,
        building=building,
        matcher=building.matcher(),
        _infos=[infos[rule.info.id] for rule in matched],
    )


def _final_info(rule: Compiled, contain: Sequence[str]) -> RuleInfo:
    info = rule.info
    return msgspec.structs.replace(info, contain="auto" if info.contain == "auto" or info.id in contain else "never")


__all__ = ["CompiledRules", "make", "vendor_rule"]
