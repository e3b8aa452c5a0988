"""Which packs there are and which of their rules run: a value, kept in the state store, published as a small file.

Workers never open the state store for it: they read ``packs/shelf.json`` in the data folder, replaced whole. A pack's
files lie in ``packs/<hash of its content>/`` and are complete before the shelf names them.
"""

import hashlib
import os
import re as _own_patterns
import shutil
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from hinomi.clock import iso
from hinomi.detections.packs.archive import SUFFIXES
from hinomi.errors import ConfigError, NotFoundError

FILE = "shelf.json"
KEPT = timedelta(days=30)
"""How long a removed pack can be brought back."""
_NAME = _own_patterns.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")


class Pack(msgspec.Struct, frozen=True):
    """One pack, and who put it into its state, when and why."""

    name: str
    digest: str
    files: int
    state: Literal["enabled", "disabled", "removed"]
    by: str
    at: str
    reason: str


class Off(msgspec.Struct, frozen=True):
    """A rule that is switched off by itself."""

    title: str
    by: str
    at: str
    reason: str


class Shelf(msgspec.Struct, frozen=True):
    """All packs by name, and the rules that are off by id."""

    revision: int = 0
    packs: dict[str, Pack] = {}
    off: dict[str, Off] = {}

    def folders(self, data: Path) -> list[Path]:
        """Return the folders of the packs that are on."""
        return [place(data) / pack.digest for pack in self.packs.values() if pack.state == "enabled"]

    def called(self, where: str, data: Path) -> str:
        """Return a file of a pack as ``pack:path`` says it, any other as it is."""
        root = f"{place(data)}{os.sep}"
        if where.startswith(root):
            digest, _, inner = where[len(root) :].partition(os.sep)
            for pack in self.packs.values():
                if pack.digest == digest and pack.state == "enabled":
                    return f"{pack.name}:{inner}"
        return where

    def rests(self, rule: str, where: str, data: Path) -> bool:
        """Tell whether a rule is off, by itself or with its pack."""
        return rule in self.off or (Path(where).is_relative_to(place(data)) and not self.pack_of(where, data))

    def pack_of(self, where: str, data: Path) -> str:
        """Return the name of the pack that a file belongs to, "" for none."""
        named = self.called(where, data)
        return named.partition(":")[0] if named != where else ""

    def added(self, pack: Pack, now: datetime) -> "Shelf":
        """Return the shelf with a pack on it, in place of one of its name; those removed long ago are gone."""
        oldest = iso(now - KEPT)
        kept = {name: other for name, other in self.packs.items() if other.state != "removed" or other.at >= oldest}
        return self._next(packs={**kept, pack.name: pack})

    def switched(
        self, name: str, state: Literal["enabled", "disabled", "removed"], by: str, now: datetime, reason: str
    ) -> "Shelf":
        """Return the shelf with a pack in another state.

        Raises:
            NotFoundError: If there is none of this name.
        """
        pack = self.packs.get(name)
        if pack is None:
            raise NotFoundError(f"no pack is called {name!r}", hint="hinomi rule list --packs")
        return self.added(msgspec.structs.replace(pack, state=state, by=by, at=iso(now), reason=reason), now)

    def with_rule(self, rule: str, off: Off | None) -> "Shelf":
        """Return the shelf with a rule switched off, or (None) on again."""
        rest = {name: other for name, other in self.off.items() if name != rule}
        return self._next(off={**rest, rule: off} if off else rest)

    def _next(self, **changed: Mapping[str, object]) -> "Shelf":
        return msgspec.structs.replace(self, revision=self.revision + 1, **changed)


def name_of(text: str) -> str:
    """Return a pack's name.

    Raises:
        ConfigError: If it is none.
    """
    if not _NAME.fullmatch(text):
        raise ConfigError(f"{text!r} is no name of a pack", hint="--name: lower-case letters, digits, - _ and .")
    return text


def digest_of(files: Mapping[str, bytes]) -> str:
    """Return the hash of a pack's content."""
    mark = hashlib.sha256()
    for path in sorted(files):
        mark.update(f"{path}\0{hashlib.sha256(files[path]).hexdigest()}\n".encode())
    return mark.hexdigest()[:32]


def place(data: Path) -> Path:
    """Return the folder of all packs."""
    return data / "packs"


def unpack(data: Path, files: Mapping[str, bytes]) -> str:
    """Write a pack's files, whole or not at all; return the hash that names their folder."""
    digest = digest_of(files)
    target = place(data) / digest
    if target.is_dir():
        os.utime(target)
        return digest
    place(data).mkdir(mode=0o700, parents=True, exist_ok=True)
    making = place(data) / f".{digest}.{os.getpid()}.{time.monotonic_ns()}"
    try:
        write(making, files)
        os.sync()
        making.rename(target)
    except FileExistsError:  # somebody else was faster
        pass
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return digest


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a new folder; their paths were looked at by `archive`."""
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o600)


def rules_in(files: Mapping[str, bytes]) -> int:
    """Return how many of the files are Sigma's."""
    return sum(path.endswith(SUFFIXES) for path in files)


def published(data: Path) -> Shelf:
    """Return the shelf as workers see it.

    Raises:
        ConfigError: If the file is damaged.
    """
    file = place(data) / FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=Shelf)
    except FileNotFoundError:
        return Shelf()
    except msgspec.DecodeError as error:
        raise ConfigError(f"damaged: {error}", where=file, hint="any hinomi command writes it again") from error
