"""What every measurement stands on: a site of its own, `hinomi serve`, the EDR's simulator and a mail server as processes."""

import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from hinomi.cli.acting.ports import free_port
from hinomi.cli.acting.processes import Child
from hinomi.cli.demo import scenes, world
from hinomi.cli.demo.closing import journal
from hinomi.cli.demo.world import Device, Person

SECRET = "bench"
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def settings(ports: dict[str, int], extra: str) -> str:
    """Return the site's settings: nothing but ports, doors, and caps that a measurement must not run into."""
    return f"""data = "data"
[api]
listen = "127.0.0.1:{ports["api"]}"
[ingest]
listen = "127.0.0.1:{ports["ingest"]}"
[mail]
host = "127.0.0.1"
port = {ports["mail"]}
sender = "hinomi@soc.example"
[guards]
school_per_hour = 100000
municipality_per_hour = 100000
[vendors.defender]
base_url = "http://127.0.0.1:{ports["edr"]}"
token_url = "http://127.0.0.1:{ports["edr"]}/oauth2/v2.0/token"
client_id = "{SECRET}"
client_secret = "{SECRET}"
[sources.winlog]
kind = "http"
formats = ["windows.eventlog"]
tenant = "kita/aoba"
trusted_for_containment = true
[sources.bulk]
kind = "http"
formats = ["windows.eventlog"]
tenant = "kita/aoba"
[sources.oplog]
kind = "file"
path = "logs/*.csv"
framing = "csv"
formats = ["skysea.operation"]
encoding = "cp932"
tenant = "kita/aoba"
[sources.edr]
kind = "pull"
api = "defender.alerts"
vendor = "defender"
formats = ["defender.alert"]
tenant = "kita/aoba"
trusted_for_containment = true
{extra}"""


class Rig:
    """One site and its processes."""

    def __init__(self, folder: Path, *, pcs: int = 600, extra: str = ""):
        """Lay the site out; nothing runs yet but the simulator and the mail server."""
        self.folder, self.config = folder, folder / "hinomi.toml"
        self.journal = folder / "outside" / "journal.jsonl"
        self.children: list[Child] = []
        self.hinomi("init", str(folder))
        for name in ("outside", "logs", "rules"):
            (folder / name).mkdir()
        self.world, self.pcs = _world(pcs)
        world.write_csv(self.world, folder / "directory")
        (folder / "outside" / "machines.json").write_text(
            json.dumps([{"id": d.machine, "computerDnsName": d.name.lower()} for d in self.pcs])
        )
        edr = self.child(
            "edr", "-m", "hinomi.playbooks.vendors.defender.simulator", "--journal", str(self.journal), "--client-id", SECRET,
            "--client-secret", SECRET, "--machines", str(folder / "outside" / "machines.json"), "--no-limits",
        )  # fmt: skip
        mail = self.child("mail", "-m", "hinomi.cli.acting.mailbox", "--folder", str(folder / "outside" / "mail"))
        self.ports = {"api": free_port(), "ingest": free_port(), "edr": edr.first("port")["port"]}
        self.ports["mail"] = mail.first("port")["port"]
        self.config.write_text(settings(self.ports, extra))
        self.hinomi("--config", str(self.config), "directory", "import", str(folder / "directory"))
        self.hinomi(
            "--config", str(self.config), "playbook", "activate", "external-malware", "--mode", "live", "--reason", "bench"
        )  # fmt: skip
        keys = ("--source", "winlog", "--source", "bulk")
        made = self.hinomi(
            "--config", str(self.config), "key", "create", "--name", "b", "--scope", "ingest", *keys, "-o", "json"
        )
        self.key = json.loads(made)["key"]

    def child(self, name: str, *command: str, talks: bool = True) -> Child:
        """Start a Python process of this site; it ends with it."""
        child = Child(name, [sys.executable, *command], self.folder / "outside" / f"{name}.log", talks=talks)
        self.children.append(child)
        return child

    def hinomi(self, *words: str) -> str:
        """Run a command of hinomi; return its output, raise if it fails."""
        done = subprocess.run([sys.executable, "-m", "hinomi", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"hinomi {' '.join(words)}: {done.stderr}")
        return done.stdout

    def serve(self) -> None:
        """Start serve and wait until it answers."""
        self.server = self.child("serve", "-m", "hinomi", "serve", "--config", str(self.config), talks=False)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.ports["api"], timeout=5)
                connection.request("GET", "/api/v1/health")
                if connection.getresponse().status == 200:
                    break
            except OSError:
                time.sleep(0.1)
        self.admin = (self.folder / "data" / "keys" / "admin.key").read_text().strip()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until every partition has its files and the ingest door is open."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.ports["ingest"], timeout=5)
                connection.request("GET", "/")
                connection.getresponse().read()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the ingest door does not open")

    def api(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask the API; return its JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["api"], timeout=60)
        headers = {"Authorization": f"Bearer {self.admin}", "Content-Type": "application/json"}
        content = json.dumps(body) if body is not None else None
        connection.request("POST" if body is not None else "GET", f"/api/v1/{path}", content, headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())
        if answer.status >= 400:
            raise RuntimeError(f"{path}: {found}")
        return found

    def sender(self, name: str, rate: int, seconds: float, *, source: str = "winlog", **more: Any) -> Child:
        """Start a process that sends ``rate`` events a second (0: as fast as it can) of normal work."""
        plan = {
            "port": self.ports["ingest"],
            "key": self.key,
            "rate": rate,
            "seconds": seconds,
            "source": source,
            **more,
        }
        return self.child(name, "-m", "bench.sender", json.dumps(plan))

    # --- what the processes cost ------------------------------------------------------------------

    def processes(self) -> dict[int, str]:
        """Return the processes of serve: id → role."""
        serve = psutil.Process(self.server.process.pid)
        return {serve.pid: "supervisor", **{child.pid: child.cmdline()[0].split()[1] for child in serve.children()}}

    def role(self, name: str) -> int:
        """Return the process id of a role."""
        return next(pid for pid, role in self.processes().items() if role == name)

    def memory(self) -> dict[str, float]:
        """Return MiB resident per role; a page that n processes share is counted as 1/n in each (PSS), as all is one fork."""
        return {role: psutil.Process(pid).memory_full_info().pss / 2**20 for pid, role in self.processes().items()}

    def resident(self) -> float:
        """Return MiB resident (RSS), summed: shared pages are counted in each process."""
        return sum(psutil.Process(pid).memory_info().rss for pid in self.processes()) / 2**20

    def cpu(self) -> float:
        """Return the processor seconds that all processes of serve have used."""
        return sum(map(self.cpu_of, self.processes()))

    @staticmethod
    def cpu_of(pid: int) -> float:
        """Return the processor seconds that one process has used."""
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    # --- the incident -----------------------------------------------------------------------------

    def attack(self, pc: Device, connection: http.client.HTTPConnection) -> int:
        """Send the line that shipped rules call critical; return the wall clock (ns) after its last byte."""
        line = scenes.tree(pc, _owner(self.world.people, pc), datetime.now(UTC))[0].encode()
        connection.request("POST", "/v1/events/winlog", line, {"Authorization": f"Bearer {self.key}"})
        sent = time.time_ns()
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the line was refused: {answer.status}")
        return sent

    def attacks(self, pcs: Sequence[Device], a_second: float) -> dict[str, int]:
        """Attack these PCs one after the other; return machine → when the last byte was sent."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["ingest"], timeout=30)
        sent, start = {}, time.monotonic()
        for number, pc in enumerate(pcs):
            time.sleep(max(0.0, start + number / a_second - time.monotonic()))
            sent[pc.machine] = self.attack(pc, connection)
        return sent

    def latencies(self, sent: dict[str, int], within: float = 30.0) -> list[float]:
        """Return ms from each last byte to its first isolation request in the EDR's journal; inf if it never came."""
        deadline = time.monotonic() + within
        while True:
            asked: dict[str, int] = {}
            for record in journal(self.journal):
                parts = record["path"].split("/")
                if record["method"] == "POST" and parts[-1] == "isolate":
                    asked.setdefault(parts[-2], record["received_ns"])
            if sent.keys() <= asked.keys() or time.monotonic() > deadline:
                return sorted((asked[m] - at) / 1e6 if m in asked else float("inf") for m, at in sent.items())
            time.sleep(0.5)

    def stop(self) -> None:
        """End everything that was started here, serve first."""
        for child in reversed(self.children):
            child.end()


def _owner(people: Sequence[Person], pc: Device) -> Person:
    return next(person for person in people if person.id == pc.owner)


def _world(pcs: int) -> tuple[world.World, list[Device]]:
    """Return the sample tenant with so many PCs of its teachers."""
    made = world.build(1)
    teachers = [person for person in made.people if person.role == "teacher"]
    extra = []
    for n in range(pcs):
        owner = teachers[n % len(teachers)]
        machine = f"{n:040x}"
        extra.append(
            Device(
                id=f"BPC-{n:04d}", tenant=owner.tenant, name=f"BPC-{n:04d}", asset_no=f"B{n:04d}", owner=owner.id,
                protected=False, machine=machine, ip=f"10.9.{n // 250}.{n % 250 + 1}",
            )
        )  # fmt: skip
    return replace(made, devices=[*made.devices, *extra]), extra


@contextmanager
def rig(*, keep: Path | None = None, **more: Any) -> Iterator[Rig]:
    """Give a rig in a folder that goes away afterwards (unless ``keep``)."""
    folder = keep or Path(tempfile.mkdtemp(prefix="hinomi-bench-"))
    made = Rig(folder, **more)
    try:
        yield made
    finally:
        made.stop()
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of sorted values lie."""
    return values[min(len(values) - 1, int(len(values) * share))]
