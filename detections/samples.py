"""Samples beside rules: ``<rule>.samples.json``, records as their format receives them.

``{"match": [sample, …], "nomatch": […]}`` for a detection rule; ``{"fires": [[sample, …], …], "quiet": […]}`` for a
correlation, each inner list one case. A sample is ``{"format": …, "record": …}``: ``record`` is text or JSON, ``context`` a
CSV header, ``event`` fields that the directory would add; ``times`` repeats it every ``every`` seconds, with the number
of the repetition for ``{n}`` in the record.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from hinomi.clock import iso, parse_iso
from hinomi.collectors.formats import formats
from hinomi.detections import RuleSet
from hinomi.detections.carrying import carried
from hinomi.detections.correlation import Past
from hinomi.directory import Directory
from hinomi.directory.enrich import enrich
from hinomi.event import Event, RawRecord
from hinomi.hits import Hit, hit_of

Sample = dict[str, Any]
DETECTION, CORRELATION = ("match", "nomatch"), ("fires", "quiet")


class Outcome(NamedTuple):
    """One sample's outcome."""

    rule: str
    sample: str
    wanted: bool
    ok: bool
    why: str = ""


def sample_file(rule_file: Path) -> Path:
    """Return where a rule's samples lie."""
    return rule_file.with_name(rule_file.stem + ".samples.json")


def run(ruleset: RuleSet, rule: str, file: Path) -> Iterator[Outcome]:
    """Yield the outcome of every sample of one rule."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        yield Outcome(rule, file.name, True, False, "no samples: add this file")
        return
    except ValueError as error:
        yield Outcome(rule, file.name, True, False, f"not JSON: {error}")
        return
    correlates = ruleset.compiled[rule].correlation is not None
    for kind, wanted in zip(CORRELATION if correlates else DETECTION, (True, False), strict=True):
        samples = content.get(kind) or []
        if not samples:
            yield Outcome(rule, f"{file.name} {kind}", wanted, False, f"no sample under {kind}")
        for number, sample in enumerate(samples):
            case = sample if correlates else [sample]
            events = [event for part in case for event in _events(part)]
            hit = (_fires if correlates else _matches)(ruleset, rule, events)
            why = "" if events else "its format did not take the record"
            yield Outcome(rule, f"{kind}[{number}]", wanted, bool(events) and hit == wanted, why)


def _matches(ruleset: RuleSet, rule: str, events: Sequence[Event]) -> bool:
    return any(info.id == rule for _, info in ruleset.match(events).hits)


def _fires(ruleset: RuleSet, rule: str, events: Sequence[Event]) -> bool:
    """Tell whether a correlation comes true over events, taken by their time as a hunt takes them."""
    past = Past([known for known in ruleset.compiled.values() if known.correlation is not None], wanted={rule})
    hits: list[Hit] = []
    for place, info in ruleset.match(events).hits:
        if past.wants(info.id):
            event = {**events[place], "event.id": f"sample-{place}"}
            hits.append(hit_of(info, event, generation=0, received="", fields=carried(event, info.fields)))
    hits.sort(key=lambda hit: hit.time)
    return any(hit.rule.id == rule for hit in (*past.feed(hits), *past.end()))


def _events(sample: Sample) -> Iterator[Event]:
    record = sample["record"]
    text = record if isinstance(record, str) else json.dumps(record, ensure_ascii=False)
    parse, context = formats.get(sample["format"]), sample.get("context")
    for number in range(sample.get("times", 1)):
        raw = text.replace("{n}", str(number)).encode()
        for event in parse(RawRecord(raw, "sample", "0", 0, context)):
            made = dict(event)
            enrich(Directory(), made, "")
            if "@timestamp" in made:
                later = timedelta(seconds=number * sample.get("every", 1))
                made["@timestamp"] = iso(parse_iso(made["@timestamp"]) + later)
            yield made | sample.get("event", {})
