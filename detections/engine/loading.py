"""Rule folders to a rule set: shipped, of other packages, of the settings; watched for changes.

Compiled rules are kept as data (msgpack), keyed by content, in a folder only we may read: a second
start reads no YAML. Reading files and compiling one rule never stops at a fault of another.
"""

import gc
import os
import time
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

from hinomi import log
from hinomi.clock import JST
from hinomi.detections import RuleFault, packaged_folders
from hinomi.detections.engine.compiling import Compiled, compile_rule
from hinomi.detections.engine.keeping import Kept
from hinomi.detections.engine.preparing import prepare
from hinomi.detections.engine.ruleset import CompiledRules, make
from hinomi.detections.engine.safe_yaml import load_all
from hinomi.errors import ConfigError
from hinomi.event import Event
from hinomi.hits import RuleInfo
from hinomi.settings import Settings

SUFFIXES = (".yml", ".yaml")


class RuleFolders:
    """The `Rules` of settings: `current()` looks at the folders now and then."""

    def __init__(self, settings: Settings):
        """Load everything once."""
        self._settings = settings
        self._cache = settings.data / "cache" / "rules"
        self._kept = Kept(self._cache)
        self._files: dict[Path, tuple[tuple[int, int], list[Compiled]]] = {}
        self._looked = 0.0
        self._day: date | None = None
        self._set: CompiledRules | None = None
        self.current()

    def folders(self) -> list[Path]:
        """Return every folder that is looked into."""
        return [*self._packaged, *(self._settings.resolve(folder) for folder in self._settings.rules.folders)]

    @cached_property
    def _packaged(self) -> list[Path]:
        """The shipped folder and those of other packages: they do not change while this runs."""
        return packaged_folders(self._settings)

    def current(self) -> CompiledRules:
        """Return the newest whole set; the folders are looked at once every ``rules.reload_seconds``."""
        now = time.monotonic()
        if self._set is not None and now - self._looked < self._settings.rules.reload_seconds:
            return self._set
        self._looked = now
        changed, today = self._refresh(), datetime.now(JST).date()
        if changed or self._set is None or today != self._day:  # an exception ends with its day
            self._day = today
            generation = self._set.generation + 1 if self._set else 1
            compiled = [rule for _, rules in self._files.values() for rule in rules]
            compiled = prepare(compiled, self._settings.rules.lists, today)
            self._set = make(generation, compiled, self._settings.rules.contain, self._cache)
            gc.collect()
            gc.freeze()  # rules live long, and are many: no later pass of the collector walks through them
            log.get().info(
                "rules.loaded", generation=generation, rules=len(self._set.rules), faults=len(self._set.faults)
            )
            for fault in self._set.faults[:20]:
                log.get().warning("rules.fault", rule=fault.rule, where=fault.where, reason=fault.reason)
        return self._set

    def learn(self, events: Iterable[Event]) -> CompiledRules:
        """Count what is rare in ``events``, keep that for later starts, and return the set that looks for it."""
        rules = self.current()
        rules.building.learn(events)
        self._set = None
        return self.current()

    def _refresh(self) -> bool:
        seen: dict[Path, tuple[int, int]] = {}
        for folder in self.folders():
            seen.update(_rule_files(folder))
        gone = [path for path in self._files if path not in seen]
        fresh = [path for path, mark in seen.items() if self._files.get(path, (None,))[0] != mark]
        for path in gone:
            del self._files[path]
        for path in fresh:
            self._files[path] = (seen[path], self._compiled(path))
        self._kept.save()
        return bool(gone or fresh)

    def _compiled(self, path: Path) -> list[Compiled]:
        try:
            content = path.read_bytes()
        except OSError as error:
            return [_fault(path, str(path), str(error))]
        found = self._kept.get(content, path)
        if found is None:
            found = _compile(content, path)
            self._kept.put(content, path, found)
        return found

    @property
    def file_faults(self) -> list[RuleFault]:
        """Return the faults of files that hold no rule at all."""
        return [RuleFault(r.info.id, r.where, r.fault) for _, rules in self._files.values() for r in rules if r.fault]


def _compile(content: bytes, path: Path) -> list[Compiled]:
    try:
        documents = load_all(content, path)
    except ConfigError as error:
        return [_fault(path, str(error.where or path), error.message)]
    return [
        compile_rule(document, str(path))
        if isinstance(document, dict)
        else _fault(path, str(path), "not a rule: a mapping is expected")
        for document in documents
    ]


def _fault(path: Path, where: str, reason: str) -> Compiled:
    return Compiled(RuleInfo(id=path.stem, title=path.stem, level="medium", hash=""), where, fault=reason)


def _rule_files(folder: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    """Yield the rule files below a folder, in order, each with its time and size; hidden ones are none."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _rule_files(Path(entry.path))
        elif entry.name.endswith(SUFFIXES) and entry.is_file():
            stat = entry.stat()
            yield Path(entry.path), (stat.st_mtime_ns, stat.st_size)
