"""The shelf in the state store, which is the truth, and its publication as a file for those who do not open that."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import Connection

from hinomi.clock import iso, parse_iso
from hinomi.detections.packs.shelf import FILE, KEPT, Shelf, place, published
from hinomi.errors import ConfigError
from hinomi.state import get_setting, set_setting

KEY = "rule_packs"
_UNUSED = 3600.0
"""Seconds before files that nothing names are deleted: a worker may just be reading them."""


def kept(conn: Connection) -> Shelf:
    """Return the shelf as the state store has it."""
    value = get_setting(conn, KEY)
    return Shelf() if value is None else msgspec.convert(value, Shelf)


def keep(conn: Connection, shelf: Shelf, now: datetime) -> None:
    """Keep the shelf, in the transaction that audits the change."""
    set_setting(conn, KEY, msgspec.to_builtins(shelf), iso(now))


def publish(data: Path, conn: Connection, now: datetime) -> None:
    """Let the file say what the state store says; files of packs that nothing names any more are deleted.

    Called after the commit of a change, and by whoever opens the state store: a change that was committed and not
    published, since the machine stopped between, is so made good.
    """
    if not place(data).is_dir() and not kept(conn).revision:
        return
    place(data).mkdir(mode=0o700, parents=True, exist_ok=True)
    with (place(data) / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shelf = kept(conn)
        try:
            same = published(data) == shelf
        except ConfigError:
            same = False
        if not same:
            _replace(place(data) / FILE, msgspec.json.format(msgspec.json.encode(shelf)))
        for folder in _unused(data, shelf, now):
            shutil.rmtree(folder, ignore_errors=True)


def _replace(file: Path, content: bytes) -> None:
    temporary = file.with_name(f".{file.name}.{os.getpid()}.{time.monotonic_ns()}")
    with temporary.open("wb") as written:
        written.write(content)
        written.flush()
        os.fsync(written.fileno())
    temporary.replace(file)


def _unused(data: Path, shelf: Shelf, now: datetime) -> Iterator[Path]:
    named = {
        pack.digest for pack in shelf.packs.values() if pack.state != "removed" or parse_iso(pack.at) >= now - KEPT
    }
    for folder in place(data).iterdir():
        if folder.is_dir() and folder.name not in named and time.time() - folder.stat().st_mtime > _UNUSED:
            yield folder
