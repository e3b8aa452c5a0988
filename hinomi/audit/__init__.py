"""The audit chain: every act, decision, sent message, log-in, change and export, in one hash chain.

A record is canonical JSON (RFC 8785); its hash is SHA-256 over the previous hash and the record's
bytes. A signed (count, head) is kept outside the database, so a cut tail is found too
(`hinomi.audit.seals`); `hinomi.audit.verify` names the first record that is not as it was written.
"""

import hashlib
from datetime import datetime
from typing import Any, NamedTuple

import rfc8785
from sqlalchemy import Connection, desc, insert, select

from hinomi.clock import iso
from hinomi.state import t

_HEAD = select(t.audit.c.seq, t.audit.c.hash).order_by(desc(t.audit.c.seq)).limit(1)
_ADD = insert(t.audit)
GENESIS = hashlib.sha256(b"hinomi audit chain 1").hexdigest()


class Head(NamedTuple):
    """How many records there are, and the hash of the last."""

    records: int
    hash: str


def link(previous: str, record: str) -> str:
    """Return the hash of a record that follows ``previous``."""
    return hashlib.sha256(bytes.fromhex(previous) + record.encode()).hexdigest()


def head(conn: Connection) -> Head:
    """Return the chain's head."""
    row = conn.execute(_HEAD).first()
    return Head(row.seq, row.hash) if row else Head(0, GENESIS)


def record(
    conn: Connection,
    now: datetime,
    *,
    actor: str,
    act: str,
    object: str = "",
    tenant: str = "",
    detail: dict[str, Any] | None = None,
) -> Head:
    """Append one record in the caller's write transaction; return the new head.

    ``act`` is ``noun.verb`` (``host.isolate``, ``key.create``, ``events.search``); ``object`` names what
    it was done to (``incident:…``, ``host:…``); ``detail`` is plain JSON data, integers within 53 bits.
    """
    last = head(conn)
    seq = last.records + 1
    body: dict[str, Any] = {
        "seq": seq, "at": iso(now), "actor": actor, "act": act, "object": object, "tenant": tenant,
        "detail": detail or {},
    }  # fmt: skip
    text = rfc8785.dumps(body).decode()
    digest = link(last.hash, text)
    conn.execute(_ADD, {"seq": seq, "record": text, "hash": digest})
    return Head(seq, digest)
