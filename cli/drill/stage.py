"""A drill's own installation: a folder with a copy of directory, playbooks and rules, and simulators for the products.

Nothing of the live installation is in it: no credentials, no addresses of products, no sources, no links. The processes
get an environment without HINOMI_…, which would win over the file, and have the fence of `hinomi.runtime.fence`.
"""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from hinomi.cli.acting import letters
from hinomi.cli.acting.ports import free_port
from hinomi.cli.acting.processes import Processes, hinomi
from hinomi.cli.drill import flows, toml
from hinomi.cli.drill.outside import Outside
from hinomi.cli.drill.plan import Plan, paced
from hinomi.cli.drill.reach import environment, place, reached_by, sent_by
from hinomi.detections.packs import keeping
from hinomi.detections.packs.shelf import published
from hinomi.directory.exporting import as_lists
from hinomi.errors import ConfigError
from hinomi.settings import Api
from hinomi.state import State
from hinomi.tenancy import municipality

HEAD = "# hinomi drill: settings of an exercise. Everything it sends is marked 訓練; it reaches nothing but [drill] reach.\n\n"


class Stage:
    """One drill's folder and processes."""

    def __init__(self, folder: Path, plan: Plan):
        self.folder, self.plan = folder, plan
        self.config, self.outside = folder / "hinomi.toml", folder / "outside"
        self.mail = self.outside / "mail"
        self.sending = sent_by(plan.material.settings) if plan.options.send else {}
        self.processes = Processes(self.outside, env=environment(self.sending), apart=True)
        self.pages = listener(plan.options.listen or f"127.0.0.1:{free_port()}")
        self.api, self.ingest = self.pages.near, f"127.0.0.1:{free_port()}"
        self.ingest_key = ""
        self.admin: letters.Api
        self.world: Outside

    @property
    def sent_to(self) -> str:
        """Where messages go, as people read it."""
        return (
            "実際の担当者（メールと連絡先の設定どおり）"
            if self.sending
            else f"フォルダ {self.mail}（だれにも送らない）"
        )

    # --- laying out -------------------------------------------------------------------------------

    def lay_out(self) -> None:
        """Write the folder; start what stands in for the world outside."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.mail.mkdir(parents=True)
        self.world = Outside(self.plan, self.outside, self.processes, people=bool(self.sending))
        self._hinomi("init", str(self.folder))
        self._copy_directory()
        self._copy_playbooks()
        tables = self._settings(self._copy_rules(), self.world.tables())
        self.config.write_text(HEAD + toml.written(tables), encoding="utf-8")
        self._hinomi("directory", "import", str(self.folder / "directory"), "--config", str(self.config))
        self._copy_packs()

    def _hinomi(self, *words: str) -> str:
        return hinomi(*words, where=self.folder, env=environment({}))

    def _copy_directory(self) -> None:
        folder = self.folder / "directory"
        folder.mkdir()
        for name, text in as_lists(self.plan.directory).items():
            (folder / name).write_text(text, encoding="utf-8")

    def _copy_playbooks(self) -> None:
        folder = self.folder / "playbooks"
        folder.mkdir()
        for name, entry in self.plan.material.library.items():
            (folder / f"{name}.yml").write_text(
                paced(entry.body, self.plan.options.pace, entry.where), encoding="utf-8"
            )

    def _copy_rules(self) -> list[str]:
        """Copy the rule folders of the settings; return where they are, the drill's own first."""
        own = self.folder / "rules" / "drill"
        own.mkdir(parents=True)
        (own / "stand-in.yml").write_text(flows.RULE, encoding="utf-8")
        settings, found = self.plan.material.settings, ["rules/drill"]
        for number, folder in enumerate(settings.rules.folders, 1):
            if (source := settings.resolve(folder)).is_dir():
                found.append(f"rules/{number:02}-{source.name}")
                shutil.copytree(source, self.folder / found[-1], ignore=shutil.ignore_patterns(".*"))
        return found

    def _copy_packs(self) -> None:
        """Copy the packs that are on, and which rules are off: the same rules run as in the live installation."""
        live, own = self.plan.material.settings, self.folder / "data"
        shelf = published(live.data)
        if not live.rules.packs or not shelf.revision:
            return
        on = {name: pack for name, pack in shelf.packs.items() if pack.state == "enabled"}
        shelf = msgspec.structs.replace(shelf, packs=on)
        for source, target in zip(shelf.folders(live.data), shelf.folders(own), strict=True):
            shutil.copytree(source, target, dirs_exist_ok=True)
        state, now = State(f"sqlite:///{own / 'state.db'}"), datetime.now(UTC)
        try:
            with state.write() as conn:
                keeping.keep(conn, shelf, now)
                keeping.publish(own, conn, now)
        finally:
            state.close()

    def _settings(self, rules: list[str], outside: dict[str, Any]) -> dict[str, Any]:
        live, options = self.plan.material.settings, self.plan.options
        tables = [*outside["vendors"].values(), *outside.get("channels", {}).values()]
        reach = [place(value) for table in tables for value in table.values() if str(value).startswith("http")]
        reach += [f"{outside['mail']['host']}:{outside['mail']['port']}"] if "mail" in outside else []
        reach += reached_by(self.sending)
        source = {
            "kind": "http",
            "formats": ["windows.eventlog"],
            "tenant": municipality(self.plan.device.tenant),
            "trusted_for_containment": True,
        }
        return {
            "data": "data", "language": live.language,
            "drill": {"on": True, "reach": sorted(set(reach))},
            "api": {"listen": self.pages.listen, "base_url": options.url},
            "ingest": {"listen": self.ingest},
            "store": {"flush_seconds": 2.0},
            "playbooks": {"shipped": False, "folders": ["playbooks"]},
            "rules": {"shipped": live.rules.shipped, "packs": live.rules.packs, "folders": rules, "contain": live.rules.contain, "lists": live.rules.lists},
            "guards": live.guards.model_dump(),
            **outside,
            "sources": {"drill": source},
        }  # fmt: skip

    # --- running ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Start serve; let the playbooks that answer run live, against the simulators."""
        self.processes.serve(self.config, self.api)
        self.admin = letters.Api(self.api, (self.folder / "data" / "keys" / "admin.key").read_text().strip())
        for entry in self.plan.entries:
            self.admin.call("POST", f"playbooks/{entry.playbook.id}/activate", {"mode": "live", "reason": "訓練"})
        made = self.admin.call("POST", "keys", {"name": "drill", "scopes": ["ingest"], "sources": ["drill"]})
        self.ingest_key = made["key"]


def listener(listen: str) -> Api:
    """Return where the drill's pages listen.

    Raises:
        ConfigError: If it is no HOST:PORT.
    """
    try:
        return Api(listen=listen)
    except ValidationError as error:
        raise ConfigError(f"--listen {listen!r} is no HOST:PORT", hint="for example 0.0.0.0:8410") from error
