"""What is kept between starts: compiled rules by the content of their file, as data, in a folder only we may read.

msgpack, never pickle or marshal: what is read back can be wrong, and cannot be code.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import msgspec

from hinomi import log
from hinomi.detections.engine.compiling import Compiled, code_version

FILES = 20_000
SETS = 8
_decode = msgspec.msgpack.Decoder(dict[str, list[Compiled]]).decode
_encode = msgspec.msgpack.Encoder().encode


class Kept:
    """Compiled rules by the content of the file they stood in; ``where`` is what follows the file's name."""

    def __init__(self, folder: Path):
        """Read what this version of the code compiled, if anything."""
        self._path = folder / f"compiled-{code_version()}.msgpack"
        self._rules: dict[str, list[Compiled]] = read(self._path, _decode) or {}
        self._changed = False

    def get(self, content: bytes, path: Path) -> list[Compiled] | None:
        """Return the rules of a file with this content, named after ``path``."""
        found = self._rules.get(_key(content))
        return found and [msgspec.structs.replace(rule, where=f"{path}{rule.where}") for rule in found]

    def put(self, content: bytes, path: Path, rules: list[Compiled]) -> None:
        """Keep the rules of a file."""
        if len(self._rules) >= FILES:
            self._rules.clear()
        short = [msgspec.structs.replace(rule, where=rule.where.removeprefix(str(path))) for rule in rules]
        self._rules[_key(content)] = short
        self._changed = True

    def save(self) -> None:
        """Write what is new, and remove what other versions of the code kept."""
        if not self._changed:
            return
        self._changed = False
        write(self._path, _encode(self._rules))
        for old in set(self._path.parent.glob("compiled-*.msgpack")) - {self._path}:
            old.unlink(missing_ok=True)


def _key(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def read(path: Path, decode: Any) -> Any:
    """Return what ``decode`` makes of a file, None if it is not there or not whole."""
    try:
        return decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return None


def write(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all; a cache is only a cache."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        log.get().warning("rules.cache_not_written", error=str(error))


def trim(folder: Path, *patterns: str) -> None:
    """Remove all but the newest files of each pattern: several sets of rules may share a folder, not any number."""
    for pattern in patterns:
        for old in sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)[:-SETS]:
            old.unlink(missing_ok=True)
