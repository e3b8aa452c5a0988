"""Listening sockets that fill an inbox: UDP, TCP and TLS, bounded against slow, silent and lying senders.

Connections are counted from the moment they are accepted (a TLS handshake holds a place too). When all places are
taken, one that never brought a message gives way; one that did is never cut off for a newcomer. A process that may open
no more files has no more places either.
"""

import asyncio
import os
import resource
import socket
import ssl
import sys
import time
from asyncio import Event as Stop
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any

from hinomi import log
from hinomi.collectors.framings.syslog import Syslog
from hinomi.collectors.inbox import Inbox
from hinomi.collectors.related import as_ip

CHUNK = 32_768
BACKLOG = 512
AT_ONCE, REST = 8, 0.005
"""Connections taken before others have their turn, and the seconds between two when all places are taken."""
HANDSHAKE = 10.0
"""Seconds that a sender has for TLS."""
RETRY = 5.0
SAYS = 10.0
"""A complaint is made once in so many seconds, with how often it had reason."""
SPARE = 256
"""Open files that connections leave to the rest of their process: to its spools above all."""
DATAGRAMS = 512
LARGEST = 65_535
Networks = Sequence[IPv4Network | IPv6Network]


@dataclass
class Complaints:
    """Log lines that a sender can cause: few, however many it causes."""

    source: str
    _last: dict[str, float] = field(default_factory=dict)
    _count: dict[str, int] = field(default_factory=dict)

    def say(self, name: str, **fields: Any) -> None:
        """Log it, or count it for the next time."""
        count = self._count[name] = self._count.get(name, 0) + 1
        if time.monotonic() - self._last.get(name, -SAYS) >= SAYS:
            self._last[name], self._count[name] = time.monotonic(), 0
            log.get().warning(name, source=self.source, count=count, **fields)


def allowed(address: str, networks: Networks) -> bool:
    """Say whether an address may send; without networks, any may."""
    return not networks or any(ip_address(address.partition("%")[0]) in network for network in networks)


async def bind(address: tuple[str, int], kind: socket.SocketKind, source: str, stop: Stop) -> socket.socket | None:
    """Return a bound socket that does not block; tries until ``stop`` (then None), saying why it cannot."""
    while not stop.is_set():
        try:
            return _bound(address, kind)
        except OSError as error:
            hint = {13: "a port below 1024 needs CAP_NET_BIND_SERVICE", 98: "another program listens there"}
            log.get().error(
                "syslog.not_listening", source=source, listen=f"{address[0]}:{address[1]}", error=error.strerror or str(error),
                hint=hint.get(error.errno or 0, "mend listen"), again_in=RETRY,
            )  # fmt: skip
        try:
            async with asyncio.timeout(RETRY):
                await stop.wait()
        except TimeoutError:
            pass
    return None


def _bound(address: tuple[str, int], kind: socket.SocketKind) -> socket.socket:
    family, _, _, _, place = socket.getaddrinfo(*address, type=kind, flags=socket.AI_PASSIVE)[0]
    made = socket.socket(family, kind)
    try:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if kind is socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        made.bind(place)
        if kind is socket.SOCK_STREAM:
            made.listen(BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


@dataclass
class Talk:
    """One connection."""

    connection: socket.socket
    began: bool = False
    spoke: bool = False
    """Whether it has brought a message."""


@dataclass
class StreamDoor:
    """TCP or TLS."""

    source: str
    address: tuple[str, int]
    inbox: Inbox
    allow: Networks
    tls: ssl.SSLContext | None
    longest: int
    most: int
    idle: float

    def __post_init__(self) -> None:
        self._complaints = Complaints(self.source)
        self._open: dict[asyncio.Task[None], Talk] = {}
        self._resting: asyncio.TimerHandle | None = None
        self._highest = highest_file()

    async def serve(self, stop: Stop) -> None:
        """Receive until ``stop``; then what came whole, and what is torn, is in the inbox."""
        listener = await bind(self.address, socket.SOCK_STREAM, self.source, stop)
        if listener is None:
            return
        if self.most > self._highest:
            log.get().warning(
                "syslog.few_files", source=self.source, max_connections=self.most, open_files=self._highest + SPARE,
                hint="let the process open more files (LimitNOFILE, ulimit -n -H), or lower max_connections",
            )  # fmt: skip
        loop = asyncio.get_running_loop()
        with listener:
            loop.add_reader(listener, self._accept, listener)
            try:
                await stop.wait()
            finally:
                if self._resting is not None:
                    self._resting.cancel()
                loop.remove_reader(listener)
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, place = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # gone again, or no more file descriptors: it stays in the queue
                self._complaints.say("syslog.not_accepted", error=error.strerror)
                return self._rest(listener)
            connection.setblocking(False)
            full = len(self._open) >= self.most or connection.fileno() >= self._highest
            self._welcome(connection, as_ip(place[0]) or place[0], full=full)
            if full or len(self._open) >= self.most:
                return self._rest(listener)

    def _rest(self, listener: socket.socket) -> None:
        """Let newcomers wait in the system's queue for a moment: a storm of them is not to delay those who speak."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        self._resting = loop.call_later(REST, loop.add_reader, listener, self._accept, listener)

    def _welcome(self, connection: socket.socket, sender: str, *, full: bool) -> None:
        if not allowed(sender, self.allow):
            self._complaints.say("syslog.not_allowed", sender=sender)
            connection.close()
        elif full and not self._make_room():
            self._complaints.say("syslog.too_many", sender=sender, connections=len(self._open))
            connection.close()
        else:
            talk = Talk(connection)
            task = asyncio.create_task(self._converse(talk, sender))
            self._open[task] = talk
            task.add_done_callback(partial(self._ended, talk))

    def _ended(self, talk: Talk, task: asyncio.Task[None]) -> None:
        self._open.pop(task, None)
        if not talk.began:
            talk.connection.close()
        if not task.cancelled() and (error := task.exception()):
            log.get().error("syslog.connection_failed", source=self.source, exc_info=error)

    def _make_room(self) -> bool:
        silent = next((task for task, talk in self._open.items() if not talk.spoke), None)
        if silent is None:
            return False
        self._complaints.say("syslog.silent_closed", connections=len(self._open))
        self._open.pop(silent)
        silent.cancel()
        return True

    async def _converse(self, talk: Talk, sender: str) -> None:
        talk.began = True  # from here on its transport closes the socket
        _keep_alive(talk.connection)
        reader = asyncio.StreamReader(limit=CHUNK)
        try:
            transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                lambda: asyncio.StreamReaderProtocol(reader), talk.connection, ssl=self.tls,
                ssl_handshake_timeout=HANDSHAKE if self.tls else None,
            )  # fmt: skip
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            self._complaints.say(
                "syslog.no_handshake", sender=sender, error=getattr(error, "reason", None) or str(error)
            )
            return
        framing = Syslog(longest=self.longest)
        try:
            await self._read(reader, framing, talk, sender)
        finally:
            for cut in framing.finish():
                self.inbox.keep(sender, cut.raw)
            transport.abort()

    async def _read(self, reader: asyncio.StreamReader, framing: Syslog, talk: Talk, sender: str) -> None:
        """Read to the end; who sends nothing whole for ``idle`` seconds is let go."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.idle
        while True:
            try:
                async with asyncio.timeout_at(until):
                    data = await reader.read(CHUNK)
            except TimeoutError:
                return self._complaints.say("syslog.idle_closed", sender=sender)
            except OSError:
                return None
            if not data:
                return None
            if cuts := framing.feed(data):
                talk.spoke = True
                await self.inbox.put(sender, (cut.raw for cut in cuts))
                until = loop.time() + self.idle


def highest_file() -> int:
    """Return the number of an open file from which on a connection would take what the process needs itself."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if limit == resource.RLIM_INFINITY else max(limit - SPARE, limit // 2)


def _keep_alive(connection: socket.socket) -> None:
    """Let the system find out, in two minutes, that a sender is no longer there."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 6)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


@dataclass
class DatagramDoor:
    """UDP. What there is no room for is lost, and counted: what the kernel had to drop, too."""

    source: str
    address: tuple[str, int]
    inbox: Inbox
    allow: Networks
    dropped: Callable[[int], None]

    def __post_init__(self) -> None:
        self._complaints = Complaints(self.source)

    async def serve(self, stop: Stop) -> None:
        """Receive until ``stop``."""
        listener = await bind(self.address, socket.SOCK_DGRAM, self.source, stop)
        if listener is None:
            return
        loop, seen = asyncio.get_running_loop(), 0
        with listener:
            loop.add_reader(listener, self._drain, listener)
            try:
                while not stop.is_set():
                    try:
                        async with asyncio.timeout(1.0):
                            await stop.wait()
                    except TimeoutError:
                        pass
                    if (lost := kernel_drops(listener)) > seen:
                        self._lost(lost - seen)
                        seen = lost
            finally:
                loop.remove_reader(listener)

    def _drain(self, listener: socket.socket) -> None:
        for _ in range(DATAGRAMS):
            try:
                raw, place = listener.recvfrom(LARGEST)
            except BlockingIOError:
                return
            except OSError as error:
                return self._complaints.say("syslog.not_read", error=error.strerror)
            sender = as_ip(place[0]) or place[0]
            if not allowed(sender, self.allow):
                self._complaints.say("syslog.not_allowed", sender=sender)
            elif (raw := raw.rstrip(b"\r\n")) and not self.inbox.offer(sender, raw):
                self._lost(1)

    def _lost(self, count: int) -> None:
        self.dropped(count)
        self._complaints.say("syslog.dropped")


def kernel_drops(listener: socket.socket) -> int:
    """Return how many datagrams Linux had no room for at this socket; 0 where that cannot be known."""
    inode = str(os.fstat(listener.fileno()).st_ino)
    try:
        lines = (
            Path("/proc/net/udp6" if listener.family == socket.AF_INET6 else "/proc/net/udp").read_text().splitlines()
        )
    except OSError:
        return 0
    found: Iterable[list[str]] = (line.split() for line in lines[1:])
    return next((int(words[-1]) for words in found if len(words) > 9 and words[9] == inode), 0)
