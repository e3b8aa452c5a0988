"""``python -m bench.detection --rules DIR --events FILE.ndjson[.gz] [--learn OTHER]``: the matcher alone, all its figures.

Prints one JSON, each figure beside its floor and its aim, and ends 1 if a floor does not hold. Events are read by their
format first and written as flat ECS lines; then each pass parses a line with orjson and matches it, and beside it the
same lines are parsed only: a share is the one rate over the other, of passes that alternate, in CPU time, so that a
neighbour on the machine does not count. What is rare is learned from OTHER, never from FILE.
"""

import argparse
import gzip
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from bench.matching import measured
from bench.measures import Row
from bench.starting import both, start
from hinomi.collectors.formats import formats
from hinomi.event import Event, RawRecord

FIRST = ("windows.eventlog", "ecs.document")
#: (floor, aim) of shares, by what the events are; at least so much.
MEMO_FREE = {"mix": (-0.15, -0.41), "process": (-0.095, -0.22)}
WARM = {"mix": (-0.25, -0.60), "process": (-0.20, -0.40)}
WITHOUT_C = {"mix": (-0.15, None), "process": (-0.095, None)}


def main() -> None:
    """Measure, print, and end 1 if a floor does not hold."""
    parser = argparse.ArgumentParser(prog="python -m bench.detection", description=__doc__)
    parser.add_argument("--rules", type=Path, required=True, metavar="DIR")
    parser.add_argument("--events", type=Path, required=True, metavar="FILE")
    parser.add_argument("--learn", type=Path, metavar="OTHER", help="events that tell which literals are rare")
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--runs", type=int, default=5, help="starts of `hinomi detect`, and pairs of processes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as data:
        found = measure(options, Path(data))
    print(json.dumps(found, indent=1, ensure_ascii=False))
    raise SystemExit(0 if all(row["floor_holds"] for row in found["figures"]) else 1)


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return all figures, and what they were taken from."""
    began = time.process_time()
    lines, kind = _converted(options.events, folder / "events")
    converted = time.process_time() - began
    other = folder / "other"
    if options.learn:
        _converted(options.learn, other)
    rules, data = options.rules.resolve(), folder / "data"
    first = measured(rules, data, folder / "events", learn=other if options.learn else None, passes=1)
    native = measured(rules, data, folder / "events", passes=options.passes)
    pure = measured(rules, data, folder / "events", passes=options.passes, pure=True)
    starts = start(rules, folder, options.runs)
    pair = both(rules, data, folder / "events", options.runs)
    figures = _figures(kind, native, pure, starts, pair)
    return {
        "events": lines,
        "kind": kind,
        "bytes_per_event": round((folder / "events").stat().st_size / max(lines, 1)),
        "conversion_seconds": round(converted, 2),
        "figures": [_shown(row) for row in figures],
        "load_seconds": {"first": first["load_seconds"], "second": native["load_seconds"]},
        "native": native,
        "pure": pure,
        "start": starts,
        "processes": pair,
    }


def _figures(kind: str, native: Any, pure: Any, starts: Any, pair: Any) -> Sequence[Row]:
    slow, second = native["one_evaluation"]["with_hostile"]["cpu_ms"], native["one_evaluation"]["hostile"]["cpu_ms"]
    return [
        Row(f"memo-free, share of orjson's parse rate ({kind})", native["memo_free"]["share"], "", *MEMO_FREE[kind]),
        Row(f"warm, share of orjson's parse rate ({kind})", native["warm"]["share"], "", *WARM[kind]),
        Row(f"without the extension in C, share ({kind})", pure["memo_free"]["share"], "", *WITHOUT_C[kind]),
        Row("one evaluation, hostile ones among them: p99.9", slow["p99.9"], "ms of CPU", 2, 0.5),
        Row("one evaluation, hostile ones among them: max", max(slow["max"], second["max"]), "ms of CPU", 10, 2),
        Row("second start of detect over --version", starts["over_version_cpu_ms"], "ms of CPU", 900, 400),
        Row("memory of a process with all rules", native["resident_mib"]["worked"], "MiB", 500, 250),
        Row("2 processes : 1, by CPU time", pair["ratio_cpu"], "", -1.8, -1.95),
    ]  # fmt: skip


def _shown(row: Row) -> dict[str, Any]:
    """Return a row with its limits, and whether each holds."""
    limits = {name: limit for name, limit in (("floor", row.floor), ("aim", row.aim)) if limit is not None}
    holds = {f"{name}_holds": row.holds(limit) == "yes" for name, limit in limits.items()}
    what = f"{row.what}, {row.unit}" if row.unit else row.what
    return {"what": what, "value": round(row.value, 4), **{name: abs(limit) for name, limit in limits.items()}, **holds}


def _converted(path: Path, to: Path) -> tuple[int, str]:
    """Write a file's events as flat lines; return how many, and which floors are theirs."""
    count = processes = 0
    with to.open("wb") as file:
        for event in read(path):
            file.write(orjson.dumps(event) + b"\n")
            count += 1
            processes += event.get("event.category") in ("process", ["process"]) or event.get("event.code") == "1"
    return count, "process" if processes > 0.9 * count else "mix"


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


if __name__ == "__main__":
    main()
