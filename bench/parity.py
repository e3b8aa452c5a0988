"""``python -m bench.parity``: the same rules on the same events by four ways; each (rule, event) that differs is a line.

Stream (`RuleSet.match`), hunt on the lake (`hunt`, its candidates), pySigma's sqlite back end on a table of the same
events, and the reference evaluator of `bench.oracle` for what SQLite cannot compare: keyword rules, fieldref, values that
are lists or not ASCII, names computed of an event. What was left to whom is counted. Exit 1 if anything differs.
"""

import argparse
import json
import re
import sqlite3
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import re2
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.exceptions import SigmaError

from bench.oracle.differential import FOLDERS, SIGMAHQ, Both
from bench.oracle.evaluator import text
from hinomi.collectors.formats import formats
from hinomi.detections import RuleSet
from hinomi.detections.hunting import hunt
from hinomi.detections.offline.files import chunks, find
from hinomi.detections.pipeline import hinomi_ecs_pipeline
from hinomi.event import Event, RawRecord
from hinomi.events import Flush, open_store
from hinomi.settings import Settings
from hinomi.tenancy import Grant

WHO = Grant("parity", "", frozenset({"read"}))
EVENTS = (SIGMAHQ.parent / "lanes", SIGMAHQ.parent / "evtx")
DAY = "2026-11-24"
MOST_COLUMNS = 1900
"""SQLite takes 2,000 in one table."""
SELECTORS = ("event.category", "event.type")
"""Lists by which log sources are told: a row for each element, since a rule asks for any of them."""
Pair = tuple[int, str]


def read_events(paths: Sequence[Path], every: int = 1) -> list[Event]:
    """Return the events of the files, as a worker reads them, with ids of their own and all of one day.

    A hunt asks the lake day by day; here years lie between some events.
    """
    parse = formats.get("windows.eventlog")
    found: list[Event] = []
    for path in find(paths):
        for chunk in chunks(path):
            for number, raw in enumerate(chunk.raws):
                if (chunk.first + number) % every == 0:
                    found += parse(RawRecord(raw, "parity", f"{path.name}:{chunk.first + number}", 1, chunk.context))
    return [
        {**event, "event.id": f"{number:032x}", "@timestamp": DAY + str(event["@timestamp"])[10:]}
        for number, event in enumerate(found)
    ]


def by_stream(ruleset: RuleSet, events: Sequence[Event], rules: Sequence[str]) -> set[Pair]:
    """Return what matches on the stream, in blocks of a thousand."""
    wanted = set(rules)
    return {
        (first + index, info.id)
        for first in range(0, len(events), 1000)
        for index, info in ruleset.match(events[first : first + 1000]).hits
        if info.id in wanted
    }


def by_hunt(
    ruleset: RuleSet, events: Sequence[Event], rules: Sequence[str], data: Path, alone: Collection[str]
) -> set[Pair]:
    """Return what hunts find in a lake of these events.

    A hunt can only lack what the stream has, where the candidates lack it: the rules of `alone`, which the stream has hits
    of, are hunted one by one, each by its own filter; the others together.
    """
    store = open_store(Settings(data=data), writable=True, fields=ruleset.fields)
    try:
        store.append(Flush("parity", [(1, list(events))]))
        groups = [[name] for name in rules if name in alone] + [[name for name in rules if name not in alone]]
        return {
            (int(event["event.id"], 16), rule.id)
            for group in groups
            for step in hunt(store, ruleset, group, f"{DAY}T00:00:00.000000Z", f"{DAY}T23:59:59.999999Z", WHO)
            for rule, event in step.hits
        }
    finally:
        store.close()


class _Quoting(sqliteBackend):  # type: ignore[misc]  # pySigma's back ends are untyped
    """Quotes every name, so that it is known in the query."""

    def escape_and_quote_field(self, field: str) -> str:
        """Return the name in quotes."""
        return f"`{field}`"


class Sqlite:
    """A table of the events, and the rules as pySigma's back end turns them into SQL."""

    def __init__(self, events: Sequence[Event], rules: Mapping[str, Mapping[str, Any]]):
        self.unsaid: Counter[str] = Counter()
        self._numbers: dict[str, int] = {}
        self.queries: dict[str, tuple[str, frozenset[str]]] = dict(self._convert(rules))
        read = Counter(name for _, names in self.queries.values() for name in names)
        names = sorted(read)
        if len(names) > MOST_COLUMNS:
            present = {name for event in events for name in event}
            names = (
                sorted(present & read.keys())
                + sorted(read.keys() - present)[: MOST_COLUMNS - len(present & read.keys())]
            )
        self.columns = names
        self.base = sqlite3.connect(":memory:")
        self.base.create_function("regexp", 2, _searches, deterministic=True)
        self.base.execute(
            f"CREATE TABLE logs (n INTEGER, {', '.join(f'{self._column(name)} TEXT COLLATE NOCASE' for name in names)})"
        )
        rows = [(number, row) for number, event in enumerate(events) for row in _rows(event)]
        holes = ", ".join("?" * (len(names) + 1))
        self.base.executemany(f"INSERT INTO logs VALUES ({holes})", ([n, *map(row.get, names)] for n, row in rows))
        self.foreign: dict[str, set[int]] = defaultdict(set)
        for number, event in enumerate(events):
            for name, value in event.items():
                if (isinstance(value, list) and name not in SELECTORS and len(value) != 1) or not _ascii(value):
                    self.foreign[name].add(number)

    def _convert(self, rules: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, tuple[str, frozenset[str]]]]:
        backend = _Quoting(hinomi_ecs_pipeline())
        for name, document in rules.items():
            words = json.dumps(document["detection"], default=str)
            if kept := re.search(r"\|(fieldref|expand|gte?|lte?|minute|hour|day|week|month|year)\b", words):
                self.unsaid[kept[1]] += 1
                continue
            try:
                (query,) = backend.convert(SigmaCollection.from_dicts([json.loads(json.dumps(document, default=str))]))
            except (SigmaError, NotImplementedError, ValueError) as error:
                self.unsaid[f"{type(error).__name__}: {str(error).splitlines()[0][:60]}"] += 1
                continue
            parts = re.split(r"('(?:[^']|'')*')", query.partition(" WHERE ")[2])  # names, texts, names, …
            read = frozenset(found for part in parts[::2] for found in re.findall(r"`([^`]+)`", part))
            parts[::2] = [re.sub(r"`([^`]+)`", lambda m: self._column(m[1]), part) for part in parts[::2]]
            yield name, ("".join(parts), read)

    def _column(self, name: str) -> str:
        """Return a column's name: SQLite takes `Payload` and `payload` for one."""
        return f"c{self._numbers.setdefault(name, len(self._numbers))}"

    def hits(self) -> Iterator[tuple[str, set[int], set[int]]]:
        """Yield rule, events that match, events that SQLite cannot judge: a field is a list or not ASCII."""
        for name, (where, read) in self.queries.items():
            if read - set(self.columns):
                self.unsaid["more columns than SQLite has"] += 1
                continue
            found = {n for (n,) in self.base.execute(f"SELECT DISTINCT n FROM logs WHERE {where}")}
            yield name, found, set().union(*(self.foreign[field] for field in read))


def _searches(pattern: str, value: Any) -> bool:
    return value is not None and re2.search(pattern, str(value)) is not None


def _ascii(value: Any) -> bool:
    return all(text(each).isascii() for each in (value if isinstance(value, list) else [value]))


def _rows(event: Event) -> Iterator[dict[str, Any]]:
    """Yield a row for each choice of the lists that tell log sources."""
    plain: dict[str, Any] = {}
    for name, value in event.items():
        single = value[0] if isinstance(value, list) and len(value) == 1 else None if isinstance(value, list) else value
        plain[name] = None if single is None else text(single)
    lists = [(name, event[name]) for name in SELECTORS if isinstance(event.get(name), list) and event[name]]
    for chosen in product(*(values for _, values in lists)):
        yield plain | {name: text(value) for (name, _), value in zip(lists, chosen, strict=True)}


def compare(both: Both, events: Sequence[Event], rules: Sequence[str], data: Path) -> Iterator[dict[str, Any]]:
    """Yield each difference, then what was compared."""
    stream = by_stream(both.ruleset, events, rules)
    lake = by_hunt(both.ruleset, events, rules, data, {name for _, name in stream})
    for number, name in sorted(stream ^ lake):
        yield {
            "rule": name,
            "event": events[number],
            "stream": (number, name) in stream,
            "lake": (number, name) in lake,
        }
    table = Sqlite(events, {name: both.rules[name].document for name in rules})
    counted: Counter[str] = Counter()
    left: dict[str, Sequence[int]] = dict.fromkeys(rules, range(len(events)))
    ours: dict[str, set[int]] = defaultdict(set)
    for number, name in stream:
        ours[name].add(number)
    for name, found, foreign in table.hits():
        left[name] = sorted(foreign)
        counted["sqlite"] += len(events) - len(foreign)
        for number in sorted((found ^ ours[name]) - foreign):
            yield {"rule": name, "event": events[number], "stream": number in ours[name], "sqlite": number in found}
    for name, numbers in left.items():
        counted["evaluator"] += len(numbers)
        for number in numbers:
            if (wanted := both.rules[name].matches(events[number])) != (number in ours[name]):
                yield {"rule": name, "event": events[number], "stream": number in ours[name], "oracle": wanted}
    yield {
        "events": len(events),
        "rules": len(rules),
        "pairs": dict(counted),
        "hits": len(stream),
        "not SQL": dict(table.unsaid),
    }


def main() -> None:
    """Read the arguments, compare, print; exit 1 if anything differs."""
    parser = argparse.ArgumentParser(prog="python -m bench.parity", description=__doc__)
    parser.add_argument("--rules", type=Path, action="append", help=f"folders of rules; {SIGMAHQ} without")
    parser.add_argument(
        "--events", type=Path, action="append", help="files or folders of Windows events; lanes and EVTX without"
    )
    parser.add_argument("--every", type=int, default=1, help="take every so many-th event")
    options = parser.parse_args()
    folders = options.rules or [SIGMAHQ / name for name in FOLDERS if (SIGMAHQ / name).exists()]
    begun = time.monotonic()
    events = read_events(options.events or EVENTS, options.every)
    differences = 0
    with tempfile.TemporaryDirectory(prefix="hinomi-parity-") as data:
        both = Both(Path(data) / "rules", folders)
        for row in compare(
            both, events, [name for name in both.ids if name in both.ruleset.rules], Path(data) / "lake"
        ):
            differences += "rule" in row
            print(json.dumps(row, ensure_ascii=False, default=str), flush=True)
    print(json.dumps({"differences": differences, "seconds": round(time.monotonic() - begun)}))
    raise SystemExit(1 if differences or not events else 0)


if __name__ == "__main__":
    main()
