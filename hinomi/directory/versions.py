"""Versions of the directory in the state: written once, read by their number."""

import hashlib
from datetime import datetime

import msgspec
from sqlalchemy import Connection, bindparam, desc, insert, select

from hinomi import audit
from hinomi.clock import iso
from hinomi.directory import Directory
from hinomi.state import t

_loaded: dict[tuple[str, int], Directory] = {}
_KNOWN = select(t.directory_version.c.version, t.directory_version.c.sha256)
_NEWEST = _KNOWN.order_by(desc(t.directory_version.c.version)).limit(1)
_ONE = _KNOWN.where(t.directory_version.c.version == bindparam("asked"))
#: Made once, at import: threads that make msgspec build the same type at the same time may crash it.
_decode = msgspec.msgpack.Decoder(Directory).decode


def save(conn: Connection, directory: Directory, actor: str, now: datetime) -> int:
    """Keep a new version; return its number (the last one's, if nothing differs)."""
    body = msgspec.msgpack.encode(msgspec.structs.replace(directory, version=0))
    digest = hashlib.sha256(body).hexdigest()
    last = conn.execute(select(t.directory_version).order_by(t.directory_version.c.version.desc()).limit(1)).first()
    if last is not None and last.sha256 == digest:
        return int(last.version)
    row = {"imported_at": iso(now), "imported_by": actor, "sha256": digest, "body": body}
    made = conn.execute(insert(t.directory_version).values(**row)).inserted_primary_key
    version = int(made[0]) if made else 0
    detail = {"version": version, "sha256": digest, "people": len(directory.people), "devices": len(directory.devices)}
    audit.record(conn, now, actor=actor, act="directory.import", object=f"directory:{version}", detail=detail)
    return version


def load(conn: Connection, version: int | None = None) -> Directory:
    """Return a version (None: the newest); version 0, empty, if there is none yet."""
    if version == 0:
        return Directory()
    found = conn.execute(_NEWEST).first() if version is None else conn.execute(_ONE, {"asked": version}).one()
    if found is None:
        return Directory()
    version, digest = found
    if (digest, version) not in _loaded:
        body = conn.execute(
            select(t.directory_version.c.body).where(t.directory_version.c.version == version)
        ).scalar_one()
        directory = _decode(body)
        directory.version = version
        while len(_loaded) > 4:
            _loaded.pop(next(iter(_loaded)))
        _loaded[digest, version] = directory
    return _loaded[digest, version]
