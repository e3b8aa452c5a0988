"""``python -m bench.detection --rules DIR --events FILE.ndjson[.gz] [--learn OTHER]``: the matcher alone, one process.

Prints JSON. Events are read by their format first and written as flat ECS lines; then each pass parses a line with
orjson and matches it, and beside it the same lines are parsed only: ``share`` is the one rate over the other, of
passes that alternate. What is rare is learned from OTHER, never from FILE. Nothing of a value is remembered from one
event to the next, so "warm" differs from "cold" only by predicates made at first use, and "memo off" not at all.
"""

import argparse
import gzip
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import psutil

from bench.hostile import hostile_events
from hinomi import log
from hinomi.collectors.formats import formats
from hinomi.detections import RuleSet
from hinomi.event import Event, RawRecord
from hinomi.settings import Rules, Settings

FIRST = ("windows.eventlog", "ecs.document")
PASSES = 5
#: Rates are per second of this process's CPU, so that a neighbour does not count; latencies are by the clock on the wall.
CLOCK = time.process_time


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.detection", description=__doc__)
    parser.add_argument("--rules", type=Path, required=True, metavar="DIR")
    parser.add_argument("--events", type=Path, required=True, metavar="FILE")
    parser.add_argument("--learn", type=Path, metavar="OTHER", help="events that tell which literals are rare")
    parser.add_argument("--passes", type=int, default=PASSES)
    parser.add_argument("--pure", action="store_true", help="without the extension in C")
    parser.add_argument("--load", type=Path, metavar="DATA", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        print(json.dumps(_load_here(options.rules, options.load, pure=options.pure)))
        return
    with tempfile.TemporaryDirectory() as data:
        print(json.dumps(measure(options, Path(data)), indent=1, ensure_ascii=False))


def measure(options: argparse.Namespace, data: Path) -> dict[str, Any]:
    """Return all figures."""
    starts = [_start(options, data) for _ in range(4)]
    other = list(read(options.learn)) if options.learn else []
    began = CLOCK()
    lines = [orjson.dumps(event) for event in read(options.events)]
    converted = CLOCK() - began
    rules, learned = _learned(options, data, other)
    cold_parse, cold, hits = _cold(rules, lines)
    warm = _alternating(rules, lines, options.passes)
    share = warm["events_per_second"] / warm["parse_per_second"]
    return {
        "events": len(lines),
        "bytes_per_event": round(sum(map(len, lines)) / max(len(lines), 1)),
        "conversion_seconds": round(converted, 2),
        "matcher": type(rules.matcher).__name__,  # type: ignore[attr-defined]
        "rules": len(rules.rules),
        "faults": len(rules.faults),
        "load_seconds": {
            "first": starts[0]["seconds"],
            "second": min(start["seconds"] for start in starts[1:]),
            "second_imports_pysigma": starts[1]["pysigma"],
            "learning": round(learned, 2),
        },
        "resident_mib": {"loaded": starts[1]["resident_mib"], "with_events": _resident()},
        "hits": hits,
        "cold": {"events_per_second": round(cold), "parse_per_second": round(cold_parse), "share": round(cold / cold_parse, 4)},
        "warm": {**warm, "share": round(share, 4)},
        "memo_off": {**warm, "share": round(share, 4)},
        "latency_ms": _latency(rules, [orjson.loads(line) for line in lines]),
        "hostile_latency_ms": _latency(rules, [event for event in hostile_events() for _ in range(20)]),
    }  # fmt: skip


def read(path: Path) -> Iterator[Event]:
    """Yield the events of a file's lines; what no format takes is an error."""
    tried = [formats.get(name) for name in FIRST if name in formats]
    tried += [parse for name, parse in formats if name not in FIRST]
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        for number, line in enumerate(file, 1):
            record = RawRecord(line.rstrip(b"\r\n"), "bench", str(number), 0)
            found: Sequence[Event] = next((events for parse in tried if (events := parse(record))), ())
            if not found and record.raw:
                raise SystemExit(f"{path}:{number}: no format takes this line")
            yield from found


def _settings(rules: Path, data: Path) -> Settings:
    return Settings(data=data, rules=Rules(shipped=False, folders=(rules.resolve(),)))


def _start(options: argparse.Namespace, data: Path) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "bench.detection",
        "--rules",
        options.rules,
        "--events",
        options.events,
        "--load",
        data,
    ]
    said = subprocess.run([*command, *(["--pure"] if options.pure else [])], check=True, stdout=subprocess.PIPE).stdout
    started: dict[str, Any] = json.loads(said.splitlines()[-1])
    return started


def _load_here(rules: Path, data: Path, *, pure: bool) -> dict[str, Any]:
    began = time.perf_counter()
    _rules(rules, data, pure=pure)
    seconds = round(time.perf_counter() - began, 3)
    return {"seconds": seconds, "pysigma": "sigma" in sys.modules, "resident_mib": _resident()}


def _rules(rules: Path, data: Path, *, pure: bool) -> Any:
    from hinomi.detections.engine.building import PURE  # what a first start imports is part of its time
    from hinomi.detections.engine.loading import RuleFolders

    if pure:
        os.environ[PURE] = "1"
    log.configure("bench", level=logging.ERROR)
    return RuleFolders(_settings(rules, data))


def _learned(options: argparse.Namespace, data: Path, other: Sequence[Event]) -> tuple[RuleSet, float]:
    loaded = _rules(options.rules, data, pure=options.pure)
    began = CLOCK()
    if other:
        loaded.learn(other)
        loaded = _rules(options.rules, data, pure=options.pure)
    rules: RuleSet = loaded.current()
    return rules, CLOCK() - began


def _cold(rules: RuleSet, lines: Sequence[bytes]) -> tuple[float, float, int]:
    hits, match, loads = 0, rules.match, orjson.loads
    parse = _parse(lines)
    began = CLOCK()
    for line in lines:
        hits += len(match((loads(line),)).hits)
    return len(lines) / parse, len(lines) / (CLOCK() - began), hits


def _parse(lines: Sequence[bytes]) -> float:
    loads = orjson.loads
    began = CLOCK()
    for line in lines:
        loads(line)
    return CLOCK() - began


def _alternating(rules: RuleSet, lines: Sequence[bytes], passes: int) -> dict[str, Any]:
    """Return the rates of the best pass of each, taken in turns; blocks of 100 events, as a worker has them."""
    match, loads = rules.match, orjson.loads
    parsing, matching = [], []
    blocks = [lines[at : at + 100] for at in range(0, len(lines), 100)]
    for _ in range(passes):
        parsing.append(_parse(lines))
        began = CLOCK()
        for block in blocks:
            match([loads(line) for line in block])
        matching.append(CLOCK() - began)
    return {
        "events_per_second": round(len(lines) / min(matching)),
        "parse_per_second": round(len(lines) / min(parsing)),
    }


def _latency(rules: RuleSet, events: Sequence[Event]) -> dict[str, float]:
    match, clock = rules.match, time.perf_counter
    took = []
    for event in events:
        block = (event,)
        began = clock()
        match(block)
        took.append(clock() - began)
    took.sort()
    ranks = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
    return {name: round(took[min(int(len(took) * rank), len(took) - 1)] * 1000, 4) for name, rank in ranks.items()} | {
        "max": round(took[-1] * 1000, 4)
    }


def _resident() -> int:
    resident: int = psutil.Process().memory_info().rss >> 20
    return resident


if __name__ == "__main__":
    main()
