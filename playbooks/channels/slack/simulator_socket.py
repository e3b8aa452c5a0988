"""Slack's Socket Mode, simulated: a WebSocket on loopback to which clicks go instead of to an address.

Written from https://docs.slack.dev/apis/events-api/using-socket-mode/ and RFC 6455. A ticket of apps.connections.open opens
one connection; hello; an envelope for each click, which the app has to acknowledge; ``disconnect`` when Slack wants it anew.
"""

import asyncio
import base64
import hashlib
import json
import secrets
from asyncio import StreamReader, StreamWriter
from typing import Any

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
PATIENCE = 3.0
"""Seconds in which a click has to be acknowledged; the member sees a warning after them."""


class Sockets:
    """The open connections of the app."""

    def __init__(self) -> None:
        self.port = 0
        self.opened = 0
        self._tickets: set[str] = set()
        self._open: list[StreamWriter] = []
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def listen(self) -> asyncio.Server:
        """Begin to listen; the caller keeps the server."""
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def ticket(self) -> str:
        """Return an address that can be connected to once."""
        ticket = secrets.token_hex(16)
        self._tickets.add(ticket)
        return f"ws://127.0.0.1:{self.port}/link/?ticket={ticket}&app_id=A1"

    @property
    def connected(self) -> int:
        """How many connections there are."""
        return len(self._open)

    async def deliver(self, payload: dict[str, Any]) -> bool:
        """Send a click over the newest connection; tell whether it was acknowledged in time."""
        if not self._open:
            return False
        envelope = secrets.token_hex(16)
        answered = self._waiting[envelope] = asyncio.get_running_loop().create_future()
        await self._say(
            self._open[-1],
            {"type": "interactive", "envelope_id": envelope, "payload": payload, "accepts_response_payload": True},
        )
        try:
            await asyncio.wait_for(answered, PATIENCE)
        except TimeoutError:
            return False
        finally:
            self._waiting.pop(envelope, None)
        return True

    async def refresh(self) -> None:
        """Ask for new connections, as Slack does every few hours, and close these."""
        for writer in list(self._open):
            await self._say(writer, {"type": "disconnect", "reason": "refresh_requested"})

    def drop(self) -> None:
        """Cut all connections without a word."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _say(self, writer: StreamWriter, message: dict[str, Any]) -> None:
        await _send(writer, TEXT, json.dumps(message).encode())

    async def _converse(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            if await self._let_in(reader, writer):
                self._open.append(writer)
                self.opened += 1
                await self._say(
                    writer, {"type": "hello", "num_connections": len(self._open), "connection_info": {"app_id": "A1"}}
                )
                await self._listen(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            if writer in self._open:
                self._open.remove(writer)
            writer.close()

    async def _let_in(self, reader: StreamReader, writer: StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        ticket = head[0].partition("ticket=")[2].partition("&")[0]
        asked = fields.get("upgrade", "").lower() == "websocket" and fields.get("sec-websocket-version") == "13"
        if not asked or ticket not in self._tickets:
            writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            return False
        self._tickets.remove(ticket)
        digest = hashlib.sha1(fields["sec-websocket-key"].encode() + GUID, usedforsecurity=False).digest()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        return True

    async def _listen(self, reader: StreamReader, writer: StreamWriter) -> None:
        while True:
            kind, data = await _receive(reader)
            if kind == CLOSE:
                return
            if kind == PING:
                await _send(writer, PONG, data)
            answered = self._waiting.get(json.loads(data).get("envelope_id", "")) if kind == TEXT else None
            if answered is not None and not answered.done():
                answered.set_result(None)


async def _send(writer: StreamWriter, kind: int, data: bytes) -> None:
    size = len(data)
    length = (
        bytes([size])
        if size < 126
        else b"\x7e" + size.to_bytes(2, "big")
        if size < 65_536
        else b"\x7f" + size.to_bytes(8, "big")
    )
    writer.write(bytes([0x80 | kind]) + length + data)
    await writer.drain()


async def _receive(reader: StreamReader) -> tuple[int, bytes]:
    first, second = await reader.readexactly(2)
    if not second & 0x80:
        raise EOFError("a client masks what it sends")
    size = second & 0x7F
    if size > 125:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    mask = await reader.readexactly(4)
    data = await reader.readexactly(size)
    return first & 0x0F, bytes(byte ^ mask[n % 4] for n, byte in enumerate(data))
