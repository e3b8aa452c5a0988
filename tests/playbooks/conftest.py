"""What tests of playbooks share: a Defender simulator and a mail server, real ones on loopback."""

import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiosmtpd.controller import Controller

from hinomi.cli.acting.ports import free_port


class Edr:
    """A running simulator, seen by its players: every product's has the same command line and the same second door."""

    def __init__(self, folder: Path, *more: str, product: str = "defender"):
        command = [
            sys.executable, "-m", f"hinomi.playbooks.vendors.{product}.simulator", "--client-id", "app", "--client-secret", "s3cret",
            "--control-secret", "door", "--journal", str(folder / "journal.jsonl"), *more,
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        ready = json.loads(self.process.stdout.readline())
        self.product = product
        self.url = f"http://127.0.0.1:{ready['port']}"
        self.settings: dict[str, Any] = {**ready["settings"], "timeout": 2.0}
        self.comments: list[str] = ready["comments"]
        self._door = httpx2.Client(
            base_url=f"http://127.0.0.1:{ready['control_port']}", headers={"Authorization": "Bearer door"}
        )

    def machine(self) -> str:
        """Add a machine that nobody else uses; return the id that the product gives it."""
        added = self._door.post("/machines", json={"computerDnsName": f"pc-{uuid.uuid4().hex[:6]}"})
        return str(added.json()[0]["id"])

    def stranger(self) -> str:
        """Return an id that looks like one of the product's machines and is none."""
        return re.sub(r"[0-9a-fA-F]", "f", self.machine())

    def wrong_secret(self) -> dict[str, str]:
        """Return what to change in the settings so that the product refuses them."""
        return {name: "wrong" for name in ("client_secret", "api_key") if name in self.settings}

    def fault(self, kind: str, machine: str, action: str | None = None, **more: Any) -> None:
        answer = self._door.post("/faults", json={"kind": kind, "machine": machine, "action": action, **more})
        assert answer.status_code == 200, answer.text

    def list_fault(self, kind: str, **more: Any) -> None:
        self._door.post("/faults", json={"kind": kind, "action": "list", **more})

    def lift_faults(self) -> None:
        self._door.delete("/faults")

    def portal(self, machine: str, kind: str) -> str:
        """An administrator isolates or releases in the portal; return the action's id."""
        return str(self._door.post("/actions", json={"machine": machine, "action": kind}).json()[0]["id"])

    def cancel(self, action: str | None, machine: str = "", kind: str = "") -> None:
        """An administrator withdraws an action, by its id where the product has ids."""
        asked = {"id": action, "machine": machine, "action": kind}
        assert self._door.post("/cancel", json=asked).status_code == 200

    def alert(self, machine: str) -> None:
        self._door.post("/alerts", json={"machineId": machine, "title": "again"})

    def actions(self, machine: str) -> list[tuple[str, str]]:
        """Return (type, status) of a machine's actions, oldest first."""
        return [(a["type"], a["status"]) for a in self.whole(machine)]

    def whole(self, machine: str) -> list[dict[str, Any]]:
        found = [a for a in self._door.get("/state").json()["actions"] if a["machineId"] == machine]
        return sorted(found, key=lambda action: str(action["creationDateTimeUtc"]))

    def isolated(self, machine: str) -> bool:
        return machine in self._door.get("/state").json()["isolated"]

    def requests(self, machine: str, call: str) -> list[Any]:
        """Return the statuses of requests of a kind for a machine, as the journal has them."""
        entries = self._door.get("/journal").json()["entries"]
        return [e["status"] for e in entries if e["path"] == f"/api/machines/{machine}/{call}"]

    def sent(self, machine: str) -> list[dict[str, Any]]:
        """Return the requests that wanted something of a machine."""
        entries: list[dict[str, Any]] = self._door.get("/journal").json()["entries"]
        return [e for e in entries if e["method"] == "POST" and machine in f"{e['path']} {e['body']}"]

    def steer(self, path: str, body: Any) -> Any:
        """Do something that only this product's players can."""
        return self._door.post(path, json=body).json()

    def close(self) -> None:
        self._door.close()
        self.process.terminate()
        self.process.communicate(timeout=10)


@pytest.fixture(scope="session")
def simulator() -> type[Edr]:
    """Start any product's simulator."""
    return Edr


@pytest.fixture(scope="session")
def shared_edr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edr]:
    made = Edr(tmp_path_factory.mktemp("edr"), "--no-limits", "--pending", "0.1", "--running", "0.1")
    yield made
    made.close()


@pytest.fixture
def edr(shared_edr: Edr) -> Iterator[Edr]:
    yield shared_edr
    shared_edr.lift_faults()


class Mailbox:
    """Keeps what is sent to it; addresses in ``refused`` do not exist."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refused: set[str] = set()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refused:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def sent(self, template: str, to: str = "") -> list[EmailMessage]:
        return [m for m in self.mails if m["X-Hinomi-Template"] == template and to in f"{m['To']},{m['Cc']}"]


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    port, box = free_port(), Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield box, port
    server.stop()
