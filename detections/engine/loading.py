"""Rule folders to a rule set: shipped, of other packages, of the settings; watched for changes.

Compiled rules are kept as data (msgpack), keyed by content, in a folder only we may read: a second
start reads no YAML. Reading files and compiling one rule never stops at a fault of another.
"""

import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextvars import copy_context
from dataclasses import replace
from datetime import date, datetime
from functools import cached_property, partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import msgspec

from hinomi import log
from hinomi.clock import JST
from hinomi.detections import RuleFault, packaged_folders
from hinomi.detections.engine.building import RARITY, Building
from hinomi.detections.engine.compiling import Compiled, compile_rule
from hinomi.detections.engine.keeping import Kept
from hinomi.detections.engine.places import placed
from hinomi.detections.engine.preparing import prepare
from hinomi.detections.engine.ruleset import CompiledRules, make
from hinomi.detections.engine.safe_yaml import load_all
from hinomi.detections.learning import events_of
from hinomi.detections.packs.shelf import Shelf, place, published
from hinomi.errors import ConfigError
from hinomi.event import Event
from hinomi.hits import RuleInfo
from hinomi.settings import Settings

SUFFIXES = (".yml", ".yaml")
PATIENCE = 0.8
"""Seconds that a changed set is waited for, once, before the one in use is used on."""
QUICK = 0.05
"""Seconds of the last look at the folders up to which the next is waited for."""
MANY = 50
"""Files that are new at once, from which on it is looked whether another process has compiled them."""


class RuleFolders:
    """The `Rules` of settings: `current()` looks at the folders now and then."""

    def __init__(self, settings: Settings):
        """Load everything once."""
        self._settings = settings
        self._cache = settings.data / "cache" / "rules"
        self._kept: Kept | None = None
        self._files: dict[Path, tuple[tuple[int, int], list[Compiled]]] = {}
        self._looked = 0.0
        self._day: date | None = None
        self._shelf = Shelf()
        self._shelf_faults: list[RuleFault] = []
        self._set: CompiledRules | None = None
        self._making: Future[None] | None = None
        self._turn = threading.Lock()
        self._quick = True
        self._learned: dict[str, int] = {}
        self._student: BaseProcess | None = None
        self.current()

    def folders(self) -> list[Path]:
        """Return every folder that is looked into."""
        own = (self._settings.resolve(folder) for folder in self._settings.rules.folders)
        return [*self._packaged, *own, *self._shelf.folders(self._settings.data)]

    @cached_property
    def _packaged(self) -> list[Path]:
        """The shipped folder and those of other packages: they do not change while this runs."""
        return packaged_folders(self._settings)

    def current(self) -> CompiledRules:
        """Return the newest whole set; the folders are looked at once every ``rules.reload_seconds``.

        A small set is waited for, if looking at its folders is quick. A large one is made beside the one in use: events go on meeting that until it is ready.
        """
        with self._turn:
            if self._set is None:
                self._looked = time.monotonic()
                self._remake()
            elif self._making is not None:
                self._settle(0)
            elif time.monotonic() - self._looked >= self._settings.rules.reload_seconds:
                self._looked = time.monotonic()
                self._making = Future()
                make_beside = partial(copy_context().run, self._make_beside, self._making)  # its log says whose it is
                threading.Thread(target=make_beside, name="rules", daemon=True).start()
                self._settle(PATIENCE if self._quick else 0)
            assert self._set is not None  # noqa: S101 - made above
            return self._set

    def _make_beside(self, done: "Future[None]") -> None:
        try:
            self._remake()
        except BaseException as error:  # noqa: BLE001 - whoever asks next is told
            done.set_exception(error)
        else:
            done.set_result(None)

    def _settle(self, seconds: float) -> None:
        """Wait a little for what is being made; an error of it is raised here."""
        making = self._making
        if making is not None and (making.done() or wait([making], seconds).done):
            self._making = None
            making.result()

    def _remake(self) -> None:
        """Read what has changed, and put a new set in the place of the one before."""
        collects = gc.isenabled() and self._set is None
        if collects:  # a first start makes much, and nothing that is garbage
            gc.disable()
        try:
            self._make_next()
        finally:
            if collects:
                gc.enable()

    def _make_next(self) -> None:
        switched = self._read_shelf()
        learned, self._learned = self._learned, learned_at(self._cache)
        changed, today = self._refresh() or switched or learned != self._learned, datetime.now(JST).date()
        if not changed and self._set is not None and today == self._day:  # an exception ends with its day
            return
        self._day = today
        generation = self._set.generation + 1 if self._set else 1
        off = self._shelf.off
        compiled = [rule for _, rules in self._files.values() for rule in rules if rule.info.id not in off]
        compiled = prepare(compiled, self._settings.rules.lists, today)
        made = make(generation, compiled, self._settings.rules.contain, self._cache)
        if self._set is not None:
            made.prepare()  # events flow already
        made.faults = [*self._shelf_faults, *map(self._placed, made.faults)]
        if self._set is not None:
            gc.collect()
        self._set = made
        gc.freeze()  # rules live long, and are many: no later pass of the collector walks through them
        log.get().info("rules.loaded", generation=generation, rules=len(made.rules), faults=len(made.faults))
        for fault in made.faults[:20]:
            log.get().warning("rules.fault", rule=fault.rule, where=fault.where, reason=fault.reason)

    def _read_shelf(self) -> bool:
        """Look which packs and rules are on; return whether that has changed. A damaged file changes nothing, and is said."""
        if not self._settings.rules.packs:
            return False
        before = self._shelf, self._shelf_faults
        try:
            self._shelf, self._shelf_faults = published(self._settings.data), []
        except (ConfigError, OSError) as error:
            self._shelf_faults = [RuleFault("packs", str(getattr(error, "where", "")), str(error))]
        return before != (self._shelf, self._shelf_faults)

    def _placed(self, fault: RuleFault) -> RuleFault:
        """Return a fault with its line, a pack's file by the pack's name."""
        where = placed(fault.where, fault.rule, fault.reason)
        return replace(fault, where=self._shelf.called(where, self._settings.data))

    def learn(self, events: Iterable[Event]) -> CompiledRules:
        """Count what is rare in ``events``, keep that for later starts, and return the set that looks for it."""
        rules = self.current()
        rules.building.learn(events)
        self._set = None
        return self.current()

    def learned(self, name: str) -> float | None:
        """Return when something was last learned under a name, in seconds since 1970; None if never."""
        found = learned_at(self._cache).get(RARITY.format(name))
        return None if found is None else found / 1e9

    def study(self, chunks: Sequence[bytes], name: str) -> bool:
        """Have a child learn what is rare from a sample; `current()` gives the set that follows from it, later.

        The child is forked: it has the rules already, and its memory goes with it. Nothing of it is waited for; False if
        a set is being made, or another child learns.
        """
        with self._turn:
            if self._set is None or self._making is not None or (self._student and self._student.is_alive()):
                return False
            self._student = multiprocessing.get_context("fork").Process(
                target=_study, args=(self._set.building, chunks, name), name="study", daemon=True
            )
            self._student.start()
            return True

    def _refresh(self) -> bool:
        seen: dict[Path, tuple[int, int]] = {}
        began = time.monotonic()
        for folder in self.folders():
            seen.update(_marked(folder))
        self._quick = time.monotonic() - began < QUICK
        gone = [path for path in self._files if path not in seen]
        fresh = [path for path, mark in seen.items() if self._files.get(path, (None,))[0] != mark]
        for path in gone:
            del self._files[path]
        if self._kept is None or len(fresh) > MANY:
            self._kept = Kept(self._cache)
        shelf = f"{place(self._settings.data)}{os.sep}"
        for path in fresh:
            contains = not str(path).startswith(shelf)
            self._files[path] = (seen[path], _compiled(path, self._kept, contains=contains))
        self._kept.save()
        return bool(gone or fresh)

    @property
    def file_faults(self) -> list[RuleFault]:
        """Return the faults of files that hold no rule at all."""
        return [RuleFault(r.info.id, r.where, r.fault) for _, rules in self._files.values() for r in rules if r.fault]


def learned_at(cache: Path) -> dict[str, int]:
    """Return the files of what was learned, each with its time."""
    return {path.name: path.stat().st_mtime_ns for path in sorted(cache.glob(RARITY.format("*")))}


def _study(building: Building, chunks: Sequence[bytes], name: str) -> None:
    """Learn: in a child, which has nothing to do with its parent's files."""
    os.closerange(3, 1 << 16)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.nice(19)
    building.learn(events_of(chunks), name)


def _compiled(path: Path, kept: Kept, *, contains: bool) -> list[Compiled]:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - thousands of them
            content = file.read()
    except OSError as error:
        return [_fault(path, str(path), str(error))]
    found = kept.get(content, path)
    if found is None:
        found = _compile(content, path)
        kept.put(content, path, found)
    if not contains:  # a pack is of others: it contains only if the settings name it
        found = [
            msgspec.structs.replace(rule, info=msgspec.structs.replace(rule.info, contain="never")) for rule in found
        ]
    return found


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


def rule_files(folder: Path) -> Iterator[Path]:
    """Yield the rule files below a folder, in order; a file that is named is one."""
    for path, _ in _marked(folder):
        yield path


def _marked(folder: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    """Yield rule files, each with its time and size; hidden ones are none, nor those that have just gone."""
    try:
        if folder.is_file():
            stat = folder.stat()
            yield folder, (stat.st_mtime_ns, stat.st_size)
            return
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        try:
            if entry.is_dir():
                yield from _marked(Path(entry.path))
            elif entry.name.endswith(SUFFIXES) and entry.is_file():
                stat = entry.stat()
                yield Path(entry.path), (stat.st_mtime_ns, stat.st_size)
        except OSError:
            continue
