"""Wake-ups between neighbours: a datagram to a Unix socket says "look now"; polling is only the fall-back."""

import asyncio
import atexit
import contextlib
import select
import socket
import tempfile
from hashlib import blake2b
from pathlib import Path


def _address(folder: Path, name: str) -> str:
    """Return the socket's path; a folder too deep for a Unix socket (108 bytes) is replaced by its hash."""
    path = folder / "wake" / f"{name}.sock"
    if len(str(path).encode()) < 100:
        return str(path)
    short = blake2b(str(folder.resolve()).encode(), digest_size=8).hexdigest()
    return str(Path(tempfile.gettempdir()) / f"hinomi-{short}-{name}.sock")


_sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
_sender.setblocking(False)
atexit.register(_sender.close)


def poke(folder: Path, name: str) -> None:
    """Wake whoever waits under this name; nobody there, or a full queue, is no error."""
    with contextlib.suppress(OSError):
        _sender.sendto(b"!", _address(folder, name))


class Waker:
    """The waiting side of one name."""

    def __init__(self, folder: Path, name: str):
        """Bind the socket, taking over one that a killed process left."""
        address = _address(folder, name)
        Path(address).parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            Path(address).unlink()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(address)

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(64):
                pass

    def wait_blocking(self, timeout: float) -> bool:
        """Sleep until poked or ``timeout`` seconds have passed; return whether poked."""
        ready, _, _ = select.select([self._socket], [], [], timeout)
        self._drain()
        return bool(ready)

    async def wait(self, timeout: float) -> bool:  # noqa: ASYNC109 - it says whether it was poked
        """Do the same in an event loop."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                await loop.sock_recv(self._socket, 64)
        except TimeoutError:
            return False
        self._drain()
        return True

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()
