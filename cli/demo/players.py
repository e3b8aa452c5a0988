"""The outside world in one process: it writes and sends what school PCs write and send, and plays the people.

It knows a plan file, ports, addresses, keys and paths; it opens no database and imports nothing of hinomi but the
demo's own modules. Orders come as JSON lines on stdin (``go`` with addresses and keys, ``scene``, ``stop``), what
happens goes as JSON lines to stdout.
"""

import argparse
import gzip
import http.client
import json
import queue
import random
import sys
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hinomi.cli.acting.letters import Api
from hinomi.cli.acting.pages import ask
from hinomi.cli.demo import scenes
from hinomi.cli.demo.chat import Chat
from hinomi.cli.demo.generator import SchoolDay, header
from hinomi.cli.demo.people import People
from hinomi.cli.demo.webfilter import Sender
from hinomi.cli.demo.world import DOORS, Device, Person, from_dict

BATCH = 1000
BROWSED = 300
"""Requests of the last half hour that the web filter sends when the day begins."""
LIVELY = 0.1
"""Seconds between two events of those who just go on working."""


def tell(event: str, **facts: Any) -> None:
    """Say what happened."""
    sys.stdout.write(json.dumps({"event": event, "at_ns": time.time_ns(), **facts}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


class Ingest:
    """Sends lines to the ingest listener, and says when the last byte was handed over."""

    def __init__(self, address: str, key: str):
        self._address, self._key = address, key
        self._connection = http.client.HTTPConnection(address, timeout=30)

    def send(self, lines: list[str], *, backfill: bool = False) -> int:
        """Send one batch until it is taken; return the nanosecond at which the last byte of the last try was sent."""
        body = ("\n".join(lines) + "\n").encode()
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Hinomi-Batch": str(uuid.uuid4()),
            "Content-Type": "application/x-ndjson",
        }
        if backfill:
            headers |= {"Hinomi-Backfill": "true", "Content-Encoding": "gzip"}
            body = gzip.compress(body, 1)
        while True:
            try:
                self._connection.request("POST", "/v1/events/winlog", body, headers)
                sent = time.time_ns()
                response = self._connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                tell("trouble", what=f"ingest: {error}")
                self._connection.close()
                time.sleep(0.3)
                continue
            if response.status == 200:
                return sent
            if response.status not in (429, 503):
                raise SystemExit(f"the ingest listener answers {response.status}")
            time.sleep(float(response.headers.get("Retry-After") or 0.2))


class Players:
    """All of them."""

    def __init__(self, plan: dict[str, Any]):
        self.plan = plan
        self.world = from_dict(plan["world"])
        self.day = SchoolDay(self.world, plan["seed"], datetime.fromisoformat(plan["now"]))
        self.sent = dict.fromkeys(DOORS, 0)
        self._file = Path(plan["oplog"]).open("ab")  # noqa: SIM115 - open for the whole day
        self._waiting: list[str] = []
        self._taken = False
        self._orders: queue.Queue[dict[str, Any]] = queue.Queue()

    def write(self, rows: list[str]) -> None:
        """Append rows to the operation log."""
        self._file.write("".join(rows).encode("cp932"))
        self._file.flush()
        self.sent["oplog"] += len(rows)

    def syslog(self, lines: list[str]) -> None:
        """Send lines of the web filter."""
        self.filter.send(lines, datetime.now(UTC))
        self.sent["swg"] += len(lines)

    def history(self) -> None:
        """Write the hours before now: the log file at once, the Windows events later, by HTTP."""
        self._file.write(header().encode("cp932"))
        rows: list[str] = []
        for item in self.day.history(self.plan["events"]):
            (rows if item.door == "oplog" else self._waiting).append(item.line)
        self.write(rows)
        tell("written", oplog=len(rows), winlog=len(self._waiting))

    def run(self) -> None:
        """Play until told to stop."""
        self.history()
        threading.Thread(target=self._listen, daemon=True).start()
        self._go(self._orders.get())
        scene_at: float | None = None
        while True:
            try:
                order = self._orders.get(timeout=LIVELY)
            except queue.Empty:
                order = {}
            if order.get("do") == "stop":
                break
            if order.get("do") == "scene":
                scene_at = time.monotonic()
                self._scene()
            if order.get("do") != "quiet" and not self.plan.get("quiet"):
                self._work_on()
            elif order.get("do") == "quiet":
                self.plan["quiet"] = True
                tell("sent", final=True, **self.sent)
            self.people.look()
            if scene_at is not None and not self._taken and time.monotonic() - scene_at > 1.0:
                self._taken = self._take()
        tell("sent", **self.sent)

    def _listen(self) -> None:
        for line in sys.stdin:
            self._orders.put(json.loads(line))
        self._orders.put({"do": "stop"})

    def _go(self, order: dict[str, Any]) -> None:
        self.ingest = Ingest(order["ingest"], order["ingest_key"])
        self._control, self._secret = order["control"], order["control_secret"]
        self.filter = Sender(order["syslog"], lambda what: tell("trouble", what=what))
        api, chat = Api(order["api"], order["operator_key"]), Chat(order["chat"], order["chat_secret"])
        self.people = People(self.world, Path(self.plan["mail"]), api, chat, tell)
        self._door("alerts", [scenes.old_alert(self.world.devices[5], datetime.now(UTC))])
        self.sent["edr"] += 1
        for start in range(0, len(self._waiting), BATCH):
            part = self._waiting[start : start + BATCH]
            self.ingest.send(part, backfill=True)
            self.sent["winlog"] += len(part)
            tell("sent", **self.sent)
        self._waiting = []
        self.syslog(self._browsed())
        tell("caught_up", **self.sent)

    def _browsed(self) -> list[str]:
        now = datetime.now(UTC)
        moments = (now - timedelta(seconds=6 * n) for n in range(BROWSED, 0, -1))
        return [self.day.one(moment, "swg").line for moment in moments]

    def _door(self, name: str, body: Any) -> None:
        headers = {"Authorization": f"Bearer {self._secret}", "Content-Type": "application/json"}
        answer = ask("POST", f"{self._control}/{name}", json.dumps(body).encode(), headers)
        if answer.status >= 300:
            raise SystemExit(f"the simulator's control door answers {answer.status}: {answer.text[:200]}")

    def _work_on(self) -> None:
        item = self.day.one(datetime.now(UTC), random.choice(("oplog", "winlog", "swg")))  # noqa: S311 - play
        if item.door == "oplog":
            self.write([item.line])
        elif item.door == "swg":
            self.syslog([item.line])
        else:
            self.ingest.send([item.line])
            self.sent["winlog"] += 1

    def _part(self, name: str) -> tuple[Device, Person]:
        person = next(p for p in self.world.people if p.id == self.plan["cast"][name])
        return self.world.of(person), person

    def _scene(self) -> None:
        device, person = self._part("copier")
        self.write(scenes.usb(device, person, datetime.now(UTC)))
        tell("scene", what="usb", host=device.id, who=person.id)
        if not self.plan["malware"]:
            return
        device, person = self._part("infected")
        if self.plan["fault"]:
            times = 1 if self.plan["fault"] == "timeout-after-accept" else None
            self._door("faults", {"kind": self.plan["fault"], "machine": device.machine, "times": times})
        self.syslog(scenes.download(device, person, datetime.now(UTC)))
        tell("scene", what="download", host=device.id, who=person.id)
        lines = scenes.before(device, person, datetime.now(UTC))
        self.ingest.send(lines)
        tree = scenes.tree(device, person, datetime.now(UTC))
        sent = self.ingest.send(tree[:1])
        tell("scene", what="malware", host=device.id, machine=device.machine, who=person.id, last_byte_ns=sent)
        self.ingest.send(tree[1:])
        self.syslog(scenes.fetched(device, person, datetime.now(UTC)))
        self.sent["winlog"] += len(lines) + len(tree)
        time.sleep(0.7)
        self._door("alerts", [scenes.alert(device, person, datetime.now(UTC))])
        self.sent["edr"] += 1
        tell("scene", what="alert", host=device.id)

    def _take(self) -> bool:
        try:
            return self.people.take(self._part("copier")[0].id)
        except OSError as error:
            tell("trouble", what=str(error))
            return False


def main() -> None:
    """Read the plan and play."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--modules", action="store_true", help="say which modules are loaded, and end")
    args = parser.parse_args()
    if args.modules:
        tell("modules", names=sorted(sys.modules))
        return
    Players(json.loads(args.plan.read_text(encoding="utf-8"))).run()


if __name__ == "__main__":
    main()
