"""A small world on loopback for end-to-end tests: hinomi's own processes, the simulator, a mail server."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

from hinomi.cli.acting.ports import free_port
from hinomi.cli.main import main

PLAYBOOK_SECONDS = {
    "15m": "8s",
    "30m": "6s",
    "10m": "2s",
    "1h": "8s",
    "4h": "9s",
    "12h": "20s",
    "24h": "20s",
    "1d": "20s",
    "14d": "60s",
    "3d": "30s",
}
TENANTS = "path,name,kind\nkita,北県,prefecture\nkita/aoba,青葉市,municipality\nkita/aoba/higashi-es,東小学校,school\n"
PEOPLE = (
    "id,tenant,name,role,mail,mail_off,phone,language,accounts\n"
    "t1,kita/aoba/higashi-es,佐藤 花,teacher,t1@school.test,t1@phone.test,,ja,sato\n"
    "h1,kita/aoba/higashi-es,鈴木 一,principal,h1@school.test,,,ja,suzuki\n"
    "b1,kita/aoba,高橋 教,board,b1@city.test,,,ja,takahashi\n"
    "o1,,運用 太,operator,o1@soc.test,,,ja,op1\n"
    "o2,,運用 長,operator_lead,o2@soc.test,,,ja,op2\n"
)
DEVICES = (
    "id,tenant,name,asset_no,owner,protected,vendors\n"
    "PC-0101,kita/aoba/higashi-es,PC-0101,A-0101,t1,no,defender=" + "a" * 40 + "\n"
    "PC-0102,kita/aoba/higashi-es,PC-0102,A-0102,h1,yes,defender=" + "b" * 40 + "\n"
)
RULES = "tenant,kind,pattern,class\nkita/aoba,name,*成績*,II\n"
WORD = "C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE"
POWERSHELL = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"


#: Product → its table of the settings but the address, what its simulator is told, and how its isolations are requested.
PRODUCTS: dict[str, tuple[str, list[str], str]] = {
    "defender": ('token_url = "{edr}/oauth2/token"\nclient_id = "client"\nclient_secret = "secret"', [], "/isolate"),
    "crowdstrike": ('client_id = "client"\nclient_secret = "secret"\nfirst_look = 1.0', ["--settle", "0.5"], "/devices-actions/v2"),
    "trend": ('api_key = "secret"', [], "/endpoints/isolate"),
    "intune": ('token_url = "{edr}/oauth2/token"\nclient_id = "client"\nclient_secret = "secret"', ["--leaves", "3600"], "/wipe"),
}  # fmt: skip


def eventually(look: Callable[[], Any], seconds: float = 30.0, pause: float = 0.1) -> Any:
    """Return the first true answer; the last one when the time is over. ``pause``: longer where a look is dear."""
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(pause)
    return found


def run_here(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, which has its modules already; never one on a drill, whose fence would stay."""
    said, told = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with redirect_stdout(said), redirect_stderr(told):
        code = main(words)
    out, err = (stream.buffer.getvalue().decode() for stream in (said, told))
    return subprocess.CompletedProcess(words, code, out, err)


class Mailbox:
    """Keeps what is sent to it."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content, policy=policy.default)
        message["X-To"] = ",".join(envelope.rcpt_tos)
        self.mails.append(message)
        return "250 OK"

    def find(self, to: str, template: str) -> Any:
        for mail in self.mails:
            if to in mail["X-To"] and mail["X-Hinomi-Template"] == template:
                return mail
        return None

    def link(self, to: str, template: str) -> str | None:
        mail = self.find(to, template)
        found = re.search(r"https?://\S+", mail.get_content()) if mail else None
        return found[0] if found else None


class World:
    """Everything started, and how to talk to it."""

    def __init__(self, folder: Path, product: str = "defender"):
        self.folder, self.product = folder, product
        self.api, self.ingest, self.edr, self.control, self.smtp = (free_port() for _ in range(5))
        self.config = folder / "site" / "hinomi.toml"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.mailbox = Mailbox()
        self.mail = Controller(self.mailbox, hostname="127.0.0.1", port=self.smtp)
        self.key = ""

    # --- setting up --------------------------------------------------------------------------------

    def lay_out(self, *, extra: str = "", seconds: bool = True, devices: str = DEVICES, people: str = PEOPLE) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.set_up("init", str(self.folder / "site"))
        lists = self.folder / "lists"
        lists.mkdir()
        for name, text in (("tenants", TENANTS), ("people", people), ("devices", devices), ("class_rules", RULES)):
            (lists / f"{name}.csv").write_text(text.replace("defender=", f"{self.product}="), encoding="utf-8")
        if seconds:
            self._short_playbook()
        self.config.write_text(self._toml() + extra)
        self.set_up("--config", str(self.config), "directory", "import", str(lists))
        new_key = ["key", "create", "--name", "w", "--scope", "ingest", "--source", "winlog", "-o", "json"]
        made = self.set_up("--config", str(self.config), *new_key)
        self.key = json.loads(made)["key"]

    @staticmethod
    def set_up(*args: str) -> str:
        done = run_here(*args)
        assert done.returncode == 0, f"hinomi {' '.join(args)} ended {done.returncode}: {done.stderr}"
        return done.stdout

    def activate(self, playbook: str = "external-malware") -> None:
        """Let a playbook act."""
        self.set_up(
            "--config", str(self.config), "playbook", "activate", playbook, "--mode", "live", "--reason", "test"
        )

    def _short_playbook(self) -> None:
        from importlib.resources import files

        folder = self.folder / "site" / "playbooks"
        folder.mkdir()
        text = (files("hinomi.playbooks") / "library/external-malware.yml").read_text(encoding="utf-8")
        for long, short in PLAYBOOK_SECONDS.items():
            text = re.sub(rf"\b{long}\b", short, text)
        (folder / "external-malware.yml").write_text(text, encoding="utf-8")

    def _toml(self) -> str:
        edr = f"http://127.0.0.1:{self.edr}"
        table = PRODUCTS[self.product][0].format(edr=edr)
        alerts = "" if self.product == "intune" else self._alerts()
        folders = '[playbooks]\nfolders = ["playbooks"]\n' if (self.folder / "site" / "playbooks").exists() else ""
        return f"""data = "data"
[api]
listen = "127.0.0.1:{self.api}"
[ingest]
listen = "127.0.0.1:{self.ingest}"
[mail]
host = "127.0.0.1"
port = {self.smtp}
sender = "hinomi@soc.test"
{folders}
[vendors.{self.product}]
base_url = "{edr}"
{table}
timeout = 2.0
[sources.oplog]
kind = "file"
path = "oplog/*.csv"
framing = "csv"
formats = ["skysea.operation"]
encoding = "cp932"
tenant = "kita/aoba"
[sources.winlog]
kind = "http"
formats = ["windows.eventlog"]
tenant = "kita/aoba"
trusted_for_containment = true
{alerts}"""

    def _alerts(self) -> str:
        return f"""[sources.edr]
kind = "pull"
api = "{self.product}.alerts"
vendor = "{self.product}"
interval = 1.0
formats = ["{self.product}.alert"]
tenant = "kita/aoba"
trusted_for_containment = true
"""

    def start(self, *, env: dict[str, str] | None = None, edr: bool = True) -> None:
        if not self.mail._thread:
            self.mail.start()
        if edr:
            self.start_edr()
        self.serve(env=env)

    def start_edr(self) -> None:
        machines = self.folder / "machines.json"
        rows = [line.split(",") for line in (self.folder / "lists/devices.csv").read_text().splitlines()[1:]]
        machines.write_text(
            json.dumps([{"id": row[6].partition("=")[2], "computerDnsName": row[2].lower()} for row in rows])
        )
        command = [
            sys.executable, "-m", f"hinomi.playbooks.vendors.{self.product}.simulator", "--port", str(self.edr), "--control-port", str(self.control),
            "--control-secret", "control", "--client-id", "client", "--client-secret", "secret", "--journal", str(self.folder / "edr.jsonl"),
            "--machines", str(machines), "--pending", "0.2", "--running", "0.2", "--no-limits",
            *PRODUCTS[self.product][1],
        ]  # fmt: skip
        self._spawn(command, "edr")
        assert eventually(lambda: self._answers(self.edr)), "the simulator does not listen"

    def serve(self, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        process = self._spawn([sys.executable, "-m", "hinomi", "serve", "--config", str(self.config)], "serve", env)
        assert eventually(lambda: self._answers(self.api) and self._answers(self.ingest), 40), (
            self.folder / "serve.log"
        ).read_text()[-3000:]
        return process

    @staticmethod
    def _answers(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def _spawn(self, command: list[str], name: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **(env or {})})
        self.processes.append(process)
        return process

    def stop(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self.processes.clear()
        if self.mail._thread:
            self.mail.stop()

    # --- talking -----------------------------------------------------------------------------------

    def hinomi(self, *args: str, code: int = 0) -> str:
        done = subprocess.run([sys.executable, "-m", "hinomi", *args], capture_output=True, text=True, check=False)
        assert done.returncode == code, f"hinomi {' '.join(args)} ended {done.returncode}: {done.stderr}"
        return done.stdout

    def post(self, lines: list[dict[str, Any]], **headers: str) -> tuple[int, dict[str, Any]]:
        body = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode()
        return self.send(
            f"http://127.0.0.1:{self.ingest}/v1/events/winlog", body, {"Authorization": f"Bearer {self.key}", **headers}
        )

    def send(self, url: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(url, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"{}")

    def call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        key = (self.config.parent / "data/keys/admin.key").read_text().strip()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        try:
            return self.send(f"http://127.0.0.1:{self.api}/api/v1/{path}", data, headers)[1]
        except urllib.error.URLError:  # the api was killed and is not back yet
            return {}

    def steer_edr(self, path: str, body: Any = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        return self.send(
            f"http://127.0.0.1:{self.control}/{path}",
            data,
            {"Authorization": "Bearer control", "Content-Type": "application/json"},
        )[1]

    def isolations(self) -> list[dict[str, Any]]:
        return [
            entry
            for entry in self.steer_edr("journal")["entries"]
            if entry["path"].endswith(PRODUCTS[self.product][2]) and entry["method"] == "POST"
        ]


def macro(host: str = "PC-0101", when: str | None = None, **more: Any) -> dict[str, Any]:
    """A Sysmon process creation that a shipped critical rule matches."""
    moment = when or time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()) + ".000"
    return {
        "EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "Computer": host, "UtcTime": moment, "Image": POWERSHELL,
        "CommandLine": "powershell.exe -w hidden -enc SQBFAFgA", "ParentImage": WORD, "User": "AOBA\\sato", "ProcessId": 4242,
        "Hashes": "SHA1=" + "c" * 40, **more,
    }  # fmt: skip
