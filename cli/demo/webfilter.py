"""The web filter between the school PCs and the Internet: its access log, sent by syslog over TCP.

i-FILTER Ver.10, the default 35 columns; sent as its how-to page says, RFC 5424 with octet counting (RFC 6587, 3.4.1).
"""

import random
import socket
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, quote_plus

from hinomi.cli.acting.pages import JST
from hinomi.cli.demo.world import Device, Person

AGENT = quote_plus("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Edg/142.0")
GROUP = quote("教職員")
SITES = (
    ("https://www.mext.go.jp/a_menu/shotou/", "text/html"),
    ("https://school-affairs.aoba.example/attendance", "text/html"),
    ("https://portal.aoba.example/board/", "text/html"),
    ("https://kyozai.example/img/ondoku.png", "image/png"),
    ("https://kyozai.example/print/sansu.pdf", "application/pdf"),
    ("https://weather.example/api/kita", "application/json"),
    ("https://news.example/kyoiku/", "text/html"),
)
RETRY = 0.3


def access(at: datetime, client: str, computer: str, user: str, url: str, *, mime: str = "text/html", size: int = 1518,
           referrer: str = "-", agent: str = AGENT, server: str = "203.0.113.10:443") -> str:  # fmt: skip
    """Return the line of one request that was let through."""
    now = at.astimezone(JST)
    return (
        f"{now:%b %d %H:%M:%S} 4872 1000/21/ - {server} {client} {client} {computer} {user} [{now:%d/%b/%Y:%H:%M:%S} +0900]"
        f' 200 512 {size} - 0 12 12/40 -1 0 1518 0 {GROUP} - 0 - "GET {url} HTTP/1.1" {referrer} {agent} {quote(mime, "")} A667FEFF'
    )


def of(device: Device, person: Person, at: datetime, url: str, **more: Any) -> str:
    """Return the line of a request that a person's PC has made."""
    return access(at, device.ip, device.name, person.account.rpartition("\\")[2], url, **more)


def browsing(device: Device, person: Person, at: datetime, chance: random.Random) -> str:
    """Return the line of a page that anybody may look at."""
    url, mime = chance.choice(SITES)
    return of(device, person, at, f"{url}?p={chance.randint(1, 999)}", mime=mime, size=chance.randint(800, 90_000))


def message(line: str, at: datetime) -> bytes:
    """Return a line as a counted syslog message."""
    said = f"<134>1 {at.astimezone(JST).isoformat(timespec='milliseconds')} swg01 ifilter - - - {line}".encode()
    return b"%d %s" % (len(said), said)


class Sender:
    """One connection to the syslog door."""

    def __init__(self, address: str, trouble: Callable[[str], None]):
        host, _, port = address.rpartition(":")
        self._place, self._trouble = (host, int(port)), trouble
        self._connection: socket.socket | None = None

    def send(self, lines: Sequence[str], at: datetime) -> None:
        """Send lines; where the connection breaks, all of them again over the next one."""
        data = b"".join(message(line, at) for line in lines)
        while True:
            try:
                if self._connection is None:
                    self._connection = socket.create_connection(self._place, 10)
                return self._connection.sendall(data)
            except OSError as error:
                self._trouble(f"syslog: {error}")
                self._connection = None
                time.sleep(RETRY)
