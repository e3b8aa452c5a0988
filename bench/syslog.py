"""Syslog over TCP: line → isolation request behind 1,000 lines/s, and i-FILTER lines through to the lake.

As a program (``python -m bench.syslog PLAN``, JSON: port, kind, rate, seconds) it is the sender, in a process of its own.
"""

import json
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from bench import sender
from bench.measures import Options, Row, latency_rows, waiting
from bench.rig import Rig, rig
from hinomi.cli.acting.ports import free_port
from hinomi.cli.demo import scenes, webfilter
from hinomi.cli.demo.world import Device

JST = timezone(timedelta(hours=9))
BEHIND = 1000
PIECES = 50
"""How many times a second the sender sends."""


def header(host: str, program: str) -> bytes:
    """Return an RFC 3164 header of now."""
    return f"<134>{datetime.now(JST):%b %d %H:%M:%S} {host} {program}: ".encode()


def ifilter(number: int) -> bytes:
    """Return a line of a web filter's access log; its number is in its URL."""
    now = datetime.now(JST)
    client = f"10.1.{number % 200}.{number % 250 + 1}"
    url = f"https://www{number % 50}.example.jp/%E6%95%99%E6%9D%90/{number}.html?page=1"
    return webfilter.access(
        now, client, f"PC-{number % 800:04d}", f"user{number % 900:03d}", url, size=number % 90_000, referrer="https://portal.example.jp/",
        server=f"203.0.113.{number % 250}:443",
    ).encode()  # fmt: skip


def settings(ports: dict[str, int]) -> str:
    """Return the two doors."""
    return "".join(
        f'[sources.{name}]\nkind = "syslog"\nlisten = "127.0.0.1:{ports[name]}"\nallow = ["127.0.0.0/8"]\nformats = ["{fmt}"]\n'
        f'tenant = "kita/aoba"\ntrusted_for_containment = {trusted}\n'
        for name, fmt, trusted in (("wec", "windows.eventlog", "true"), ("swg", "ifilter.access", "false"))
    )


def syslog(o: Options) -> Iterator[Row]:
    """Last byte of a line over TCP → isolation request, 1,000 lines/s behind it; then i-FILTER lines to the lake."""
    ports = {name: free_port() for name in ("wec", "swg")}
    with rig(pcs=o["isolations"], extra=settings(ports)) as r:
        r.serve()
        wait_open(ports.values())
        start(r, "behind", port=ports["wec"], kind="windows", rate=BEHIND, seconds=o["isolations"] / 4 + 20).first(
            "started"
        )
        time.sleep(3)
        found = r.latencies(attacks(r, ports["wec"], r.pcs, 4.0))
        yield from latency_rows(f"syslog, {BEHIND:,} lines/s behind", found, 1000, (100, None))
    with rig(pcs=10, extra=settings(ports)) as r:
        r.serve()
        wait_open(ports.values())
        yield from _through(r, ports["swg"], o)


def _through(r: Rig, port: int, o: Options) -> Iterator[Row]:
    sent = start(r, "swg", port=port, kind="ifilter", rate=o["syslog_rate"], seconds=o["syslog_seconds"])
    sent.first("started")
    begun, most = time.monotonic(), 0
    while not any(line["event"] == "ended" for line in sent.lines):
        time.sleep(0.2)
        most = max(most, waiting(r, "bulk-0", "storer"))
    end = next(line for line in sent.lines if line["event"] == "ended")
    deadline = time.monotonic() + 120
    while (stored := _stored(r)) < end["sent"] and time.monotonic() < deadline:
        time.sleep(0.5)
    yield Row("sent", end["sent"], f"i-FILTER lines, {end['a_second']:,}/s")
    yield Row("stored", stored, "events", -end["sent"])
    yield Row("first line sent → last line stored", stored / (time.monotonic() - begun), "events/s", None, None)
    yield Row("sent at", end["a_second"], "lines/s", -4900, -10_000)
    yield Row("most lines not yet stored", most, "lines")
    yield Row("memory, all processes", sum(r.memory().values()), "MiB")


def _stored(r: Rig) -> int:
    items = r.api("events/count", {"by": ["event.dataset"], "since": "2020-01-01T00:00:00Z"})["items"]
    return sum(row["count"] for row in items if "ifilter.access" in json.dumps(row))


def wait_open(ports: Any) -> None:
    """Wait until every door is open."""
    deadline = time.monotonic() + 30
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def start(r: Rig, name: str, **plan: Any) -> Any:
    """Start a sender."""
    return r.child(name, "-m", "bench.syslog", json.dumps(plan))


def attacks(r: Rig, port: int, pcs: Sequence[Device], a_second: float) -> dict[str, int]:
    """Send the line that shipped rules call critical for each PC; return machine → when its last byte was sent."""
    sent, begun = {}, time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, pc in enumerate(pcs):
            time.sleep(max(0.0, begun + number / a_second - time.monotonic()))
            owner = next(person for person in r.world.people if person.id == pc.owner)
            connection.sendall(header(pc.name, "nxlog") + scenes.tree(pc, owner, datetime.now(UTC))[0].encode() + b"\n")
            sent[pc.machine] = time.time_ns()
    return sent


def send(plan: dict[str, Any]) -> dict[str, Any]:
    """Send lines at a rate over one connection; return how many, and the rate that was reached."""
    pool = sender.lines("") if plan["kind"] == "windows" else []
    piece, number = max(1, plan["rate"] // PIECES), 0
    with socket.create_connection(("127.0.0.1", plan["port"]), 60) as connection:
        print(json.dumps({"event": "started"}), flush=True)
        begun = time.monotonic()
        while number < plan["rate"] * plan["seconds"]:
            time.sleep(max(0.0, begun + number / plan["rate"] - time.monotonic()))
            head = header("swg01", "ifilter" if not pool else "nxlog")
            lines = [
                head + (pool[n % len(pool)] if pool else ifilter(n)) + b"\n" for n in range(number, number + piece)
            ]
            connection.sendall(b"".join(lines))
            number += piece
        took = time.monotonic() - begun
    return {"event": "ended", "sent": number, "a_second": round(number / took)}


if __name__ == "__main__":
    print(json.dumps(send(json.loads(sys.argv[1]))), flush=True)
