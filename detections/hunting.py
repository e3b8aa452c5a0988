"""Hunts: a rule of the stream over what is stored. Candidates from the store, the verdict by the same matcher."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hinomi.detections import RuleFault, RuleSet
from hinomi.detections.engine.candidates import filter_of
from hinomi.detections.fieldmap import Product, fieldmaps
from hinomi.errors import ConfigError
from hinomi.event import Event
from hinomi.events import EventStore
from hinomi.events.candidates import ALL, any_of
from hinomi.hits import RuleInfo
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
    """Yield what the rules match in a window, batch by batch, oldest day first, in bounded memory."""
    virtual = {
        name: made for _, table in fieldmaps if isinstance(table, Product) for name, made in table.virtual.items()
    }
    compiled = [rule for name in rules if (rule := ruleset.compiled[name]).tree is not None]
    only = ruleset.only([rule.info.id for rule in compiled])
    wanted = any_of([filter_of(rule, virtual) for rule in compiled]) if len(compiled) <= TOGETHER else ALL
    for batch in store.candidates(wanted, since, until, grant):
        result = only.match(batch)
        hits = [(rule, batch[index]) for index, rule in result.hits if rule.id in only.rules]
        yield Step(len(batch), max(str(event["@timestamp"]) for event in batch), hits, result.faults)
