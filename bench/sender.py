"""A sender of normal work over HTTP, in a process of its own: ``python -m bench.sender PLAN`` (JSON).

PLAN: port, key, rate (events/s; 0 = as fast as it can), seconds, source; batch, backfill, mark (a word put into every
event), count (stop after so many), hold (a file: while it is there, nothing is sent). Prints one line when it starts and one when it ends.
"""

import http.client
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hinomi.cli.demo import generator, world

POOL = 20_000


def lines(mark: str) -> list[bytes]:
    """Return a pool of different Windows events of a school day."""
    day = generator.SchoolDay(world.build(1), 1, datetime.now(UTC))
    made = [day.one(datetime.now(UTC), "winlog").line.encode() for _ in range(POOL)]
    return [line.replace(b'"RuleName":"-"', f'"RuleName":"{mark}"'.encode()) for line in made] if mark else made


def send(plan: dict[str, Any]) -> dict[str, Any]:
    """Send; return what was accepted, how often it was told to wait, and the rate that was reached."""
    batch = plan.get("batch", 500 if plan["rate"] == 0 else max(1, min(500, plan["rate"] // 20)))
    pool = lines(plan.get("mark", ""))
    bodies = [b"\n".join(pool[n : n + batch]) for n in range(0, POOL - batch + 1, batch)]
    headers = {"Authorization": f"Bearer {plan['key']}", "Hinomi-Backfill": str(plan.get("backfill", False)).lower()}
    connection = http.client.HTTPConnection("127.0.0.1", plan["port"], timeout=60)
    print(json.dumps({"event": "started"}), flush=True)
    accepted = refused = number = 0
    hold = Path(plan.get("hold", "/nowhere"))
    start = time.monotonic()
    while time.monotonic() - start < plan["seconds"] and accepted < plan.get("count", 1 << 60):
        if hold.exists():
            connection.close()  # the server closes a silent one after some seconds
        while hold.exists():
            time.sleep(0.02)
        if plan["rate"]:
            time.sleep(max(0.0, start + number * batch / plan["rate"] - time.monotonic()))
        connection.request("POST", f"/v1/events/{plan['source']}", bodies[number % len(bodies)], headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status == 429:
            refused += 1
            time.sleep(0.5)
            continue
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {content!r}")
        accepted += json.loads(content)["accepted"]
        number += 1
    took = time.monotonic() - start
    size = sum(map(len, pool)) / POOL
    return {
        "event": "ended", "accepted": accepted, "refused": refused, "seconds": round(took, 2), "a_second": round(accepted / took),
        "ended_ns": time.time_ns(), "bytes": round(size),
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(send(json.loads(sys.argv[1]))), flush=True)
