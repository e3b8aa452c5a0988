"""`hinomi playbook lint|test|simulate|diff|export|import` and `run show --graph`, as they are typed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from hinomi import directory
from hinomi.clock import FakeClock, iso
from hinomi.directory import Device, Directory, Person, Tenant
from hinomi.hits import Hit, RuleInfo
from hinomi.playbooks.incidents import alerts
from hinomi.runtime.parts import build_core
from hinomi.settings import load_settings
from hinomi.tenancy import SCOPES, Grant

SHIPPED = str(files("hinomi.playbooks") / "library" / "external-malware.yml")
SCHOOL = "kita/aoba/higashi-es"
SETTINGS = """data = "data"
[playbooks]
folders = ["playbooks"]
[vendors.defender]
base_url = "http://127.0.0.1:9"
token_url = "http://127.0.0.1:9/token"
client_id = "app"
client_secret = "s3cret"
"""
FOREIGN = {
    "type": "playbook", "spec_version": "cacao-2.0", "id": "playbook--5e1cbd6d-1f3e-4d2e-9c11-0a3b6c5d7e8f", "name": "Theirs",
    "created_by": "identity--6b0d5f6e-0d3a-4c1e-8a55-1f2e3d4c5b6a", "created": "2025-01-21T14:14:23.263Z", "modified": "2025-01-21T14:14:23.263Z",
    "workflow_start": "start--11111111-2222-4333-8444-555555555551",
    "workflow": {
        "start--11111111-2222-4333-8444-555555555551": {"type": "start", "on_completion": "action--11111111-2222-4333-8444-555555555552"},
        "action--11111111-2222-4333-8444-555555555552": {
            "type": "action", "name": "Block", "agent": "organization--11111111-2222-4333-8444-555555555554",
            "commands": [{"type": "bash", "command": "block.sh"}], "on_completion": "end--11111111-2222-4333-8444-555555555553",
        },
        "end--11111111-2222-4333-8444-555555555553": {"type": "end"},
    },
    "agent_definitions": {"organization--11111111-2222-4333-8444-555555555554": {"type": "organization", "name": "SOC"}},
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, hinomi: Any) -> Path:
    """An installation with an incident whose playbook is live and waits for people; nothing of it was sent."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "playbooks").mkdir()
    (folder / "hinomi.toml").write_text(SETTINGS)
    (folder / "theirs.json").write_text(json.dumps(FOREIGN))
    (folder / "playbooks" / "theirs.yml").write_text(hinomi("playbook", "import", str(folder / "theirs.json")).out)
    clock = FakeClock(datetime(2026, 11, 25, 0, 0, tzinfo=UTC))
    core = build_core(load_settings(folder / "hinomi.toml"), clock)
    people = [
        Person("t1", SCHOOL, "佐藤 花", "teacher", mail_off="t1@phone.test"), Person("h1", SCHOOL, "鈴木 一", "principal", mail="h1@school.test"),
        Person("o1", "", "運用 太", "operator", mail="o1@soc.test"), Person("o2", "", "運用 長", "operator_lead", mail="o2@soc.test"),
    ]  # fmt: skip
    tenants = [
        Tenant("kita", "北県", "prefecture"),
        Tenant("kita/aoba", "青葉市", "municipality"),
        Tenant(SCHOOL, "東小学校", "school"),
    ]
    device = Device("pc-1", SCHOOL, "pc-1", "備品1", "t1", protected=True, vendors={"defender": "a" * 40})
    known = Directory(tenants=tenants, people=people, devices=[device])
    rule = RuleInfo(id="r1", title="Bad", level="critical", hash="h", category="malware", contain="auto")
    now = clock.now()
    hit = Hit(rule=rule, generation=1, event_id="e1", time=iso(now), received=iso(now), tenant=SCHOOL, source="edr", entity="host:pc-1", host="pc-1",
              host_known=True, user="t1", trusted=True)  # fmt: skip
    with core.state.write() as conn:
        directory.save(conn, known, "local:test", now)
        core.engine.activate(conn, "external-malware", "live", Grant("local:test", "", SCOPES), "test", now)
        alerts.record_hits(conn, [hit], now=now, directory=known, on_change=core.engine.on_incident)
        core.engine.tick(conn, clock.advance(minutes=20))
    core.state.close()
    return folder


@pytest.fixture
def ask(site: Path, hinomi: Any) -> Callable[..., Any]:
    return lambda *words: hinomi(*words, "--config", str(site / "hinomi.toml"))


def test_lint_says_what_it_is_where_and_what_to_do_and_ends_1(hinomi: Any, tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text(
        Path(SHIPPED).read_text(encoding="utf-8").replace("do: endpoint.scan", "do: endpoint.scann"), encoding="utf-8"
    )
    said = hinomi("playbook", "lint", str(tmp_path))
    assert (
        said.code,
        "error: no action is called 'endpoint.scann'" in said.out,
        "did you mean 'endpoint.scan'?" in said.out,
    ) == (1, True, True)
    assert said.err.strip() == "1 errors, 0 warnings"
    (row,) = json.loads(hinomi("playbook", "lint", str(tmp_path), "-o", "json").out)
    assert (row["level"], row["playbook"]) == ("error", "external-malware")
    assert row["where"].startswith(f"{tmp_path / 'p.yml'}:21:")
    assert hinomi("playbook", "lint", SHIPPED).code == 0
    assert hinomi("playbook", "lint", str(tmp_path / "none")).code == 2


def test_lint_with_a_configuration_asks_who_holds_the_roles(ask: Any) -> None:
    said = ask("playbook", "lint", SHIPPED)
    assert said.code == 1
    assert f"nobody is board for {SCHOOL}" in said.out
    assert "nobody is operator" not in said.out


def test_test_ends_1_and_shows_what_differs(hinomi: Any, tmp_path: Path) -> None:
    text = "playbook: 1\nid: p\nversion: 1.0.0\ntitle: {ja: 試験}\nmatch: {category: malware}\nsteps:\n  - {id: ask, decide: [a, b], by: operator, due: 30m}\n"
    (tmp_path / "p.yml").write_text(
        text + "tests:\n  - {name: late, expect: [{at: 45m, step: ask, message: escalation}]}\n", encoding="utf-8"
    )
    said = hinomi("playbook", "test", str(tmp_path))
    assert said.code == 1
    assert f"{tmp_path / 'p.yml'}:9:5: late" in said.out
    assert "-      45m  ask  message escalation" in said.out
    assert "+      30m  ask  message escalation  → operator_lead" in said.out
    assert "0 of 1 passed" in said.err
    (tmp_path / "p.yml").write_text(
        (tmp_path / "p.yml").read_text(encoding="utf-8").replace("45m", "30m"), encoding="utf-8"
    )
    assert hinomi("playbook", "test", str(tmp_path)).code == 0


def test_simulate_tells_of_facts_that_are_given(hinomi: Any) -> None:
    said = hinomi(
        "playbook", "simulate", SHIPPED, "--facts", "protected=true", "--answer", "confirm=false_positive", "-o", "json"
    )
    assert (said.code, said.err.strip()) == (0, "nothing was sent")
    rows = json.loads(said.out)
    assert {
        "at": "0s",
        "step": "isolate",
        "what": "asked",
        "outcome": "approval",
        "who": "operator",
        "due": "15m",
        "detail": "approve, deny",
    } in rows
    assert [row["step"] for row in rows if row["what"] == "skipped"] == ["eradicate", "scan"]
    assert rows[-1]["what"] == "ended"
    assert hinomi("playbook", "simulate", SHIPPED, "--facts", "severity=low").code == 1
    for answer, meant in (
        ("confirm=false", "known: false_positive, true_positive"),
        ("confrim=x", "did you mean 'confirm'?"),
    ):
        refused = hinomi("playbook", "simulate", SHIPPED, "--answer", answer)
        assert (refused.code, meant in refused.err) == (2, True), refused.err
    wrong = hinomi("playbook", "simulate", SHIPPED, "--facts", "protectd=true")
    assert (wrong.code, "did you mean 'protected'?" in wrong.err) == (2, True)


def test_simulate_plays_for_an_incident_that_there_is_and_names_the_request(ask: Any) -> None:
    before = ask("run", "list", "-o", "json").out
    by_incident, by_alert = (
        ask("playbook", "simulate", SHIPPED, kind, "1", "-o", "json") for kind in ("--incident", "--alert")
    )
    assert by_incident.code == 0, by_incident.err
    rows = json.loads(by_incident.out)
    assert [row["detail"] for row in rows if row["step"] == "isolate" and row["what"] == "started"] == [
        f"POST http://127.0.0.1:9/api/machines/{'a' * 40}/isolate"
    ]
    assert ("approval", "operator") in [(row["outcome"], row["who"]) for row in rows if row["step"] == "isolate"], (
        "the PC is protected there"
    )
    assert "t1" in [row["who"] for row in rows], "people are those of the directory"
    assert by_alert.out == by_incident.out
    assert ask("run", "list", "-o", "json").out == before, "nothing is kept"
    assert ask("playbook", "simulate", SHIPPED, "--incident", "99").code == 1


def test_diff_compares_a_file_with_what_is_in_service(ask: Any, tmp_path: Path) -> None:
    text = Path(SHIPPED).read_text(encoding="utf-8")
    (tmp_path / "new.yml").write_text(
        text.replace("approve: {role: operator, quorum: 1, due: 24h, on_timeout: escalate}, ", ""), encoding="utf-8"
    )
    said = ask("playbook", "diff", "external-malware", str(tmp_path / "new.yml"))
    assert (said.code, "- release.approve" in said.out, "careful: a safeguard goes" in said.out) == (0, True, True)
    assert "1 changes, 1 to look at twice" in said.err
    assert ask("playbook", "diff", "external-malware", SHIPPED, "-o", "json").out.strip() == "[]"


def test_export_and_import_bring_a_playbook_back(hinomi: Any, tmp_path: Path) -> None:
    exported = hinomi("playbook", "export", SHIPPED, "--format", "cacao")
    assert json.loads(exported.out)["spec_version"] == "cacao-2.0"
    (tmp_path / "x.json").write_text(exported.out, encoding="utf-8")
    (tmp_path / "x.yml").write_text(hinomi("playbook", "import", str(tmp_path / "x.json")).out, encoding="utf-8")
    assert hinomi("playbook", "diff", SHIPPED, str(tmp_path / "x.yml"), "-o", "json").out.strip() == "[]"
    (tmp_path / "broken.json").write_text('{"type":\n "playbook"', encoding="utf-8")
    said = hinomi("playbook", "import", str(tmp_path / "broken.json"))
    assert (said.code, f"{tmp_path / 'broken.json'}:2:12: not JSON" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"type": NaN}', "no number of JSON"), ('{"type": "\\ud800"}', "not JSON"), ("[" * 5000, "too deeply"), ("[]", "no CACAO playbook"),
        (json.dumps({**FOREIGN, "name": "\x00\x1b]0;\x07\u2028: - {a: b}"}), ""),
        (json.dumps(FOREIGN).replace('"bash"', '"\\u001b]0;\\u0007"'), ""), (json.dumps({**FOREIGN, "workflow": {"\x1b]0;\x07": {}}}), "should match pattern"),
    ],
)  # fmt: skip
def test_hostile_files_are_read_or_refused_in_one_line(hinomi: Any, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    answer = hinomi("playbook", "import", str(tmp_path / "x.json"))
    assert (answer.code, said in answer.err) == (2 if said else 0, True), answer.err
    assert "Traceback" not in answer.err
    assert "\x1b" not in answer.out + answer.err


@pytest.mark.parametrize("verb", ["lint", "test", "simulate", "export"])
def test_a_file_that_is_not_utf_8_is_named(hinomi: Any, tmp_path: Path, verb: str) -> None:
    (tmp_path / "p.yml").write_bytes("title: {ja: 試験}\n".encode("cp932"))
    said = hinomi("playbook", verb, str(tmp_path / "p.yml"))
    assert said.code == (1 if verb == "lint" else 2)
    assert f"{tmp_path / 'p.yml'}:1:1: " in said.out + said.err
    assert "not UTF-8 at byte 12" in said.out + said.err


def test_what_was_imported_from_others_never_goes_live(ask: Any) -> None:
    said = ask("playbook", "activate", "theirs", "--mode", "live", "--reason", "try")
    assert said.code == 5
    assert "hinomi cannot express action--11111111-2222-4333-8444-555555555552 (commands of type bash)" in said.err
    assert "take the entries out of foreign" in said.err
    assert ask("playbook", "activate", "theirs", "--mode", "simulate", "--reason", "try").code == 0
    listed = {row["id"]: row["mode"] for row in json.loads(ask("playbook", "list", "-o", "json").out)}
    assert listed["theirs"] == "simulate"


def test_a_file_that_says_live_with_foreign_pieces_is_refused(site: Path, hinomi: Any, tmp_path: Path) -> None:
    text = (site / "playbooks" / "theirs.yml").read_text(encoding="utf-8")
    (tmp_path / "live.yml").write_text(text.replace("mode: draft", "mode: live"), encoding="utf-8")
    said = hinomi("playbook", "lint", str(tmp_path / "live.yml"))
    assert (said.code, "it cannot be live" in said.out) == (1, True)


def test_the_graph_of_a_run_shows_order_state_times_and_who(ask: Any) -> None:
    (run,) = json.loads(ask("run", "list", "-o", "json").out)
    said = ask("run", "show", run["id"], "--graph")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0].startswith("external-malware  live  running  11-25 09:00 → …")
    isolate = next(n for n, line in enumerate(lines) if " 2 isolate" in line)
    assert "◐" in lines[isolate]
    assert "operator  by 11-25 09:15  overdue, told: operator_lead" in lines[isolate + 1]
    release, scan = (next(line for line in lines if name in line) for name in ("release  to come", "scan  to come"))
    assert release.index("○") > scan.index("○"), "it comes after scan"
    assert "(also after confirm)" in release
    assert "if confirm == true_positive" in scan
    assert "page_operator" not in said.out, "what nothing has called for is not shown"
    assert "\x1b" not in said.out, "plain text where there is no terminal"


def test_the_graph_in_a_terminal_is_coloured(on_terminal: Any, site: Path, ask: Any) -> None:
    (run,) = json.loads(ask("run", "list", "-o", "json").out)
    code, seen = on_terminal(
        "", "run", "show", run["id"], "--graph", "--config", str(site / "hinomi.toml"), columns=110
    )
    assert code == 0, seen
    assert "\x1b[" in seen
    assert "isolate" in seen
