"""Rule folders to a rule set: shipped, of other packages, of the settings; watched for changes.

Compiled rules are kept as data (msgpack), keyed by content, in a folder only we may read: a second
start does not import pySigma. Reading files and compiling one rule never stops at a fault of another.
"""

import time
from collections.abc import Iterator
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

import msgspec

from hinomi import log
from hinomi.clock import JST
from hinomi.detections import RuleFault, packaged_folders
from hinomi.detections.engine.compiling import Compiled, code_version, compile_rule, key_of
from hinomi.detections.engine.preparing import prepare
from hinomi.detections.engine.ruleset import SimpleRuleSet, make
from hinomi.detections.engine.safe_yaml import load_all
from hinomi.errors import ConfigError
from hinomi.hits import RuleInfo
from hinomi.settings import Settings

_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(dict[str, Compiled]).decode
SUFFIXES = (".yml", ".yaml")


class RuleFolders:
    """The `Rules` of settings: `current()` looks at the folders now and then."""

    def __init__(self, settings: Settings):
        """Load everything once."""
        self._settings = settings
        self._cache_path = settings.data / "cache" / "rules" / f"compiled-{code_version()}.msgpack"
        self._cache = self._read_cache()
        self._files: dict[Path, tuple[tuple[int, int], list[Compiled]]] = {}
        self._looked = 0.0
        self._day: date | None = None
        self._set: SimpleRuleSet | None = None
        self.current()

    def folders(self) -> list[Path]:
        """Return every folder that is looked into."""
        return [*self._packaged, *(self._settings.resolve(folder) for folder in self._settings.rules.folders)]

    @cached_property
    def _packaged(self) -> list[Path]:
        """The shipped folder and those of other packages: they do not change while this runs."""
        return packaged_folders(self._settings)

    def current(self) -> SimpleRuleSet:
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
            self._set = make(generation, compiled, self._settings.rules.contain)
            log.get().info(
                "rules.loaded", generation=generation, rules=len(self._set.rules), faults=len(self._set.faults)
            )
            for fault in self._set.faults[:20]:
                log.get().warning("rules.fault", rule=fault.rule, where=fault.where, reason=fault.reason)
        return self._set

    def _refresh(self) -> bool:
        seen: dict[Path, tuple[int, int]] = {}
        for folder in self.folders():
            for path in _rule_files(folder):
                stat = path.stat()
                seen[path] = (stat.st_mtime_ns, stat.st_size)
        gone = [path for path in self._files if path not in seen]
        fresh = [path for path, mark in seen.items() if self._files.get(path, (None,))[0] != mark]
        for path in gone:
            del self._files[path]
        before = len(self._cache)
        for path in fresh:
            self._files[path] = (seen[path], self._compile(path))
        if len(self._cache) != before:
            self._write_cache()
        return bool(gone or fresh)

    def _compile(self, path: Path) -> list[Compiled]:
        try:
            documents = load_all(path.read_bytes(), path)
        except (ConfigError, OSError) as error:
            where = str(getattr(error, "where", None) or path)
            return [
                Compiled(
                    RuleInfo(id=path.stem, title=path.stem, level="medium", hash=""),
                    where,
                    fault=getattr(error, "message", str(error)),
                )
            ]
        made = []
        for document in documents:
            if not isinstance(document, dict):
                info = RuleInfo(id=path.stem, title=path.stem, level="medium", hash="")
                made.append(Compiled(info, str(path), fault="not a rule: a mapping is expected"))
                continue
            source = document.get("logsource")
            key = key_of(document, str(source.get("product")) if isinstance(source, dict) else None)
            if key not in self._cache:
                self._cache[key] = compile_rule(document, str(path))
            made.append(msgspec.structs.replace(self._cache[key], where=str(path)))
        return made

    def _read_cache(self) -> dict[str, Compiled]:
        try:
            return _decode(self._cache_path.read_bytes())
        except (OSError, msgspec.DecodeError):
            return {}

    def _write_cache(self) -> None:
        try:
            self._cache_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = self._cache_path.with_suffix(f".{time.monotonic_ns()}")
            temporary.write_bytes(_encode(self._cache))
            temporary.replace(self._cache_path)
            for old in set(self._cache_path.parent.glob("*.msgpack")) - {self._cache_path}:
                old.unlink(missing_ok=True)
        except OSError as error:  # a cache is only a cache
            log.get().warning("rules.cache_not_written", error=str(error))

    @property
    def file_faults(self) -> list[RuleFault]:
        """Return the faults of files that hold no rule at all."""
        return [RuleFault(r.info.id, r.where, r.fault) for _, rules in self._files.values() for r in rules if r.fault]


def _rule_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if (
            path.suffix in SUFFIXES
            and path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        ):
            yield path
