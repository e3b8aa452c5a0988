"""HTTP ingest: ``POST /v1/events/{source}``, NDJSON, gzip or zstd, a key of scope ingest.

One listener in the receiver serves all sources of this kind. 2xx means durable. A sender that names its
batch (``Hinomi-Batch``) may send it again: it is remembered for 72 hours.
"""

import asyncio
import gzip
import hashlib
import io
import json
import time
import zlib
from asyncio import Event as Stop
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import zstandard
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from hinomi import log
from hinomi.clock import iso
from hinomi.collectors.sources import Batch, Sink, SourceContext, sources
from hinomi.errors import FullError
from hinomi.settings import Settings
from hinomi.state import State, t
from hinomi.tenancy import within

REMEMBER = 72 * 3600
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
INLINE = 64 << 10
FREE = 1 << 20
"""Bytes that any body may unpack to, however tightly it is packed."""
STEP = 256
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Refused(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, title: str, hint: str, **headers: str):
        super().__init__(title)
        self.status, self.title, self.hint, self.headers = status, title, hint, headers


@sources.register("http")
class HttpSource:
    """Lends its sink to the listener while it runs."""

    def __init__(self, context: SourceContext):
        self.name = context.name
        self.tenant = context.settings.tenant
        self.sink: Sink | None = None

    async def run(self, sink: Sink, stop: Stop) -> None:
        """Be there until ``stop``."""
        self.sink = sink
        await stop.wait()
        self.sink = None


class Keys:
    """Ingest keys from the state store, cached for 5 s; the last known ones are kept while it is away."""

    def __init__(self, state: State, fresh: float = 5.0):
        self._state, self._fresh, self._read_at = state, fresh, -1e9
        self._known: dict[str, Any] = {}
        self._away = False

    def allows(self, secret: str, source: HttpSource, now: str) -> None:
        """Return if the key may send for the source.

        Raises:
            Refused: 401 or 403; 503 for a key that may be one, but cannot be looked up now.
        """
        self._refresh()
        row = self._known.get(hashlib.sha256(secret.encode()).hexdigest())
        if row is None and self._away:
            raise Refused(
                503, "keys cannot be looked up now", "send it again: nothing was taken", **{"retry-after": "5"}
            )
        if row is None or row.revoked_at or (row.expires_at and row.expires_at <= now):
            raise Refused(
                401,
                "this key is not known, was revoked, or has ended",
                "hinomi key create --scope ingest --source NAME",
            )
        in_tenant = within(source.tenant, row.tenant)
        if "ingest" not in row.scopes or not in_tenant or (row.sources is not None and source.name not in row.sources):
            raise Refused(
                403, f"this key may not send for {source.name}", "hinomi key create --scope ingest --source NAME"
            )

    def _refresh(self) -> None:
        if time.monotonic() - self._read_at < self._fresh:
            return
        self._read_at = time.monotonic()
        try:
            with self._state.read() as conn:
                self._known = {row.hash: row for row in conn.execute(select(t.api_key))}
            self._away = False
        except SQLAlchemyError as error:
            self._away = True
            log.get().error("ingest.keys_away", error=str(error))


class IngestApp:
    """The ASGI application of the listener."""

    def __init__(self, settings: Settings, state: State, doors: dict[str, HttpSource], now: Callable[[], Any]):
        self._limits = settings.ingest
        self._keys = Keys(state)
        self._doors = doors
        self._now = now
        self._under_way: dict[tuple[str, str], asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            body = await self._answer(scope, receive)
            await _send(send, 200, body)
        except Refused as refused:
            problem = {"type": "about:blank", "status": refused.status, "title": refused.title, "hint": refused.hint}
            await _send(send, refused.status, problem, "application/problem+json", refused.headers)

    async def _answer(self, scope: Scope, receive: Receive) -> dict[str, int]:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        source = self._door(scope["method"], scope["path"])
        kind, _, secret = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not secret:
            raise Refused(401, "a key is needed", "send Authorization: Bearer <key>")
        self._keys.allows(secret.strip(), source, iso(self._now()))
        sink = source.sink
        if sink is None:
            raise Refused(503, "this source is not ready", "send again", **{"retry-after": "1"})
        batch = headers.get("hinomi-batch", "")
        if len(batch) > 200:
            raise Refused(400, "Hinomi-Batch is longer than 200 characters", "a UUID will do")
        body = await self._body(headers, receive)
        async with self._alone(source.name, batch):
            if batch and (known := sink.state(f"batch/{batch}")):
                return {"duplicate": json.loads(known)["n"]}
            return await self._keep(sink, batch, body, backfill=headers.get("hinomi-backfill", "").lower() == "true")

    @asynccontextmanager
    async def _alone(self, source: str, batch: str) -> AsyncIterator[None]:
        """Let a batch that is sent again while it is under way wait for what becomes of it."""
        while batch and (other := self._under_way.get((source, batch))):
            await other.wait()
        ended = self._under_way[source, batch] = asyncio.Event()
        try:
            yield
        finally:
            if self._under_way.get((source, batch)) is ended:
                del self._under_way[source, batch]
            ended.set()

    def _door(self, method: str, path: str) -> HttpSource:
        prefix = "/v1/events/"
        if not path.startswith(prefix) or path[len(prefix) :] not in self._doors:
            raise Refused(404, "no such source", "POST /v1/events/{source}; sources of kind http are in hinomi.toml")
        if method != "POST":
            raise Refused(405, f"{method} is not taken here", "POST NDJSON", allow="POST")
        return self._doors[path[len(prefix) :]]

    async def _keep(self, sink: Sink, batch: str, body: bytes, *, backfill: bool) -> dict[str, int]:
        identity = batch or hashlib.blake2b(body + str(time.time_ns()).encode(), digest_size=12).hexdigest()
        lines = [line.removesuffix(b"\r") for line in body.split(b"\n")]
        records = [(f"{identity}:{index}", line) for index, line in enumerate(lines) if line.strip()]
        state: dict[str, bytes | None] = {}
        if batch:
            state[f"batch/{batch}"] = json.dumps({"n": len(records), "at": int(time.time())}).encode()
        if not records:
            return {"accepted": 0}
        try:
            await sink.put(Batch(records, state, backfill=backfill), wait=False)
        except FullError as error:
            raise Refused(429, str(error), "send again later", **{"retry-after": "5"}) from error
        return {"accepted": len(records)}

    async def _body(self, headers: dict[str, str], receive: Receive) -> bytes:
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in UNPACK:
            raise Refused(415, f"content-encoding {encoding!r} is not known", "gzip, zstd or none")
        packed, most, more = bytearray(), self._limits.max_body, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "the connection ended before the body", "send again")
            packed += message.get("body", b"")
            more = message.get("more_body", False)
            if len(packed) > most:
                raise Refused(413, f"more than {most} bytes", "send smaller batches")
        unpack = UNPACK[encoding]
        if unpack is not None and len(packed) > INLINE:
            body = await asyncio.to_thread(self._unpack, unpack, bytes(packed))
        else:
            body = self._unpack(unpack, bytes(packed)) if unpack else bytes(packed)
        if body.startswith((GZIP, ZSTD)):
            raise Refused(415, "the body is still packed", "pack once, and say how in Content-Encoding")
        return body

    def _unpack(self, unpack: Callable[[bytes], Iterator[bytes]], packed: bytes) -> bytes:
        most = min(self._limits.max_body, max(len(packed) * self._limits.max_ratio, FREE))
        body = bytearray()
        try:
            for piece in unpack(packed):
                body += piece
                if len(body) > self._limits.max_body:
                    raise Refused(413, f"more than {self._limits.max_body} bytes", "send smaller batches")
                if len(body) > most:
                    raise Refused(413, "compressed too tightly to be logs", "send it uncompressed")
        except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
            raise Refused(400, f"it cannot be unpacked: {error}", "send it again, or uncompressed") from error
        return bytes(body)


def _gunzip(packed: bytes) -> Iterator[bytes]:
    """Yield what all members of a gzip file hold (RFC 1952: there may be several)."""
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
        while piece := file.read(1 << 20):
            yield piece


def _unzstd(packed: bytes) -> Iterator[bytes]:
    """Yield what all frames hold, never more at once than `STEP` packed bytes can become."""
    left = packed
    while left:
        frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        at = 0
        while at < len(left) and not frame.eof:
            yield frame.decompress(left[at : at + STEP])
            at += STEP
        if not frame.eof:
            raise EOFError("it ends in the middle")
        left = frame.unused_data + left[at:]


UNPACK: dict[str, Callable[[bytes], Iterator[bytes]] | None] = {
    "": None, "identity": None, "gzip": _gunzip, "x-gzip": _gunzip, "zstd": _unzstd,
}  # fmt: skip


async def _send(
    send: Send, status: int, body: dict[str, Any], kind: str = "application/json", headers: dict[str, str] | None = None
) -> None:
    content = json.dumps(body).encode()
    pairs = [(b"content-type", kind.encode()), (b"content-length", str(len(content)).encode())]
    pairs += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": content})
