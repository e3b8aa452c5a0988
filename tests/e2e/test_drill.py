"""``hinomi drill`` on a directory and playbooks of the test's own: scored, marked, and nothing real is reached."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from importlib.resources import files
from pathlib import Path
from typing import Any

import psutil
import pytest
from pypdf import PdfReader

from hinomi.cli.acting.pages import ask, press
from hinomi.cli.main import main

pytestmark = pytest.mark.timeout(300)  # a whole drill, also on a busy machine
OURS = """\
playbook: 1
id: ours-alone
version: 1.0.0
title: {ja: この市の手順}
match: {cause: external, category: [malware], severity: [critical], tenant: [kita/aoba]}
mode: shadow
steps:
  - {id: isolate, flow: 2, do: endpoint.isolate, target: incident.endpoint, verify: {state: isolated, within: 15m}}
  - {id: tell_teacher, notify: teacher, copy: school_management, template: isolation_notice, receipt: {flow: 3, due: 30m, remind: [10m], escalate: school_management}}
  - {id: first_response, after: [isolate], report: first_response, by: teacher, to: school_management, due: 2h, receipt: {flow: 4, due: 2h}}
  - {id: confirm, flow: 6, after: [isolate], decide: [true_positive, false_positive], by: operator, due: 2h, escalate: operator_lead}
  - {id: release, flow: 8, after: [confirm], do: endpoint.release, target: incident.endpoint, approve: {role: operator, quorum: 2, due: 2h}, verify: {state: released, within: 15m}}
"""
PACKED = """\
title: Packed {0}
name: packed_{0}
id: 00000000-0000-4000-8000-00000000000{0}
level: high
logsource: {{product: windows, category: process_creation}}
detection: {{selection: {{CommandLine|contains: packed}}, condition: selection}}
"""
SCHOOL = "kita/aoba/higashi-es"


@dataclass
class Site:
    """A live installation that is configured for real products, none of which may hear of a drill."""

    folder: Path
    config: Path
    recorder: Any

    @property
    def env(self) -> dict[str, str]:
        """The live installation's secrets and addresses are in the environment too."""
        url = f"http://127.0.0.1:{self.recorder.port}"
        mine = {
            "HINOMI_VENDORS__DEFENDER__BASE_URL": url,
            "HINOMI_MAIL__PORT": str(self.recorder.port),
            "COLUMNS": "150",
        }
        return {**os.environ, **mine}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "hinomi", *words, "--config", str(self.config)]

    def hinomi(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*words), capture_output=True, text=True, check=False, env=self.env, cwd=self.folder
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def audit(self) -> list[dict[str, Any]]:
        import sqlite3

        with sqlite3.connect(self.config.parent / "data" / "state.db") as conn:
            return [json.loads(row[0]) for row in conn.execute("SELECT record FROM audit ORDER BY seq")]

    def files(self) -> dict[str, bytes]:
        """Return the live data folder, but for what opening the state store itself touches."""
        data = self.config.parent / "data"
        free = ("state.db", "lock", "seal", "keys/link.key")
        return {
            str(path.relative_to(data)): path.read_bytes() for path in sorted(data.rglob("*"))
            if path.is_file() and not any(word in str(path.relative_to(data)) for word in free)
        }  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, world_module: Any, recorder_type: Any) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("drill")
    made = Site(folder, folder / "live" / "hinomi.toml", recorder_type())
    assert made.hinomi("init", str(folder / "live")).returncode == 0
    (folder / "live" / "playbooks").mkdir()
    (folder / "live" / "playbooks" / "ours.yml").write_text(OURS, encoding="utf-8")
    lost = (files("hinomi.playbooks") / "library/internal-lost-device.yml").read_text(encoding="utf-8")
    (folder / "live" / "playbooks" / "lost.yml").write_text(lost, encoding="utf-8")
    lists = folder / "lists"
    lists.mkdir()
    tables = {
        "tenants": world_module.TENANTS,
        "people": world_module.PEOPLE,
        "devices": world_module.DEVICES,
        "class_rules": world_module.RULES,
    }
    for name, text in tables.items():
        text = re.sub(r"defender=(\w+)", r"defender=\1;intune=mdm-\1", text)
        (lists / f"{name}.csv").write_text(text, encoding="utf-8")
    url = f"http://127.0.0.1:{made.recorder.port}"
    made.config.write_text(
        f"""data = "data"
[mail]
host = "127.0.0.1"
port = {made.recorder.port}
[playbooks]
folders = ["playbooks"]
shipped = false
[vendors.defender]
base_url = "{url}"
token_url = "{url}/token"
client_id = "real"
client_secret = "very-real"
[vendors.intune]
base_url = "{url}"
token_url = "{url}/token"
client_id = "real"
client_secret = "very-real"
[channels.slack]
token = "xoxb-very-real"
signing_secret = "very-real"
app_token = "xapp-very-real"
channel = "CREAL"
roles = ["operator_lead"]
base_url = "{url}/api/"
[channels.teams]
url = "{url}/very-real"
roles = ["board"]
[channels.google_chat]
url = "{url}/very-real"
roles = ["school_management"]
[sources.edr]
kind = "pull"
api = "defender.alerts"
vendor = "defender"
formats = ["defender.alert"]
""",
        encoding="utf-8",
    )
    done = made.hinomi("directory", "import", str(lists))
    assert done.returncode == 0, done.stderr
    (folder / "pack").mkdir()
    for number in (1, 2):
        (folder / "pack" / f"{number}.yml").write_text(PACKED.format(number), encoding="utf-8")
    for words in (("add", str(folder / "pack")), ("disable", "packed_2")):
        assert main(["rule", *words, "--reason", "ours", "--config", str(made.config)]) == 0
    yield made
    made.recorder.close()


@dataclass
class Held:
    """A drill that was held: what it printed, its sheet, its folder, the live installation before and after."""

    code: int
    out: str
    sheet: dict[str, Any]
    folder: Path
    before: tuple[list[dict[str, Any]], dict[str, bytes]]
    after: tuple[list[dict[str, Any]], dict[str, bytes]]

    def items(self) -> dict[str, dict[str, Any]]:
        return {item["what"]: item for item in self.sheet["items"]}

    def mails(self) -> list[Any]:
        paths = sorted((self.folder / "outside" / "mail").glob("*.eml"))
        return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]


@pytest.fixture(scope="module")
def held(site: Site) -> Held:
    """A drill of played roles; the teacher answers an hour after the isolation, half an hour too late."""
    before = site.audit(), site.files()
    folder, file = site.folder / "held", site.folder / "held.json"
    words = (
        "--flow",
        "external",
        "--for",
        SCHOOL,
        "--pace",
        "600",
        "--delay",
        "teacher=60",
        "--keep",
        str(folder),
        "--json",
        str(file),
    )
    done = site.hinomi("drill", *words)
    assert file.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    return Held(
        done.returncode, done.stdout, json.loads(file.read_text()), folder, before, (site.audit(), site.files())
    )


def test_it_ends_with_a_score_sheet_in_which_the_late_are_late(held: Held) -> None:
    assert (held.code, held.sheet["ended_by"]) == (0, "finished"), held.out
    items = held.items()
    assert items["検知"]["verdict"] == "done"
    assert [items[name]["verdict"] for name in ("端末のネットワーク隔離", "端末の隔離解除")] == ["in_time", "in_time"]
    (late,) = [item for item in held.sheet["items"] if item["flow"] == 3]
    assert (late["verdict"], late["by"]) == ("late", "佐藤 花（教職員）")
    assert 2.9 < late["late"] < 60  # thirty minutes at 600 times the pace, and what the machine needed
    assert late["reminded"] == 1
    assert late["escalated"]
    assert {item["by"] for item in held.sheet["items"] if item["role"] == "operator"} <= {
        "運用 太（事業者）",
        "運用 長（事業者責任者）",
        "運用 長（事業者）",
    }
    assert held.sheet["score"]["never"] == 0
    assert held.sheet["modes"] == {"ours-alone": "shadow"}
    for said in ("期限内", "遅れ", "催促", "だれにも送らない", "drill.held"):
        assert said in held.out


def test_every_message_is_marked_in_subject_and_body(held: Held) -> None:
    mails = held.mails()
    assert len(mails) >= 6
    for mail in mails:
        assert str(mail["Subject"]).startswith("【訓練】")
        assert mail["X-Hinomi-Drill"] == "yes"
        lines = mail.get_content().strip().splitlines()
        assert "これは訓練です" in lines[1]
        assert "これは訓練です" in lines[-1]
    templates = {str(mail["X-Hinomi-Template"]) for mail in mails}
    assert {
        "isolation_notice",
        "receipt_reminder",
        "escalation",
        "report_form",
        "decision_request",
        "approval_request",
    } <= templates
    slack = [json.loads(line) for line in (held.folder / "outside" / "slack.jsonl").read_text().splitlines()]
    texts = [entry["body"]["text"] for entry in slack if entry["method"] == "chat.postMessage"]
    assert all("【訓練】" in text for text in texts)
    assert "very-real" not in json.dumps(slack)


def test_rooms_that_only_listen_are_told_on_loopback_and_marked(held: Held) -> None:
    posts = [json.loads(line) for line in (held.folder / "outside" / "hooks.jsonl").read_text().splitlines()]
    assert {post["room"] for post in posts} == {"google_chat"}  # nothing is said to the board in this playbook
    assert all("【訓練】" in json.dumps(post["body"], ensure_ascii=False) for post in posts)
    config = tomllib.loads((held.folder / "hinomi.toml").read_text(encoding="utf-8"))
    assert config["channels"]["teams"]["roles"] == ["board"]
    assert "very-real" not in json.dumps(config)


def test_packs_are_brought_over_and_what_is_off_is_off(held: Held) -> None:
    words = ["rule", "list", "-o", "json", "--config", str(held.folder / "hinomi.toml")]
    command = [sys.executable, "-m", "hinomi", *words]  # not in this process: it would have a drill's fence for ever
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [row["title"] for row in json.loads(done.stdout) if row["pack"] == "pack"] == ["Packed 1"]


def test_every_report_is_marked_on_every_page(held: Held) -> None:
    paths = [*(held.folder / "data" / "reports").glob("*.pdf"), held.folder / "drill.pdf"]
    assert len(paths) == 2
    for path in paths:
        for page in PdfReader(io.BytesIO(path.read_bytes())).pages:
            assert "【訓練】【取扱注意】" in re.sub(r"\s+", "", page.extract_text())
    assert "【訓練】" in (held.folder / "drill.html").read_text(encoding="utf-8")
    assert json.loads((held.folder / "drill.json").read_text(encoding="utf-8"))["score"] == held.sheet["score"]


def test_nothing_real_was_asked_for_anything(site: Site, held: Held) -> None:
    assert site.recorder.seen == []
    assert held.sheet["requests"] == 2  # one isolation and one release, of the simulator
    config = (held.folder / "hinomi.toml").read_text(encoding="utf-8")
    assert str(site.recorder.port) not in config
    assert "real" not in config
    assert (held.folder.stat().st_mode & 0o777) == 0o700


def test_the_live_installation_knows_only_that_it_took_place(held: Held) -> None:
    (records, files), (later, files_later) = held.before, held.after
    assert files == files_later
    (new,) = later[len(records) :]
    assert later[: len(records)] == records
    assert (new["act"], new["tenant"], new["detail"]["flow"]) == ("drill.held", SCHOOL, "external")
    assert {name: new["detail"][name] for name in ("total", "in_time", "late", "never")} == held.sheet["score"]
    assert new["actor"].startswith("local:")


# --- a lost PC ------------------------------------------------------------------------------------------


def test_a_lost_pc_is_wiped_once_in_the_simulator_after_two_persons_have_said_yes(site: Site) -> None:
    folder, file = site.folder / "lost", site.folder / "lost.json"
    words = ("--flow", "lost-device", "--pace", "600", "--choose", "wipe", "--keep", str(folder), "--json", str(file))
    done = site.hinomi("drill", *words)
    assert file.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    sheet = json.loads(file.read_text())
    assert (done.returncode, sheet["ended_by"]) == (0, "finished"), done.stdout
    items = {item["step"]: item for item in sheet["items"]}
    assert {"tell_manager", "judge_loss", "wipe", "loss_report", "board_report", "duty"} <= set(items)
    assert items["lock"]["verdict"] == "skipped"
    assert sheet["requests"] == 1
    journal = [json.loads(line) for line in (folder / "outside" / "intune.jsonl").read_text().splitlines()]
    assert sum(entry["path"].endswith("/wipe") for entry in journal) == 1
    paths = (folder / "outside" / "mail").glob("*.eml")
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]
    assert all(str(mail["Subject"]).startswith("【訓練】") for mail in mails)
    assert site.recorder.seen == []


# --- people who answer, and Ctrl-C ----------------------------------------------------------------------


def look_for(folder: Path, template: str, process: subprocess.Popen[str]) -> str:
    """Return the link of the first mail of a template, once it has come."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        for path in sorted((folder / "outside" / "mail").glob("*.eml")):
            mail = message_from_bytes(path.read_bytes(), policy=policy.default)
            if mail["X-Hinomi-Template"] == template and (found := re.search(r"https?://\S+", mail.get_content())):
                return found[0]
        time.sleep(0.2)
    pytest.fail(f"no mail of {template}: {process.stdout.read() if process.stdout else ''}")


def test_a_person_answers_the_link_and_ctrl_c_ends_it_with_the_score_so_far(site: Site) -> None:
    folder, file = site.folder / "people", site.folder / "people.json"
    words = (
        "drill",
        "--flow",
        "external",
        "--as-played",
        "people",
        "--device",
        "PC-0101",
        "--keep",
        str(folder),
        "--json",
        str(file),
        "--plain",
    )
    process = subprocess.Popen(
        site.command(*words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=site.env, cwd=site.folder
    )
    try:
        link = look_for(folder, "isolation_notice", process)
        page = ask("GET", link)
        assert "<title>【訓練】" in page.text
        assert "これは訓練です" in page.text
        assert "受領しました" in press(link, {}).text
        time.sleep(1.5)  # it is looked at twice a second
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, out
    sheet = json.loads(file.read_text())
    assert (sheet["ended_by"], sheet["pace"]) == ("interrupted", 1.0)
    (teacher,) = [item for item in sheet["items"] if item["flow"] == 3]
    assert (teacher["verdict"], teacher["by"]) == ("in_time", "佐藤 花（教職員）")
    verdicts = [item["verdict"] for item in sheet["items"]]
    assert {"open", "not_started"} <= set(verdicts)
    assert sheet["score"]["never"] == sum(verdict in ("open", "not_started") for verdict in verdicts)
    assert link in out  # for whoever sits beside it: nothing was sent
    assert (folder / "drill.pdf").exists()
    assert len(family) > 5
    assert [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
    assert site.recorder.seen == []


# --- before anything is started -------------------------------------------------------------------------


@pytest.fixture
def ask_for(site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run ``hinomi drill`` in this process, where it starts none; return its exit code and what it said."""
    monkeypatch.chdir(site.folder)
    monkeypatch.setenv("COLUMNS", "150")

    def run(*words: str) -> tuple[int, str]:
        code = main(["drill", "--flow", "external", *words, "--config", str(site.config)])
        return code, "".join(capsys.readouterr())

    return run


def test_a_dry_run_says_what_it_would_be_and_starts_nothing(site: Site, ask_for: Any) -> None:
    before = sorted(site.folder.iterdir()), site.audit()
    code, printed = ask_for("--for", "kita/aoba", "--dry-run")
    assert code == 0
    for said in ("PC-0101", "ours-alone", "本番では shadow", "defender", "t1", "o2", "何も始めていません"):
        assert said in printed
    assert (sorted(site.folder.iterdir()), site.audit()) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--for", "kita/nowhere"), "kita/aoba/higashi-es"),
        (("--device", "PC-9999"), "hinomi host list"),
        (("--delay", "king=3"), "school_management"),
        (("--delay", "teacher=soon"), "ROLE=never"),
        (("--send-mail",), "--as-played people"),
        (("--send-mail", "--as-played", "people"), "--url"),
        (("--listen", "8410"), "HOST:PORT"),
        (("--keep", "."), "nothing is overwritten"),
        (("--directory", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_held_is_said_before_anything_is_started(
    site: Site, ask_for: Any, words: tuple[str, ...], said: str
) -> None:
    code, printed = ask_for(*words)
    assert code in (1, 2)
    assert said in printed
    assert not list(site.folder.glob("hinomi-drill-*"))


def test_a_school_that_no_playbook_answers_for_is_an_error(site: Site, ask_for: Any, tmp_path: Path) -> None:
    for path in (site.folder / "lists").iterdir():
        text = path.read_text(encoding="utf-8").replace("kita/aoba", "kita/midori")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    code, printed = ask_for("--directory", str(tmp_path))
    what = "cause external, category malware, severity critical in kita/midori/higashi-es"
    assert (code, f"no playbook answers an incident of {what}" in printed) == (2, True)
