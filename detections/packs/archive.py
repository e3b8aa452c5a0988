"""What lies in a pack: a folder, a zip or a tar.gz of Sigma files, read within bounds and as a stream.

Nothing is written or followed here: a name that leads outside refuses the whole pack, links are left out and said,
and what unpacks to more than it may, in files, bytes or ratio, is refused before it is unpacked.
"""

import gzip
import io
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from hinomi.errors import ConfigError

PACKED = 32 << 20
MOST_FILES, MOST_BYTES = 50_000, 128 << 20
TAKEN = 64 << 20
MOST_RATIO, SMALL = 100, 1 << 20
"""Bytes out of one packed byte, once more than `SMALL` have come out."""
DEEPEST, LONGEST = 20, 200
SUFFIXES = (".yml", ".yaml")
SAMPLES = ".samples.json"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_PIECE = 1 << 16


@dataclass
class Content:
    """The rule files and samples of a pack by their path in it, and what was left out for being no file."""

    files: dict[str, bytes] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def read(data: bytes, name: str) -> Content:
    """Return what lies in a zip or a tar.gz.

    Raises:
        ConfigError: If it is neither, damaged, too large, or leads outside; names the file in it.
    """
    if len(data) > PACKED:
        raise ConfigError(
            f"larger than {PACKED >> 20} MB", where=name, hint="leave out what is no rule, or make two packs"
        )
    try:
        if data[:2] == b"PK":
            return _gathered(_zipped(data, name), name)
        if data[:2] == b"\x1f\x8b" or data[257:262] == b"ustar":
            return _gathered(_tarred(data, name), name)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, OSError, ValueError, RuntimeError, NotImplementedError) as error:  # fmt: skip
        raise ConfigError(f"damaged: {error}", where=name, hint="pack it again") from error
    raise ConfigError(
        "neither a zip nor a tar.gz", where=name, hint="a pack is a folder, a zip or a tar.gz of Sigma files"
    )


def read_folder(folder: Path) -> Content:
    """Return what lies in a folder; links in it are left out.

    Raises:
        ConfigError: As `read`.
    """
    return _gathered(_walked(folder), str(folder))


def zipped(content: Content) -> bytes:
    """Return a zip of what `read_folder` found, the same bytes for the same files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(content.files):
            archive.writestr(zipfile.ZipInfo(path), content.files[path], zipfile.ZIP_DEFLATED)
    return made.getvalue()


#: (path, an open file or None for what is no file).
_Member = tuple[str, IO[bytes] | None]


def _gathered(members: Iterator[_Member], name: str) -> Content:
    found = Content()
    seen: set[str] = set()
    size = 0
    for count, (path, file) in enumerate(members):
        if count >= MOST_FILES:
            raise ConfigError(f"more than {MOST_FILES} files", where=name, hint="make two packs")
        if file is None:
            found.left_out.append(path)
            continue
        if not _wanted(_inside(path, name)):
            continue
        path = str(PurePosixPath(path))
        if path.casefold() in seen:
            raise ConfigError(f"{path!r} is there twice", where=name, hint="pack it again")
        seen.add(path.casefold())
        content = found.files[path] = _bounded(file, TAKEN - size, name)
        size += len(content)
    if not any(path.endswith(SUFFIXES) for path in found.files):
        raise ConfigError(
            "there is no Sigma file in it (.yml, .yaml)", where=name, hint="name the folder that holds rules"
        )
    return found


def _inside(path: str, name: str) -> PurePosixPath:
    """Return a member's path if it stays where it is unpacked to, on any system."""
    parts = PurePosixPath(path)
    plain = path.isprintable() and "\\" not in path and ":" not in path and path == path.strip()
    if not plain or parts.is_absolute() or ".." in parts.parts or not parts.parts:
        raise ConfigError(
            f"{path[:LONGEST]!r} leads outside the pack, or is no name", where=name, hint="do not trust this pack"
        )
    if len(parts.parts) > DEEPEST or any(len(part.encode()) > LONGEST for part in parts.parts):
        raise ConfigError(f"{path[:LONGEST]!r} is too deep or too long a name", where=name, hint="pack it again")
    return parts


def _wanted(path: PurePosixPath) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and (path.suffix in SUFFIXES or path.name.endswith(SAMPLES))


def _bounded(file: IO[bytes], room: int, name: str) -> bytes:
    content = file.read(room + 1)
    if len(content) > room:
        raise ConfigError(f"its rules unpack to more than {TAKEN >> 20} MB", where=name, hint="make two packs")
    return content


class _Count:
    """Bytes that have come out of one pack."""

    def __init__(self, packed: int, name: str):
        self._packed, self._name = packed, name
        self.count = 0

    def take(self, size: int) -> None:
        """Count bytes.

        Raises:
            ConfigError: If there are too many, or too many for what was packed.
        """
        self.count += size
        if self.count > MOST_BYTES:
            raise ConfigError(
                f"unpacks to more than {MOST_BYTES >> 20} MB", where=self._name, hint="do not trust this pack"
            )
        if self.count > max(SMALL, MOST_RATIO * self._packed):
            raise ConfigError(
                f"unpacks to more than {MOST_RATIO} times its size", where=self._name, hint="do not trust this pack"
            )


class _Counted(io.RawIOBase):
    """What comes out of a packed stream, counted as it comes: a bomb is put down while it is small."""

    def __init__(self, source: IO[bytes], count: _Count):
        super().__init__()
        self._source, self._count = source, count

    def readable(self) -> bool:
        """Say that it is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read a piece, and count it."""
        data = self._source.read(min(len(buffer), _PIECE))
        buffer[: len(data)] = data
        self._count.take(len(data))
        return len(data)


def _counted(source: IO[bytes], count: _Count) -> IO[bytes]:
    return io.BufferedReader(_Counted(source, count), _PIECE)


def _tarred(data: bytes, name: str) -> Iterator[_Member]:
    source: IO[bytes] = io.BytesIO(data)
    if data[:2] == b"\x1f\x8b":
        source = gzip.GzipFile(fileobj=source)  # type: ignore[assignment]  # both are read alike
    with tarfile.open(fileobj=_counted(source, _Count(len(data), name)), mode="r|") as archive:
        for member in archive:
            if member.isdir():
                continue
            yield member.name, archive.extractfile(member) if member.isreg() else None


def _zipped(data: bytes, name: str) -> Iterator[_Member]:
    if data.count(b"PK\x01\x02") > MOST_FILES:  # zipfile lists them all at once
        raise ConfigError(f"more than {MOST_FILES} files", where=name, hint="make two packs")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        count = _Count(len(data), name)
        for member in archive.infolist():
            if member.is_dir():
                continue
            if (member.external_attr >> 16) & 0o170000 not in (0, 0o100000):
                yield member.filename, None
                continue
            if not _wanted(_inside(member.filename, name)):
                yield member.filename, io.BytesIO()
                continue
            if member.flag_bits & 1 or member.compress_type not in _METHODS:
                raise ConfigError(
                    f"{member.filename!r} is encrypted, or packed in an unusual way", where=name, hint="pack it again"
                )
            with archive.open(member) as file:
                yield member.filename, _counted(file, count)


def _walked(folder: Path) -> Iterator[_Member]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in [*folders, *sorted(names)]:
            path = Path(place) / name
            inner = path.relative_to(folder).as_posix()
            if path.is_symlink():
                yield inner, None
            elif path.is_file():
                with path.open("rb") as file:
                    yield inner, file
        folders[:] = [name for name in folders if not (Path(place) / name).is_symlink()]
