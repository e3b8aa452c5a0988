"""Seals: signed (count, head) lines outside the database, so that a cut or rewritten chain is found.

One JSON line a seal in ``<data>/audit/seals.jsonl``, signed with Ed25519 (RFC 8032) by a key of this
installation; the public key lies beside them for an auditor.
"""

import base64
import errno
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from hinomi.audit import Head
from hinomi.clock import iso


class Seal(NamedTuple):
    """One signed head, and whether its signature is good."""

    line: int
    records: int
    hash: str
    at: str
    good: bool


class Seals:
    """The seal file of one data folder."""

    def __init__(self, data: Path):
        """Open (or make, mode 0600) the key in ``data/keys`` and the seals in ``data/audit``."""
        self.path = data / "audit" / "seals.jsonl"
        self._key_path = data / "keys" / "seal.pem"
        self._last: Head | None = None

    def _key(self) -> Ed25519PrivateKey:
        if not self._key_path.exists():
            self._key_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            key = Ed25519PrivateKey.generate()
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            with os.fdopen(os.open(self._key_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(pem)
            public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.with_name("seal.pub.pem").write_bytes(public)
            return key
        loaded = load_pem_private_key(self._key_path.read_bytes(), password=None)
        assert isinstance(loaded, Ed25519PrivateKey)  # noqa: S101 - it is our own file
        return loaded

    def write(self, head: Head, now: datetime) -> bool:
        """Sign and append a head, with fsync; False if it is the one sealed last."""
        if self._last is None and self.path.exists():
            for seal in self.read():
                self._last = Head(seal.records, seal.hash) if seal.good else self._last
        if head == self._last:
            return False
        body: dict[str, Any] = {"count": head.records, "head": head.hash, "at": iso(now)}
        signature = base64.b64encode(self._key().sign(rfc8785.dumps(body))).decode()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _append(self.path, json.dumps({**body, "sig": signature}).encode() + b"\n")
        self._last = head
        return True

    def read(self) -> Iterator[Seal]:
        """Yield the seals in order; one that cannot be read or whose signature fails is not `good`."""
        if not self.path.exists():
            return
        public = self._key().public_key()
        for number, line in enumerate(self.path.read_text().splitlines(), 1):
            try:
                body = json.loads(line)
                signature = base64.b64decode(body.pop("sig"))
                public.verify(signature, rfc8785.dumps(body))
                yield Seal(number, body["count"], body["head"], body["at"], good=True)
            except (ValueError, KeyError, TypeError, InvalidSignature):
                yield Seal(number, 0, "", "", good=False)


def _append(path: Path, line: bytes) -> None:
    """Append a line durably and whole: what a full disk took of it is cut off again."""
    with path.open("ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        try:
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise
