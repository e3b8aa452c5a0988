"""The demo's stage: lays a sample tenant out, starts serve and the outside world as processes, and ends them.

Everything goes through the doors a user has: the command line, a settings file, ports. Only processes that were
started here are ended here.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

from hinomi.cli.demo import sample, world
from hinomi.cli.demo.elastic import Node
from hinomi.cli.demo.pages import ask
from hinomi.errors import HinomiError

READY = 30.0
"""Seconds a process has to be ready."""
GRACE = 20.0


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    events: int
    seed: int
    malware: bool
    fault: str | None


class Child:
    """One process of ours, whose lines are read as they come."""

    def __init__(self, name: str, command: list[str], log: Path, *, talks: bool = True):
        self.name, self.lines = name, list[dict[str, Any]]()
        self._arrived = threading.Condition()
        self._log = log.open("ab")
        out = subprocess.PIPE if talks else self._log
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=self._log, text=False)  # noqa: S603 - our own
        if talks:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - it was asked for
        for raw in self.process.stdout:
            try:
                line = json.loads(raw)
            except ValueError:
                continue
            with self._arrived:
                self.lines.append(line)
                self._arrived.notify_all()

    def first(self, wanted: str) -> dict[str, Any]:
        """Wait for the first line that has this key, or this event.

        Raises:
            HinomiError: If it does not come, or the process ends before.
        """
        deadline = time.monotonic() + READY
        with self._arrived:
            while time.monotonic() < deadline:
                for line in self.lines:
                    if wanted in line or line.get("event") == wanted:
                        return line
                if self.process.poll() is not None:
                    break
                self._arrived.wait(0.2)
        last = Path(self._log.name).read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2][:300]
        ended = self.process.poll()
        how = "in time" if ended is None else f"but ended {ended}"
        raise HinomiError(f"{self.name} did not get ready {how}", where=self._log.name, hint=last or "its log is empty")

    def order(self, what: str, **more: Any) -> None:
        """Write one order to its stdin."""
        assert self.process.stdin is not None  # noqa: S101 - it was asked for
        try:
            self.process.stdin.write(json.dumps({"do": what, **more}).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise HinomiError(f"{self.name} has ended", where=self._log.name, hint="its log says why") from error

    def end(self, *, term: bool = True) -> int:
        """End it and wait; return its exit code."""
        if self.process.poll() is None:
            if term:
                self.process.terminate()
            try:
                self.process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        self._log.close()
        return self.process.returncode


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Stage:
    """One run's folder and processes."""

    def __init__(self, folder: Path, options: Options, node: Node | None = None):
        self.folder, self.options, self.node = folder, options, node
        self._store = ""
        self.config = folder / "hinomi.toml"
        self.outside = folder / "outside"
        self.journal = self.outside / "edr-journal.jsonl"
        self.world = world.build(options.seed)
        self.api = self.key = ""
        self.names: dict[str, str] = {}
        self._children: list[Child] = []
        self.players: Child
        self.serve: Child

    # --- laying out -------------------------------------------------------------------------------

    def hinomi(self, *words: str) -> str:
        """Run one command of hinomi as a process of its own; return its standard output.

        Raises:
            HinomiError: With what it said, if it failed.
        """
        command = [sys.executable, "-m", "hinomi", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own
        if done.returncode != 0:
            raise HinomiError(
                f"hinomi {' '.join(words[:4])} ended {done.returncode}: {done.stderr.strip()}", where=self.folder
            )
        return done.stdout

    def start_node(self) -> None:
        """Start the server that events are kept in."""
        if self.node is not None:
            self._store = self.node.start()

    def lay_out(self) -> None:
        """Write the sample tenant, its settings and its playbook, and import the directory."""
        self.hinomi("init", str(self.folder))
        self.outside.mkdir()
        (self.folder / "logs").mkdir()
        (self.folder / "playbooks").mkdir()
        shipped = files("hinomi.playbooks").joinpath("library/external-malware.yml").read_text(encoding="utf-8")
        (self.folder / "playbooks" / "external-malware.yml").write_text(sample.quickened(shipped), encoding="utf-8")
        world.write_csv(self.world, self.folder / "directory")
        self._outside()
        self.hinomi("--config", str(self.config), "directory", "import", str(self.folder / "directory"))

    def _child(self, name: str, *command: str, talks: bool = True) -> Child:
        child = Child(name, [sys.executable, *command], self.outside / f"{name}.log", talks=talks)
        self._children.append(child)
        return child

    def _outside(self) -> None:
        """Start the simulators of the EDR and of Slack, the mail server, the players; write the settings that name them."""
        ports = {name: free_port() for name in ("api", "ingest", "syslog")}
        self.api, self._ingest, self._syslog = (f"127.0.0.1:{port}" for port in ports.values())
        self.api = f"http://{self.api}"
        self._edr = {"id": "hinomi-demo", "secret": secrets.token_hex(24), "control": secrets.token_hex(24)}
        self._slack = {name: secrets.token_hex(24) for name in ("token", "signing_secret", "control")}
        machines = [
            {"id": d.machine, "computerDnsName": f"{d.name.lower()}.aoba.local", "lastIpAddress": d.ip}
            for d in self.world.devices
        ]
        (self.outside / "machines.json").write_text(json.dumps(machines))
        simulator = self._child(
            "edr", "-m", "hinomi.playbooks.vendors.defender.simulator", "--journal", str(self.journal), "--client-id", self._edr["id"],
            "--client-secret", self._edr["secret"], "--control-secret", self._edr["control"], "--machines", str(self.outside / "machines.json"),
        )  # fmt: skip
        slack = self._child(
            "slack", "-m", "hinomi.playbooks.channels.slack.simulator", "--journal", str(self.outside / "slack-journal.jsonl"), "--channel", sample.CHANNEL,
            "--token", self._slack["token"], "--signing-secret", self._slack["signing_secret"], "--control-secret", self._slack["control"],
            "--interactions", f"{self.api}/slack/interactions",
        )  # fmt: skip
        mailbox = self._child("mailbox", "-m", "hinomi.cli.demo.mailbox", "--folder", str(self.outside / "mail"))
        self.players = self._child("players", "-m", "hinomi.cli.demo.players", str(self._plan()))
        ready = simulator.first("port")
        self._control = f"http://127.0.0.1:{ready['control_port']}"
        told = slack.first("port")
        self._chat = f"http://127.0.0.1:{told['control_port']}"
        ports |= {"mail": mailbox.first("port")["port"], "edr": ready["port"], "slack": told["port"]}
        self.config.write_text(sample.settings(ports, self._edr, self._slack, self._store), encoding="utf-8")

    def _plan(self) -> Path:
        plan = {
            "world": self.world.as_dict(), "cast": world.cast(self.world, self.options.seed), "seed": self.options.seed,
            "events": self.options.events, "now": datetime.now(UTC).isoformat(), "malware": self.options.malware, "fault": self.options.fault,
            "oplog": str(self.folder / "logs" / "oplog.csv"), "mail": str(self.outside / "mail"),
        }  # fmt: skip
        path = self.outside / "plan.json"
        path.write_text(json.dumps(plan, ensure_ascii=False), encoding="utf-8")
        return path

    # --- running ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Start serve, make the keys, activate the playbook, let the players go."""
        self.players.first("written")
        self.serve = self._child("serve", "-m", "hinomi", "serve", "--config", str(self.config), talks=False)
        self._wait_for_api()
        self.key = (self.folder / "data" / "keys" / "admin.key").read_text().strip()
        ingest = self._key("school PCs", "--scope", "ingest", "--source", "winlog")
        operator = self._key(
            "operator on duty", "--scope", "read", "--scope", "act", "--role", "operator", "--person", "soc-operator01"
        )
        self.names[f"key:{operator['id']}"] = "operator"
        reason = "sample tenant of hinomi demo: the drill was passed"
        self.hinomi(
            "--config",
            str(self.config),
            "playbook",
            "activate",
            "external-malware",
            "--mode",
            "live",
            "--reason",
            reason,
        )
        self.players.order(
            "go", ingest=self._ingest, ingest_key=ingest["key"], api=self.api, operator_key=operator["key"], control=self._control,
            control_secret=self._edr["control"], syslog=self._syslog, chat=self._chat, chat_secret=self._slack["control"],
        )  # fmt: skip

    def _key(self, name: str, *more: str) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(
            self.hinomi("--config", str(self.config), "key", "create", "--name", name, *more, "-o", "json")
        )
        return made

    def _wait_for_api(self) -> None:
        deadline = time.monotonic() + READY
        while time.monotonic() < deadline and self.serve.process.poll() is None:
            try:
                if ask("GET", f"{self.api}/api/v1/health").status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise HinomiError("hinomi serve did not get ready", where=self.outside / "serve.log", hint="its log says why")

    def alive(self) -> None:
        """Check that all processes run.

        Raises:
            HinomiError: Naming the one that ended.
        """
        for child in self._children:
            if child.process.poll() is not None:
                raise HinomiError(
                    f"{child.name} has ended with {child.process.returncode}",
                    where=self.outside / f"{child.name}.log",
                    hint="its log says why",
                )

    def stop_players(self) -> dict[str, int]:
        """Let the players go home; return what they sent, by door."""
        if self.players.process.poll() is None:
            self.players.order("stop")
        self.players.end(term=False)
        sent = [line for line in self.players.lines if line["event"] == "sent"]
        return {name: int(sent[-1][name]) if sent else 0 for name in world.DOORS}

    def end(self) -> int:
        """End what still runs, serve first and by SIGTERM; return the exit code of serve."""
        code = 0
        for child in sorted(self._children, key=lambda child: child.name != "serve"):
            ended = child.end()
            code = ended if child.name == "serve" else code
        self._children.clear()
        if self.node is not None:
            self.node.end()
        return code


def copy_reports(found: list[dict[str, Any]], target: Path) -> None:
    """Copy report files to a folder that stays, and name them there."""
    target.mkdir(parents=True, exist_ok=True)
    for report in found:
        path = Path(report["path"])
        report["path"] = str(shutil.copy2(path, target / path.name))


def is_terminal(stream: IO[str]) -> bool:
    """Tell whether a live screen makes sense."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
