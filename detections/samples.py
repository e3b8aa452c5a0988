"""Samples beside rules: ``<rule>.samples.json``, records that must and must not match, as their format receives them.

``{"match": [{"format": …, "record": …, "event": {…}}], "nomatch": […]}``: ``record`` is text or JSON, ``context`` a
CSV header, ``event`` fields that the directory would add.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hinomi.collectors.formats import formats
from hinomi.detections import RuleSet
from hinomi.event import Event, RawRecord


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
    for kind, wanted in (("match", True), ("nomatch", False)):
        samples = content.get(kind) or []
        if not samples:
            yield Outcome(rule, f"{file.name} {kind}", wanted, False, f"no sample under {kind}")
        for number, sample in enumerate(samples):
            events = _events(sample)
            hit = any(info.id == rule for _, info in ruleset.match(events).hits)
            why = "" if events else "its format did not take the record"
            yield Outcome(rule, f"{kind}[{number}]", wanted, bool(events) and hit == wanted, why)


def _events(sample: dict[str, Any]) -> list[Event]:
    record = sample["record"]
    raw = record if isinstance(record, str) else json.dumps(record, ensure_ascii=False)
    parsed = formats.get(sample["format"])(RawRecord(raw.encode(), "sample", "0", 0, sample.get("context")))
    return [{**event, **sample.get("event", {})} for event in parsed]
