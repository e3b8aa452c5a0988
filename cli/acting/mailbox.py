"""The mail server of the outside world: takes every message and writes it into a folder, one .eml file each.

``python -m hinomi.cli.acting.mailbox --port 0 --folder DIR`` prints {"port"} when it is ready. The recipients of the
envelope are kept in ``X-Envelope-To``.
"""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP


class Folder:
    """Writes messages; a file appears whole or not at all."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._count = len(list(folder.glob("*.eml")))

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Keep one message."""
        self._count += 1
        path = self._folder / f"{self._count:05d}.eml"
        to = ", ".join(envelope.rcpt_tos)
        path.with_suffix(".new").write_bytes(f"X-Envelope-To: {to}\r\n".encode() + envelope.content)
        path.with_suffix(".new").rename(path)
        return "250 OK"


async def serve(port: int, folder: Path) -> None:
    """Take mail until SIGTERM."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    keeper = Folder(folder)
    server = await loop.create_server(
        lambda: SMTP(keeper, enable_SMTPUTF8=True, hostname="mail.local"), "127.0.0.1", port
    )
    sys.stdout.write(json.dumps({"port": server.sockets[0].getsockname()[1]}) + "\n")
    sys.stdout.flush()
    await stop.wait()
    server.close()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(serve(args.port, args.folder))


if __name__ == "__main__":
    main()
