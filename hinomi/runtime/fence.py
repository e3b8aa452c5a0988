"""A drill's fence: a process that has it reaches nothing but what is named, whatever its settings and libraries say.

It is an audit hook (https://docs.python.org/3/library/audit_events.html): nothing in the process can take it away. Host
names are refused where they are looked up, addresses where they are connected to; sockets of this machine's files are free.
A name that is named stands for the addresses that it had when this process looked it up, at its own port, and for no others.
"""

import errno
import ipaddress
import socket
import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from hinomi.settings import Settings

_TO = ("socket.connect", "socket.sendto", "socket.sendmsg")
_LOOKING_UP = ("socket.getaddrinfo", "socket.gethostbyname")


def fence(settings: Settings) -> None:
    """Put the fence up, if the settings are a drill's."""
    if settings.drill.on:
        _put_up(settings.drill.reach)


@cache
def _put_up(reach: tuple[str, ...]) -> None:
    sys.addaudithook(hook(reach))


def hook(reach: tuple[str, ...]) -> Callable[[str, tuple[Any, ...]], None]:
    """Return the audit hook that refuses whatever is not in ``reach`` (HOST:PORT each)."""
    places = {place_of(one) for one in reach}
    names = {name: {port for host, port in places if host == name} for name, _ in places if not is_address(name)}
    asking = threading.local()

    def look(event: str, args: tuple[Any, ...]) -> None:
        if event in _LOOKING_UP:
            host = _text(args[0])
            if host.lower() in names and not getattr(asking, "now", False):
                asking.now = True  # our own question is an event too
                try:
                    places.update((address, port) for address in _addresses(host) for port in names[host.lower()])
                finally:
                    asking.now = False
            elif host and not is_address(host) and host.lower() not in (*names, "localhost"):
                raise _refusal(host)
        elif event in _TO and isinstance(args[1], tuple) and isinstance(args[1][0], str):
            host, port = args[1][0], args[1][1]
            if (host.partition("%")[0], port) not in places:
                raise _refusal(f"{host}:{port}")

    return look


def _addresses(name: str) -> set[str]:
    """Return what a name stands for now; nothing if that cannot be said: then whoever asks learns the same."""
    try:
        return {str(place[0]).partition("%")[0] for *_, place in socket.getaddrinfo(name, None)}
    except (OSError, UnicodeError):
        return set()


def place_of(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``."""
    parts = urlsplit(f"//{text}")
    return (parts.hostname or "").lower(), parts.port or 0


def is_address(host: str) -> bool:
    """Tell whether a host is an IP address and no name."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _text(host: Any) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")


def _refusal(what: str) -> PermissionError:
    """What libraries take for a server that cannot be reached."""
    return PermissionError(errno.EACCES, f"a drill does not reach {what}")
