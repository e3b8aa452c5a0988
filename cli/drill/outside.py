"""What stands in for the world outside of a drill: a simulator for each product, a mailbox, a Slack, webhooks."""

import json
import secrets
from pathlib import Path
from typing import Any

from hinomi.cli.acting.processes import Child, Processes
from hinomi.cli.drill.plan import Plan
from hinomi.errors import UnknownComponentError
from hinomi.playbooks.channels import channels
from hinomi.playbooks.channels.room_settings import RoomType
from hinomi.playbooks.channels.webhook import WebhookSettings

WHOM = ("roles", "tenant")
"""What is taken over from a room's table: whom it tells. Its secrets are not."""
SLACK = "hinomi.playbooks.channels.slack.simulator"
HOOKS = "hinomi.cli.acting.hooks"


class Outside:
    """Started all at once; `tables` says, as settings, where each is."""

    def __init__(self, plan: Plan, folder: Path, processes: Processes, *, people: bool):
        """Start them. ``people``: real ones are written to, so there is neither mailbox nor room."""
        self._plan, self._folder, self._processes = plan, folder, processes
        self._live = plan.material.settings
        self._products = {name: self._simulator(name, module) for name, module in plan.simulators.items()}
        self._mailbox = None if people else self._start_mailbox()
        self._token = secrets.token_hex(16)
        self._slack = self._hooks = None
        self._rooms = [] if people else [name for name in self._live.channels if is_webhook(name)]
        if not people:
            self._slack, self._hooks = self._start_slack(), self._start_hooks()

    def _journal(self, name: str) -> Path:
        return self._folder / f"{name}.jsonl"

    def _simulator(self, name: str, module: str) -> Child:
        """Start a product's simulator with the directory's devices."""
        devices = [d for d in self._plan.directory.devices if name in d.vendors]
        machines = [{"id": d.vendors[name], "computerDnsName": d.name.lower()} for d in devices]
        listed = self._folder / f"{name}-machines.json"
        listed.write_text(json.dumps(machines), encoding="utf-8")
        return self._processes.start(
            name, "-m", module, "--journal", str(self._journal(name)), "--client-id", "hinomi-drill", "--client-secret", secrets.token_hex(16),
            "--control-secret", secrets.token_hex(16), "--machines", str(listed), "--no-limits",
        )  # fmt: skip

    def _start_mailbox(self) -> Child:
        folder = str(self._folder / "mail")
        return self._processes.start("mailbox", "-m", "hinomi.cli.acting.mailbox", "--folder", folder)

    def _start_slack(self) -> Child | None:
        """Start a Slack for the one of the settings; rooms of other products are left out, and that is said."""
        others = sorted(self._live.channels.keys() - {"slack", *self._rooms})
        self._plan.notes.extend(f"連絡先「{name}」の模擬がないため、そこへの連絡は行わなかった。" for name in others)
        if "slack" not in self._live.channels:
            return None
        return self._processes.start(
            "slack", "-m", SLACK, "--token", self._token, "--signing-secret", secrets.token_hex(16), "--journal", str(self._journal("slack")),
        )  # fmt: skip

    def _start_hooks(self) -> Child | None:
        """Start what takes the messages of rooms that only listen (Teams, Google Chat)."""
        journal = str(self._journal("hooks"))
        return self._processes.start("hooks", "-m", HOOKS, "--journal", journal) if self._rooms else None

    def tables(self) -> dict[str, Any]:
        """Return vendors, mail and channels of the settings, once all are ready; without buttons in Slack."""
        vendors = {name: self._product(name, child) for name, child in self._products.items()}
        found: dict[str, Any] = {"vendors": vendors}
        if self._mailbox is not None:
            port = self._mailbox.first("port")["port"]
            found["mail"] = {"host": "127.0.0.1", "port": port, "sender": self._live.mail.sender}
        if rooms := self._tables_of_rooms():
            found["channels"] = rooms
        return found

    def _tables_of_rooms(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._slack is not None:
            address = f"http://127.0.0.1:{self._slack.first('port')['port']}/api/"
            found["slack"] = {**self._whom("slack"), "token": self._token, "channel": "C1", "base_url": address}
        if self._hooks is not None:
            port = self._hooks.first("port")["port"]
            found |= {name: {**self._whom(name), "url": f"http://127.0.0.1:{port}/{name}"} for name in self._rooms}
        return found

    def _whom(self, room: str) -> dict[str, Any]:
        return {name: value for name, value in self._live.channels[room].items() if name in WHOM}

    def _product(self, name: str, child: Child) -> dict[str, Any]:
        product = self._live.vendors.get(name, {}).get("product", name)
        return {"product": product, **child.first("port")["settings"]}

    def requests(self) -> int:
        """Return how many acts the simulated products were asked for."""
        paths = [path for name in self._products if (path := self._journal(name)).exists()]
        lines = [line for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
        return sum(bool(json.loads(line).get("action")) for line in lines)


def is_webhook(name: str) -> bool:
    """Tell whether a channel is a room to whose address messages are posted, whichever product it is."""
    try:
        made = channels.get(name)
    except UnknownComponentError:
        return False
    return isinstance(made, RoomType) and issubclass(made.keys, WebhookSettings)
