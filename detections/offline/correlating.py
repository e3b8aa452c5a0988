"""Correlations over files: their hits come after those of the records, about the record that completed each."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from hinomi.detections import RuleSet
from hinomi.detections.correlation import Past
from hinomi.detections.correlation.sorting import Sorted
from hinomi.detections.offline.sweep import Found
from hinomi.hits import Hit, hit_of


def correlated(ruleset: RuleSet, found: Iterable[Found], shown: Collection[str] | None = None) -> Iterator[Found]:
    """Yield hits as they come, then what correlations make of them all.

    Only those of rules in ``shown``; else all but of rules that only feed correlations.
    """
    correlations = [rule for rule in ruleset.compiled.values() if rule.correlation is not None]
    past = Past(correlations, wanted=shown)
    fed = Sorted()
    try:
        for hit in found:
            if past.wants(hit.rule.id):
                event = {**hit.event, "file": str(hit.path), "index": hit.index}
                fields = {name: hit.event[name] for name in hit.rule.fields if name in hit.event}
                fed.add(hit_of(hit.rule, event, generation=0, received="", fields=fields))
            if not hit.rule.silent if shown is None else hit.rule.id in shown:
                yield hit
        yield from map(_found, past.feed(fed))
        yield from map(_found, past.end())
    finally:
        fed.close()


def _found(hit: Hit) -> Found:
    event = hit.event or {}
    shown = {**event, "event.id": hit.event_id, "@timestamp": hit.time}
    return Found(Path(event["file"]), event["index"], hit.rule, shown)
