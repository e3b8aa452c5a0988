"""The webhooks of the outside world: every message that is posted is taken and kept as a line of JSON.

``python -m hinomi.cli.acting.hooks --port 0 --journal FILE`` prints {"port"} when it is ready. A room's address is its name
at this port: a line is {"room", "body"}.
"""

import argparse
import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit


class Hooks(ThreadingHTTPServer):
    """Takes posts on loopback."""

    daemon_threads = True

    def __init__(self, port: int, journal: IO[str]):
        super().__init__(("127.0.0.1", port), _Handler)
        self._journal, self._turn = journal, threading.Lock()

    def keep(self, room: str, body: bytes) -> None:
        """Write one line."""
        line = json.dumps({"room": room, "body": json.loads(body)}, ensure_ascii=False)
        with self._turn:
            self._journal.write(f"{line}\n")
            self._journal.flush()


class _Handler(BaseHTTPRequestHandler):
    server: Hooks
    timeout = 30

    def do_POST(self) -> None:  # the name that http.server asks for
        """Keep one message; what is no JSON is refused."""
        body, status = self.rfile.read(int(self.headers.get("Content-Length") or 0)), 200
        try:
            self.server.keep(urlsplit(self.path).path.strip("/"), body)
        except ValueError:
            status = 400
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Read the arguments and serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--journal", type=Path, required=True)
    args = parser.parse_args()
    with args.journal.open("a", encoding="utf-8") as journal, Hooks(args.port, journal) as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        sys.stdout.write(json.dumps({"port": server.server_address[1]}) + "\n")
        sys.stdout.flush()
        server.serve_forever(0.1)


if __name__ == "__main__":
    main()
