"""Seals: signed (count, head) lines outside the database, so that a cut or rewritten chain is found.

One JSON line a seal in ``<data>/audit/seals.jsonl``, signed with Ed25519 (RFC 8032) by a key of this
installation; the public key lies beside them for an auditor. Seals are numbered and each holds the hash of
the one before it; a copy of the last lies beside the key, so that a file that was cut, emptied or put back
is found by whoever cannot write there too.
"""

import base64
import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from hinomi.audit import Head
from hinomi.clock import iso

FIRST = hashlib.sha256(b"hinomi audit seals 1").hexdigest()
_TAIL = 8192
"""Bytes that surely hold the last line."""


class Seal(NamedTuple):
    """One signed head. ``line`` is where it stands, ``fault`` what is wrong with it (nothing: it is as it was signed)."""

    line: int
    number: int
    records: int
    hash: str
    at: str
    fault: str = ""


class Seals:
    """The seal file of one data folder."""

    def __init__(self, data: Path):
        """Name the key in ``data/keys`` and the seals in ``data/audit``; the first `write` makes both."""
        self.path = data / "audit" / "seals.jsonl"
        self._public_path = self.path.with_name("seal.pub.pem")
        self._key_path = data / "keys" / "seal.pem"
        self._last_path = data / "keys" / "seal.last"
        self._written: Head | None = None

    # --- writing ---------------------------------------------------------------------------------

    def write(self, head: Head, now: datetime) -> bool:
        """Sign and append a head, with fsync; False if it is the one sealed last."""
        if head == self._written:
            return False
        with self._file() as file:
            last = self._newest(file)
            if last and Head(last["count"], last["head"]) == head:
                self._written = head
                return False
            body: dict[str, Any] = {
                "n": last["n"] + 1 if last else 1, "prev": _digest(last) if last else FIRST,
                "count": head.records, "head": head.hash, "at": iso(now),
            }  # fmt: skip
            body["sig"] = base64.b64encode(self._key().sign(rfc8785.dumps(body))).decode()
            line = json.dumps(body).encode() + b"\n"
            _append(file, line)
            self._keep(line)
        self._written = head
        return True

    @contextmanager
    def _file(self) -> Iterator[BinaryIO]:
        """Open the seals for one writer at a time, at their end; what a crash tore off is cut away."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            tail = _tail(file)
            if tail and not tail.endswith(b"\n"):
                file.truncate(file.tell() - len(tail) + tail.rfind(b"\n") + 1)
            yield file

    def _newest(self, file: BinaryIO) -> dict[str, Any] | None:
        """Return the newest seal that is known: the file's last, or the copy beside the key if that is newer."""
        lines = _tail(file).splitlines()
        known = [body for raw in (*lines[-1:], self._copy()) if (body := _body(raw))]
        return max(known, key=lambda body: int(body["n"]), default=None)

    def _keep(self, line: bytes) -> None:
        temporary = self._last_path.with_name(f".{self._last_path.name}.{os.getpid()}")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._last_path)

    def _copy(self) -> bytes:
        return self._last_path.read_bytes() if self._last_path.exists() else b""

    def _key(self) -> Ed25519PrivateKey:
        if not self._key_path.exists():
            self._key_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            key = Ed25519PrivateKey.generate()
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            with os.fdopen(os.open(self._key_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(pem)
            public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            self._public_path.write_bytes(public)
            return key
        loaded = load_pem_private_key(self._key_path.read_bytes(), password=None)
        assert isinstance(loaded, Ed25519PrivateKey)  # noqa: S101 - it is our own file
        return loaded

    # --- reading ---------------------------------------------------------------------------------

    def read(self) -> Iterator[Seal]:
        """Yield the seals in order, each with what is wrong with it."""
        public = self._public()
        number, digest = 0, FIRST  # of the one before; no hash: it is not known what stood there
        for line, raw in enumerate(self.path.read_bytes().splitlines() if self.path.exists() else (), 1):
            body = _body(raw)
            if body is None or not _signed(body, public):
                yield Seal(line, 0, 0, "", "", "is not as it was signed")
                number, digest = number + 1, ""
                continue
            fault = ""
            if body["n"] != number + 1:
                fault = f"is seal {body['n']}, where {number + 1} is due"
            elif digest and body["prev"] != digest:
                fault = "does not follow the one before it"
            number, digest = body["n"], _digest(body)
            yield Seal(line, number, body["count"], body["head"], body["at"], fault)

    def last(self) -> Seal | None:
        """Return the copy beside the key; None if there is none that holds."""
        body = _body(self._copy())
        if body is None or not _signed(body, self._public()):
            return None
        return Seal(0, body["n"], body["count"], body["head"], body["at"])

    def _public(self) -> Ed25519PublicKey | None:
        """Return the key that seals are held against: the private one's, else (an auditor's copy) the public file's."""
        try:
            if self._key_path.exists():
                return self._key().public_key()
            loaded = load_pem_public_key(self._public_path.read_bytes())
            return loaded if isinstance(loaded, Ed25519PublicKey) else None
        except (OSError, ValueError):
            return None


def _append(file: BinaryIO, line: bytes) -> None:
    """Append a line durably and whole: what a full disk took of it is cut off again."""
    size = file.seek(0, os.SEEK_END)
    try:
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())
    except OSError:
        file.truncate(size)
        raise


def _tail(file: BinaryIO) -> bytes:
    end = file.seek(0, os.SEEK_END)
    file.seek(max(end - _TAIL, 0))
    return file.read()


def _body(raw: bytes) -> dict[str, Any] | None:
    """Return what a line says, if it has the shape of a seal."""
    try:
        body = json.loads(raw)
        numbers = body["n"], body["count"]
        texts = body["prev"], body["head"], body["at"], body["sig"]
    except (ValueError, KeyError, TypeError):
        return None
    fits = all(type(number) is int for number in numbers) and all(type(text) is str for text in texts)
    return body if fits else None


def _signed(body: dict[str, Any], public: Ed25519PublicKey | None) -> bool:
    said = {name: value for name, value in body.items() if name != "sig"}
    try:
        if public is None:
            return False
        public.verify(base64.b64decode(body["sig"]), rfc8785.dumps(said))
    except (ValueError, InvalidSignature):
        return False
    return True


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(rfc8785.dumps(body)).hexdigest()
