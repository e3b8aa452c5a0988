"""Hunts: a rule of the stream over what is stored. Candidates from the store, the verdict by the same matcher."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from hinomi.clock import iso, parse_iso
from hinomi.detections import RuleFault, RuleSet
from hinomi.detections.carrying import carried
from hinomi.detections.correlation import Past
from hinomi.detections.correlation.sorting import Sorted
from hinomi.detections.engine.candidates import filter_of
from hinomi.detections.engine.compiling import Compiled
from hinomi.detections.fieldmap import Product, fieldmaps
from hinomi.errors import ConfigError
from hinomi.event import Event
from hinomi.events import EventStore
from hinomi.events.candidates import ALL, any_of
from hinomi.hits import Hit, RuleInfo, hit_of
from hinomi.tenancy import Grant

TOGETHER = 50
"""More rules than this are hunted in one pass over all events: a filter of so many choices costs more than it saves."""


@dataclass(frozen=True)
class Step:
    """A batch of candidates that was looked at: its hits, rules that failed, and up to which time the hunt has come."""

    events: int
    upto: str
    hits: Sequence[tuple[RuleInfo, Event]]
    faults: Sequence[RuleFault] = field(default_factory=list)


def chosen(ruleset: RuleSet, wanted: Sequence[str]) -> list[str]:
    """Return the ids of rules that are named by id, or by a part of their title.

    Raises:
        ConfigError: If nothing is called so; names what is near.
    """
    found: list[str] = []
    for word in wanted:
        low = word.casefold()
        named = (
            [word]
            if word in ruleset.rules
            else [i for i, rule in ruleset.rules.items() if low in rule.title.casefold()]
        )
        if not named:
            raise ConfigError(f"no rule is called {word!r}", hint="hinomi rule list -o csv shows ids and titles")
        found += [name for name in named if name not in found]
    return found


def hunt(
    store: EventStore, ruleset: RuleSet, rules: Sequence[str], since: str, until: str, grant: Grant
) -> Iterator[Step]:
    """Yield what the rules match in a window, batch by batch, oldest day first, in bounded memory.

    A correlation is hunted by the rules that it refers to, from a timespan before the window.
    """
    virtual = {
        name: made for _, table in fieldmaps if isinstance(table, Product) for name, made in table.virtual.items()
    }
    correlations, bases = _network(ruleset, rules)
    compiled = [ruleset.compiled[name] for name in {**dict.fromkeys(rules), **dict.fromkeys(bases)}]
    compiled = [rule for rule in compiled if rule.tree is not None]
    only = ruleset.only([rule.info.id for rule in compiled])
    wanted = any_of([filter_of(rule, virtual) for rule in compiled]) if len(compiled) <= TOGETHER else ALL
    chain = _Correlating(correlations, rules)
    for batch in store.candidates(wanted, _before(since, correlations), until, grant):
        result = only.match(batch)
        hits = [(rule, batch[index]) for index, rule in result.hits if rule.id in only.rules]
        found = [
            *chain.feed(hits, batch[0]["@timestamp"][:10]),
            *((rule, event) for rule, event in hits if rule.id in rules),
        ]
        upto = max(str(event["@timestamp"]) for event in batch)
        yield Step(len(batch), upto, [hit for hit in found if hit[1]["@timestamp"] >= since], result.faults)
    if last := [hit for hit in chain.end() if since <= hit[1]["@timestamp"]]:
        yield Step(0, until, last)


def _network(ruleset: RuleSet, rules: Sequence[str]) -> tuple[list[Compiled], list[str]]:
    """Return the correlations among rules with those that they refer to, and the detection rules at their ends."""
    correlations: dict[str, Compiled] = {}
    bases: list[str] = []
    ahead = list(rules)
    while ahead:
        rule = ruleset.compiled[ahead.pop()]
        if rule.correlation is not None and rule.info.id not in correlations:
            correlations[rule.info.id] = rule
            ahead += [slot.rule for slot in rule.correlation.slots]
            bases += [slot.rule for slot in rule.correlation.slots if ruleset.compiled[slot.rule].tree is not None]
    return list(correlations.values()), bases


def _before(since: str, correlations: Sequence[Compiled]) -> str:
    """Return from when events count: each correlation of a chain may look back by its timespan."""
    seconds = sum(rule.correlation.seconds for rule in correlations if rule.correlation is not None)
    return iso(parse_iso(since) - timedelta(seconds=seconds)) if seconds else since


class _Correlating:
    """Sorts the hits of a day, as the store gives days in order, and correlates them."""

    def __init__(self, correlations: Sequence[Compiled], wanted: Sequence[str]):
        self._past = Past(correlations, wanted=frozenset(wanted))
        self._day = ""
        self._hits = Sorted()

    def feed(self, hits: Sequence[tuple[RuleInfo, Event]], day: str) -> Iterator[tuple[RuleInfo, Event]]:
        if day != self._day:
            yield from self._closed()
            self._day = day
        for rule, event in hits:
            if self._past.wants(rule.id):
                self._hits.add(
                    hit_of(
                        rule, _slim(event), generation=0, received="", live=False, fields=carried(event, rule.fields)
                    )
                )

    def end(self) -> Iterator[tuple[RuleInfo, Event]]:
        yield from self._closed()
        yield from map(_shown, self._past.end())

    def _closed(self) -> Iterator[tuple[RuleInfo, Event]]:
        hits, self._hits = self._hits, Sorted()
        try:
            yield from map(_shown, self._past.feed(hits))
        finally:
            hits.close()


def _slim(event: Event) -> Event:
    """Return what the hit of a correlation says of the event that completed it."""
    names = ("event.id", "@timestamp", "event.dataset", "host.name", "user.name")
    return {name: value for name, value in event.items() if name in names or name.startswith("hinomi.")}


def _shown(hit: Hit) -> tuple[RuleInfo, Event]:
    return hit.rule, {**(hit.event or {}), "event.id": hit.event_id, "@timestamp": hit.time}
