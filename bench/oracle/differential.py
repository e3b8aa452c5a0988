"""The differential: batches of made events through `RuleSet.match`, each verdict beside the reference evaluator's."""

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import yaml

from bench.oracle.evaluator import Rule, read
from bench.oracle.mutating import events
from bench.oracle.rules import rule as made_rule
from hinomi.detections import RuleSet, load
from hinomi.settings import Rules, Settings

SIGMAHQ = Path(__file__).resolve().parents[3] / "shared" / "data" / "sigmahq"
FOLDERS = ("rules", "rules-emerging-threats", "rules-threat-hunting", "rules-placeholder", "rules-compliance")
BATCH = 64
"""Rules whose events are matched together, by a set of these rules alone."""
EACH = 40
"""Events of a rule in one batch: a fifth that satisfy it, the others mutated."""
WHOLE = 12
"""Of so many batches one is matched by all rules at once, with fewer events."""
LISTS: Mapping[str, tuple[str, ...]] = dict.fromkeys(
    ("Servers", "Administrators", "internal_domains"), ("Srv*", "adm?n", "a\\*b", "10.0.0.1")
)
"""Other placeholders have no values: rules with them are silent."""


@dataclass
class Made:
    """What was compared."""

    pairs: int = 0
    rules: int = 0
    true: int = 0
    others: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)

    def __add__(self, other: "Made") -> "Made":
        """Return both together; the number of rules is that of the larger."""
        return Made(
            self.pairs + other.pairs, max(self.rules, other.rules), self.true + other.true, self.others + other.others,
            self.differences + other.differences,
        )  # fmt: skip


class Both:
    """The same rules, loaded by hinomi and read by the evaluator."""

    def __init__(self, data: Path, folders: Sequence[Path], rules: Mapping[str, Rule] | None = None):
        lists = {name: {"": values} for name, values in LISTS.items()}
        settings = Settings(data=data, rules=Rules(shipped=False, folders=tuple(folders), lists=lists))
        self.ruleset: RuleSet = load(settings).current()
        documents = (
            d for folder in folders for path in sorted(folder.rglob("*.yml")) for d in read(path.read_text("utf-8"))
        )
        self.rules: Mapping[str, Rule] = rules or {
            made.id: made for made in (Rule(d, LISTS) for d in documents if "detection" in d)
        }
        self.ids = sorted(self.rules)

    def compare(self, chosen: Sequence[str], random: Random, each: int = EACH, whole: bool = False) -> Made:
        """Make events for these rules and compare; of the other rules that match an event one is judged too."""
        owners: list[str] = []
        batch: list[dict[str, Any]] = []
        for name in chosen:
            for _ in range(-(-each // 5)):
                for event in events(self.rules[name], random, min(each, 5)):
                    owners.append(name)
                    batch.append({**event, "event.id": str(len(batch))})
        result = (self.ruleset if whole else self.ruleset.only(chosen)).match(batch)
        hits = {(index, info.id) for index, info in result.hits}
        pairs = dict.fromkeys([*enumerate(owners), *_others(result.hits, owners, random)])
        made = Made(len(batch), len(self.rules), others=len(pairs) - len(batch))
        for index, name in pairs:
            wanted = self.rules[name].matches(batch[index])
            made.true += wanted and name == owners[index]
            if wanted != ((index, name) in hits):
                made.differences.append(
                    {"rule": name, "event": batch[index], "oracle": wanted, "hinomi": (index, name) in hits}
                )
        made.differences += [{"rule": fault.rule, "fault": fault.reason} for fault in result.faults]
        return made


def _others(hits: Sequence[tuple[int, Any]], owners: Sequence[str], random: Random) -> Iterator[tuple[int, str]]:
    found: dict[int, list[str]] = {}
    for index, info in hits:
        if info.id != owners[index] and not info.id.startswith("vendor:"):
            found.setdefault(index, []).append(info.id)
    yield from ((index, random.choice(sorted(names))) for index, names in sorted(found.items()))


def write_made(folder: Path, count: int, seed: int) -> Path:
    """Write rules made at random into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    random = Random(f"rules {seed}")
    for number in range(count):
        text = yaml.safe_dump(made_rule(random), allow_unicode=True, sort_keys=False)
        (folder / f"made_{number:05}.yml").write_text(text, encoding="utf-8")
    return folder


def run(data: Path, folders: Sequence[Path], made: int, pairs: int, seed: int, jobs: int) -> Iterator[Made]:
    """Yield what was compared, batch by batch, in a fixed order; a rule that hinomi refuses is a difference."""
    folders = [*folders, write_made(data / "made", made, seed)]
    both = Both(data / "main", folders)
    missing = set(both.ids) - set(both.ruleset.compiled)
    yield Made(rules=len(both.ids), differences=[{"rule": f.rule, "fault": f"{f.where}: {f.reason}"} for f in both.ruleset.faults]
        + [{"rule": name, "fault": "not loaded"} for name in sorted(missing)])  # fmt: skip
    ids = [name for name in both.ids if name not in missing]
    shuffled = Random(f"order {seed}")
    parts: list[_Part] = []
    ahead: list[str] = []
    while pairs > 0:
        ahead = ahead or shuffled.sample(ids, len(ids))
        whole = len(parts) % WHOLE == 0
        part = _Part(seed, len(parts), ahead[:BATCH], 2 if whole else EACH, whole)
        ahead = ahead[BATCH:]
        parts.append(part)
        pairs -= len(part.rules) * part.each
    if jobs == 1:
        yield from (part.compared(both) for part in parts)
        return
    forked = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, mp_context=forked, initializer=_BOTH.append, initargs=(both,)) as pool:
        yield from pool.map(_compare, parts)


_BOTH: list[Both] = []


def _compare(part: "_Part") -> Made:
    return part.compared(_BOTH[0])


class _Part(NamedTuple):
    """One batch; its seed and number alone decide its events."""

    seed: int
    number: int
    rules: Sequence[str]
    each: int
    whole: bool

    def compared(self, both: Both) -> Made:
        return both.compare(self.rules, Random(f"{self.seed} {self.number}"), self.each, self.whole)
