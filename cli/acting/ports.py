"""Ports of loopback for a play's processes, which bind them a moment later."""

import secrets
import socket
from pathlib import Path

from hinomi.errors import HinomiError

FIRST = 12_000
_GIVEN = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""From where on the kernel gives ports to connections that go out (ip(7)): one of them could have ours before it is bound."""


def free_port(*beside: int) -> int:
    """Return a port that is free now, as are those so many above it (``beside``).

    Raises:
        HinomiError: If there is none.
    """
    count = max(_end() - FIRST - max(beside, default=0), 1000)
    for _ in range(1000):
        port = FIRST + secrets.randbelow(count)
        if all(_is_free(port + more) for more in (0, *beside)):
            return port
    raise HinomiError("no port of 127.0.0.1 is free", hint="ss -ltn shows what listens")


def _end() -> int:
    try:
        return int(_GIVEN.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        return 32_768


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
