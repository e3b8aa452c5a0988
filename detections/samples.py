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
from typing import Annotated, Any, NamedTuple

import msgspec

from hinomi.clock import iso, parse_iso
from hinomi.collectors.formats import formats
from hinomi.detections import RuleSet
from hinomi.detections.carrying import carried
from hinomi.detections.correlation import Past
from hinomi.directory import Directory
from hinomi.directory.enrich import enrich
from hinomi.errors import UnknownComponentError
from hinomi.event import Event, RawRecord
from hinomi.hits import Hit, hit_of

DETECTION, CORRELATION = ("match", "nomatch"), ("fires", "quiet")


class Sample(msgspec.Struct):
    """A record and its format, and how often it comes."""

    format: str
    record: Any
    context: str | None = None
    event: dict[str, Any] = {}
    times: Annotated[int, msgspec.Meta(ge=1)] = 1
    every: float = 1


class Samples(msgspec.Struct):
    """What a file of samples holds."""

    match: list[Sample] = []
    nomatch: list[Sample] = []
    fires: list[list[Sample]] = []
    quiet: list[list[Sample]] = []


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


def read(file: Path) -> Samples:
    """Return the samples of a file.

    Raises:
        ValueError: If it is no JSON, or not what samples are; the message says where.
    """
    return msgspec.convert(json.loads(file.read_text(encoding="utf-8")), Samples)


def run(ruleset: RuleSet, rule: str, file: Path) -> Iterator[Outcome]:
    """Yield the outcome of every sample of one rule."""
    try:
        content = read(file)
    except FileNotFoundError:
        yield Outcome(rule, file.name, True, False, "no samples: add this file")
        return
    except ValueError as error:
        yield Outcome(rule, file.name, True, False, f"not as samples are written: {error}")
        return
    correlates = ruleset.compiled[rule].correlation is not None
    for kind, wanted in zip(CORRELATION if correlates else DETECTION, (True, False), strict=True):
        samples = getattr(content, kind)
        if not samples:
            yield Outcome(rule, f"{file.name} {kind}", wanted, False, f"no sample under {kind}")
        for number, sample in enumerate(samples):
            case = sample if correlates else [sample]
            try:
                events = [event for part in case for event in _events(part)]
            except UnknownComponentError as error:
                yield Outcome(rule, f"{kind}[{number}]", wanted, False, f"{error}; {error.hint}")
                continue
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
    text = sample.record if isinstance(sample.record, str) else json.dumps(sample.record, ensure_ascii=False)
    parse = formats.get(sample.format)
    for number in range(sample.times):
        raw = text.replace("{n}", str(number)).encode()
        for event in parse(RawRecord(raw, "sample", "0", 0, sample.context)):
            made = dict(event)
            enrich(Directory(), made, "")
            if "@timestamp" in made:
                later = timedelta(seconds=number * sample.every)
                made["@timestamp"] = iso(parse_iso(made["@timestamp"]) + later)
            yield made | sample.event
