"""The demo's stage: lays a sample tenant out, starts serve and the outside world as processes, and ends them.

Everything goes through the doors a user has: the command line, a settings file, ports. Only processes that were
started here are ended here.
"""

import json
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from hinomi.cli.acting.ports import free_port
from hinomi.cli.acting.processes import Child, Processes, hinomi
from hinomi.cli.demo import sample, world
from hinomi.cli.demo.elastic import Node


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    events: int
    seed: int
    malware: bool
    fault: str | None


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
        self.processes = Processes(self.outside)
        self.players: Child

    # --- laying out -------------------------------------------------------------------------------

    def hinomi(self, *words: str) -> str:
        """Run one command of hinomi as a process of its own; return its standard output.

        Raises:
            HinomiError: With what it said, if it failed.
        """
        return hinomi(*words, where=self.folder)

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
        simulator = self.processes.start(
            "edr", "-m", "hinomi.playbooks.vendors.defender.simulator", "--journal", str(self.journal), "--client-id", self._edr["id"],
            "--client-secret", self._edr["secret"], "--control-secret", self._edr["control"], "--machines", str(self.outside / "machines.json"),
        )  # fmt: skip
        slack = self.processes.start(
            "slack", "-m", "hinomi.playbooks.channels.slack.simulator", "--journal", str(self.outside / "slack-journal.jsonl"), "--channel", sample.CHANNEL,
            "--token", self._slack["token"], "--signing-secret", self._slack["signing_secret"], "--control-secret", self._slack["control"],
            "--interactions", f"{self.api}/slack/interactions",
        )  # fmt: skip
        mailbox = self.processes.start(
            "mailbox", "-m", "hinomi.cli.acting.mailbox", "--folder", str(self.outside / "mail")
        )
        self.players = self.processes.start("players", "-m", "hinomi.cli.demo.players", str(self._plan()))
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
        self.processes.serve(self.config, self.api)
        self.key = (self.folder / "data" / "keys" / "admin.key").read_text().strip()
        ingest = self._key("school PCs", "--scope", "ingest", "--source", "winlog")
        operator = self._key(
            "operator on duty", "--scope", "read", "--scope", "act", "--role", "operator", "--person", "soc-operator01"
        )
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

    def stop_players(self) -> dict[str, int]:
        """Let the players go home; return what they sent, by door."""
        if self.players.process.poll() is None:
            self.players.order("stop")
        self.players.end(term=False)
        sent = [line for line in self.players.lines if line["event"] == "sent"]
        return {name: int(sent[-1][name]) if sent else 0 for name in world.DOORS}


def copy_reports(found: list[dict[str, Any]], target: Path) -> None:
    """Copy report files to a folder that stays, and name them there."""
    target.mkdir(parents=True, exist_ok=True)
    for report in found:
        path = Path(report["path"])
        report["path"] = str(shutil.copy2(path, target / path.name))
