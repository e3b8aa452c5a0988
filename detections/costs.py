"""What one rule costs: a few of them at a time, timed on events that just came by, so rarely that nobody notices.

Every ten seconds a worker has the next few rules looked at on a handful of events of their log source, for 20 ms at
most. The figure is one exact evaluation; that most rules are passed over before it is the matcher's doing.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hinomi import log
from hinomi.detections.engine.predicates import View, build
from hinomi.detections.explaining import computed, meets
from hinomi.event import Event

EVERY = 10.0
BUDGET = 0.020
MOST_EVENTS, MOST_RULES = 20, 500
_HALF = 2_000
"""Evaluations of a rule after which older ones count half."""


class Costs:
    """Mean seconds of one evaluation, by rule; written to a small file that `hinomi rule stats` reads."""

    def __init__(self, file: Path, every: float = EVERY):
        """Take the file, and how many seconds lie between two looks."""
        self._file, self._every = file, every
        self._looked = 0.0
        self._next = 0
        self._sums: dict[str, list[float]] = {}
        self._virtual = computed()

    def look(self, ruleset: Any, events: Sequence[Event]) -> None:
        """Time the next few rules on some of these events, if it is time to."""
        now = time.monotonic()
        if not events or now - self._looked < self._every:
            return
        self._looked = now
        self._measure(ruleset.compiled, events[:: max(len(events) // MOST_EVENTS, 1)][:MOST_EVENTS], now + BUDGET)
        self._sums = {name: sums for name, sums in self._sums.items() if name in ruleset.compiled}
        self._write()

    def _measure(self, compiled: Mapping[str, Any], events: Sequence[Event], until: float) -> None:
        names = list(compiled)
        for _ in range(min(len(names), MOST_RULES)):
            self._next = (self._next + 1) % len(names)
            rule = compiled[names[self._next]]
            met = [event for event in events if meets(event, rule.routes)]
            if met and (tree := rule.tree) is not None:
                predicate = build(tree)
                views = [View(event, self._virtual) for event in met]
                began = time.perf_counter()
                for view in views:
                    predicate(view)
                self._add(rule.info.id, time.perf_counter() - began, len(met))
            if time.monotonic() >= until:
                return

    def _add(self, rule: str, seconds: float, count: int) -> None:
        sums = self._sums.setdefault(rule, [0.0, 0])
        if sums[1] > _HALF:
            sums[:] = [sums[0] / 2, sums[1] / 2]
        sums[0] += seconds
        sums[1] += count

    def _write(self) -> None:
        temporary = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(self._sums))
            temporary.replace(self._file)
        except OSError as error:  # figures are only figures
            log.get().warning("costs.not_written", error=str(error))


def read(folder: Path) -> dict[str, tuple[float, int]]:
    """Return (mean seconds, evaluations) by rule, over all workers' files in a folder."""
    found: dict[str, list[float]] = {}
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            for rule, (seconds, count) in json.loads(file.read_text()).items():
                sums = found.setdefault(rule, [0.0, 0])
                sums[0] += float(seconds)
                sums[1] += float(count)
        except (OSError, ValueError, TypeError, AttributeError):
            continue
    return {rule: (seconds / count, int(count)) for rule, (seconds, count) in found.items() if count}
