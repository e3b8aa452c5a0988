"""One process that matches lines of flat ECS, measured from inside: rates, evaluations one by one, memory.

`measured` starts one; its file of lines is what `bench.detection` has converted.
"""

import argparse
import gc
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import psutil

from bench.hostile import hostile_events
from hinomi import log
from hinomi.event import Event
from hinomi.settings import Rules, Settings

#: Rates are per second of this thread's CPU, so that a neighbour does not count.
CLOCK = time.thread_time
RANKS = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
BLOCK = 100
"""Events matched together, as a worker has them."""


def measured(
    rules: Path, data: Path, lines: Path, *, passes: int, learn: Path | None = None, pure: bool = False
) -> dict[str, Any]:  # fmt: skip
    """Return what a process of its own measured; ``data`` keeps compiled rules from one to the next."""
    command = [sys.executable, "-m", "bench.matching", rules, data, lines, "--passes", str(passes)]
    said = subprocess.run(
        [*command, *(["--learn", learn] if learn else []), *(["--pure"] if pure else [])],
        check=True, stdout=subprocess.PIPE,
    ).stdout  # fmt: skip
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def main() -> None:
    """Measure in this process and print; with ``--wait``, load and match a pass for each line of stdin instead."""
    parser = argparse.ArgumentParser(prog="python -m bench.matching", description=__doc__)
    parser.add_argument("rules", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("lines", type=Path)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--learn", type=Path)
    parser.add_argument("--pure", action="store_true")
    parser.add_argument("--wait", action="store_true")
    options = parser.parse_args()
    began = CLOCK()
    folders = load(options.rules, options.data, pure=options.pure)
    loaded = CLOCK() - began
    if options.wait:
        _when_told(folders.current(), options.lines.read_bytes().splitlines())
        return
    if options.learn:
        folders.learn(orjson.loads(line) for line in options.learn.open("rb"))
    print(json.dumps({"load_seconds": round(loaded, 3), **_measure(folders.current(), options.lines, options.passes)}))


def load(rules: Path, data: Path, *, pure: bool = False) -> Any:
    """Return the folders of these rules alone, loaded."""
    from hinomi.detections.engine.building import PURE  # what a first start imports is part of its time
    from hinomi.detections.engine.loading import RuleFolders

    if pure:
        os.environ[PURE] = "1"
    log.configure("bench", level=logging.ERROR)
    return RuleFolders(Settings(data=data, rules=Rules(shipped=False, folders=(rules.resolve(),))))


def _collect_rarely() -> None:
    """As a worker does (`hinomi.runtime.role`)."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def _measure(rules: Any, path: Path, passes: int) -> dict[str, Any]:
    resident = {"loaded": _resident()}
    rules.prepare()  # as a worker does before it takes events
    _collect_rarely()
    hits, cold = 0, 0.0
    with path.open("rb") as file:
        for line in file:
            began = CLOCK()
            hits += len(rules.match((orjson.loads(line),)).hits)
            cold += CLOCK() - began
    resident["worked"] = _resident()
    lines = path.read_bytes().splitlines()
    warm = _alternating(rules.match, lines, passes)
    rules.matcher.remember(False)
    free = _alternating(rules.match, lines, passes)
    once = [orjson.loads(line) for line in lines]
    ordinary, hostile = _each(rules.match, once), _each(rules.match, [*hostile_events()])
    return {
        "matcher": type(rules.matcher).__name__,
        "rules": len(rules.rules),
        "faults": len(rules.faults),
        "hits": hits,
        "resident_mib": resident,
        "cold": {"events_per_second": round(len(lines) / cold), "share": round(free["parse_seconds"] / cold, 4)},
        "warm": _rates(warm, len(lines)),
        "memo_free": _rates(free, len(lines)),
        "one_evaluation": {
            "recorded": _shown(ordinary),
            "hostile": _shown(hostile),
            "with_hostile": _shown([*ordinary, *hostile]),
        },
    }


def _alternating(match: Callable[[Sequence[Event]], Any], lines: Sequence[bytes], passes: int) -> dict[str, float]:
    """Return the seconds of parsing alone and of parsing and matching: block by block in turns, of each the best of the passes.

    What disturbs the machine disturbs both alike, or a block that another pass measures better.
    """
    blocks = [lines[at : at + BLOCK] for at in range(0, len(lines), BLOCK)]
    best = [(float("inf"), float("inf"))] * len(blocks)
    for _ in range(passes):
        for number, block in enumerate(blocks):
            parsing, matching = _parsed(block), _pass(match, block)
            best[number] = (min(parsing, best[number][0]), min(matching, best[number][1]))
    return {"parse_seconds": sum(pair[0] for pair in best), "match_seconds": sum(pair[1] for pair in best)}


def _parsed(block: Sequence[bytes]) -> float:
    loads = orjson.loads
    began = CLOCK()
    for line in block:
        loads(line)
    return CLOCK() - began


def _pass(match: Callable[[Sequence[Event]], Any], lines: Sequence[bytes]) -> float:
    loads = orjson.loads
    began = CLOCK()
    for at in range(0, len(lines), BLOCK):
        match([loads(line) for line in lines[at : at + BLOCK]])
    return CLOCK() - began


def _rates(seconds: dict[str, float], count: int) -> dict[str, float]:
    return {
        "events_per_second": round(count / seconds["match_seconds"]),
        "parse_per_second": round(count / seconds["parse_seconds"]),
        "share": round(seconds["parse_seconds"] / seconds["match_seconds"], 4),
    }


def _each(match: Callable[[Sequence[Event]], Any], events: Sequence[Event]) -> list[tuple[float, float]]:
    """Return (CPU, wall) seconds of every evaluation, one at a time, each event once."""
    gc.freeze()
    took, wall, cpu = [], time.perf_counter, time.thread_time
    for event in events:
        block = (event,)
        began, spent = wall(), cpu()
        match(block)
        took.append((cpu() - spent, wall() - began))
    return took


def _shown(took: Sequence[tuple[float, float]]) -> dict[str, dict[str, float]]:
    found = {}
    for name, place in (("cpu_ms", 0), ("wall_ms", 1)):
        seconds = sorted(pair[place] for pair in took)
        last = len(seconds) - 1
        found[name] = {rank: round(seconds[min(int(len(seconds) * at), last)] * 1e3, 4) for rank, at in RANKS.items()}
        found[name]["max"] = round(seconds[-1] * 1e3, 4)
    return found


def _when_told(rules: Any, lines: Sequence[bytes]) -> None:
    rules.prepare()
    _collect_rarely()
    rules.matcher.remember(False)
    _pass(rules.match, lines)
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        spent = _pass(rules.match, lines)
        print(json.dumps([spent, time.perf_counter() - began]), flush=True)


def _resident() -> int:
    resident: int = psutil.Process().memory_info().rss >> 20
    return resident


if __name__ == "__main__":
    main()
