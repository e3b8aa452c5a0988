"""Every verb while `hinomi serve` runs: an incident comes in through the ingest door, and people answer it by command."""

import csv
import io
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

SCHOOL = "kita/aoba/higashi-es"
DEVICES = "id,tenant,name,asset_no,owner,protected,vendors\n" + "".join(
    f"PC-01{n:02},{SCHOOL},PC-01{n:02},A-{n},t1,{'yes' if n == 2 else 'no'},defender={n:040x}\n" for n in range(1, 13)
)
LISTS = {
    "alert list": "number,level,status,title,entity,count,last_seen,assignee,tenant,incident_number",
    "incident list": "number,severity,status,title,entity,opened_at,assignee_name,category,tenant",
    "approval list": "id,kind,role,incident,text,options,opened_at,due_at,state,escalated_at",
    "receipt list": "id,flow,role,incident,text,sent_to,opened_at,due_at,state,by,done_at",
    "host list": "id,name,tenant,state,observed_at,age,holds,protected",
    "playbook list": "id,version,mode,title,steps,sha256",
    "run list": "id,incident_number,playbook,mode,state,started_at,ended_at",
    "rule list": "id,level,category,contain,title,hits,last_seen,noisy,exceptions,unmapped",
    "rule stats": "id,level,hits_24h,hits,last_seen,noisy,tenants,cost_us,title",
    "report list": "number,incident_number,kind,state,author_role,due_at,submitted_at,sent_at,path",
    "events search": "@timestamp,event.dataset,event.action,host.name,user.name,process.command_line,file.path,event.id",
    "source list": "name,kind,formats,tenant,trusted,records,bytes,last,waiting,dropped",
    "directory show people": "id,tenant,name,role,accounts",
    "key list": "id,name,scopes,tenant,role,sources,created_at,expires_at,revoked_at",
    "doctor": "check,ok,found,remedy",
}


class Site:
    """A running installation, and the command line beside it."""

    def __init__(self, world: Any, worlds: Any, hinomi: Callable[..., Any]):
        self.world, self.worlds, self.hinomi = world, worlds, hinomi

    def ask(self, *args: str) -> Any:
        return self.hinomi(*args, "--config", str(self.world.config))

    def json(self, *args: str) -> Any:
        said = self.ask(*args, "-o", "json")
        assert said.code == 0, said.err
        return json.loads(said.out)

    def incident(self, host: str) -> dict[str, Any]:
        """Have a PC attacked; return its incident once a person is asked about it."""
        self.world.post([self.worlds.macro(host=host, ProcessId=int(host[-2:]) + 1000)])
        found = self.worlds.eventually(lambda: self.json("incident", "list", "--host", host))
        assert found
        number = str(found[0]["number"])
        assert self.worlds.eventually(lambda: self.json("approval", "list", "--incident", number))
        return dict(found[0])

    def alerts(self, host: str) -> list[str]:
        return [str(row["number"]) for row in self.json("alert", "list", "--host", host)]

    def run(self, incident: dict[str, Any]) -> dict[str, Any]:
        return dict(self.json("run", "list", "--incident", str(incident["number"]))[-1])

    def wait(self, incident: dict[str, Any], kind: str) -> dict[str, Any]:
        def look() -> Any:
            rows = self.json("approval", "list", "--incident", str(incident["number"]))
            return [row for row in rows if row["kind"] == kind]

        found = self.worlds.eventually(look)
        assert found, f"no {kind} is asked for"
        return dict(found[0])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, worlds: Any, hinomi: Any) -> Iterator[Site]:
    world = worlds.World(tmp_path_factory.mktemp("cli"))
    world.lay_out(seconds=False, devices=DEVICES, extra="[guards]\nschool_per_hour = 50\nmunicipality_per_hour = 50\n")
    made = Site(world, worlds, hinomi)
    assert (
        made.ask("playbook", "activate", "external-malware", "--mode", "live", "--reason", "drill of 11/20 passed").code
        == 0
    )
    try:
        world.start()
        made.incident("PC-0101")
        yield made
    finally:
        world.stop()


@contextmanager
def hanging(world: Any) -> Iterator[None]:
    """Have `serve` and all its parts stand still."""
    serve = psutil.Process(world.processes[-1].pid)
    family = [serve, *serve.children(recursive=True)]
    for process in family:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in family:
            process.send_signal(signal.SIGCONT)


# --- what all lists have in common ------------------------------------------------------------------


@pytest.mark.parametrize("words", LISTS)
def test_a_list_is_data_on_stdout_with_columns_that_stay(site: Site, words: str) -> None:
    given = words.split()
    table = site.ask(*given, "-o", "csv")
    assert table.code == 0, table.err
    assert table.out.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(table.out[1:])))
    assert ",".join(rows[0]) == LISTS[words]
    whole = json.loads(site.ask(*given, "-o", "json").out)
    lines = [json.loads(line) for line in site.ask(*given, "-o", "jsonl").out.splitlines()]
    assert len(whole) == len(lines) == len(rows) - 1
    plain = site.ask(*given)
    assert plain.code == 0
    assert rows[0][0] in plain.out.splitlines()[0]
    assert "\x1b" not in plain.out


def test_config_may_stand_before_the_noun_before_the_verb_and_after_it(site: Site, hinomi: Any) -> None:
    config = ("--config", str(site.world.config))
    for words in (
        (*config, "host", "list", "-o", "id"),
        ("host", *config, "list", "-o", "id"),
        ("host", "list", "-o", "id", *config),
    ):
        said = hinomi(*words)
        assert (said.code, said.out.splitlines()[0]) == (0, "PC-0101")


def test_a_long_list_says_how_to_go_on(site: Site) -> None:
    first = site.ask("host", "list", "--limit", "2", "-o", "id")
    assert first.out.split() == ["PC-0101", "PC-0102"]
    cursor = first.err.strip().rpartition(" ")[2]
    assert site.ask("host", "list", "--limit", "2", "--cursor", cursor, "-o", "id").out.split() == [
        "PC-0103", "PC-0104",
    ]  # fmt: skip


def test_runs_are_paged_too(site: Site) -> None:
    site.incident("PC-0103")
    everything = site.ask("run", "list", "-o", "id").out.split()
    seen: list[str] = []
    cursor: list[str] = []
    while True:
        page = site.ask("run", "list", "--limit", "1", "-o", "id", *cursor)
        seen += page.out.split()
        if "--cursor" not in page.err:
            break
        cursor = ["--cursor", page.err.strip().partition("--cursor ")[2]]
    assert len(everything) >= 2
    assert seen == everything


@pytest.mark.parametrize(
    "words",
    ["alert show", "incident show", "host state", "playbook show", "run show", "report show", "events show"],
)
def test_what_is_not_there_ends_with_1_and_names_where_to_look(site: Site, words: str) -> None:
    said = site.ask(*words.split(), "無い物 /?x")
    assert (said.code, said.out) == (1, "")
    assert len(said.err.strip().splitlines()) == 2


# --- alerts and incidents ---------------------------------------------------------------------------


def test_many_alerts_are_acknowledged_with_one_reason(site: Site) -> None:
    numbers = site.alerts("PC-0101")
    assert len(numbers) >= 2
    said = site.ask("alert", "ack", *numbers, "--reason", "確認中", "-o", "json")
    assert said.code == 0
    assert [row["ok"] for row in json.loads(said.out)] == [True] * len(numbers)
    shown = site.json("alert", "show", numbers[0])
    assert (shown["status"], shown["reason"], bool(shown["evidence"])) == ("acknowledged", "確認中", True)


def test_one_that_is_not_there_among_several_ends_with_6(site: Site) -> None:
    number = site.alerts("PC-0101")[0]
    said = site.ask("alert", "assign", number, "99999", "--to", "o1", "--reason", "night shift")
    assert said.code == 6
    assert "1 of 2 failed" in said.err
    assert site.json("alert", "show", number)["assignee"] == "o1"


def test_a_filter_stands_for_the_numbers_it_finds(site: Site) -> None:
    site.incident("PC-0104")
    before = site.alerts("PC-0104")
    said = site.ask(
        "alert", "close", "--host", "PC-0104", "--disposition", "false_positive", "--reason", "known tool", "-o", "id"
    )
    assert (said.code, sorted(said.out.split())) == (0, sorted(before))
    assert {row["status"] for row in site.json("alert", "list", "--host", "PC-0104")} == {"closed"}
    again = site.ask("alert", "close", "--host", "PC-0104", "--disposition", "test", "--reason", "again")
    assert (again.code, "no open alert fits" in again.err) == (0, True)


@pytest.mark.parametrize("chosen", [[], ["1", "--level", "critical"]], ids=["neither", "both"])
def test_alerts_are_named_by_number_or_by_filter_never_both(site: Site, chosen: list[str]) -> None:
    said = site.ask("alert", "ack", *chosen, "--reason", "r")
    assert (said.code, said.out) == (2, "")


def test_fail_on_ends_with_3_when_something_as_bad_is_listed(site: Site) -> None:
    assert site.ask("alert", "list", "--fail-on", "critical").code == 3
    assert site.ask("alert", "list", "--rule", "none", "--fail-on", "critical").code == 0
    assert site.ask("incident", "list", "--fail-on", "high").code == 3


def test_an_incident_is_noted_decided_released_and_closed(site: Site) -> None:
    incident = site.incident("PC-0105")
    number = str(incident["number"])
    assert site.ask("incident", "note", number, "先生から電話があった").code == 0
    wrong = site.ask("incident", "decide", number, "perhaps", "--reason", "r")
    assert (wrong.code, "true_positive, false_positive" in wrong.err) == (1, True)
    held = site.ask("incident", "close", number, "--disposition", "false_positive", "--reason", "r")
    assert held.code == 1
    assert site.json("incident", "decide", number, "false_positive", "--reason", "known tool") == {
        "id": number, "choice": "false_positive",
    }  # fmt: skip
    approval = site.wait(incident, "approval")
    assert site.ask("approval", "approve", approval["id"], "--reason", "clean").code == 0
    assert site.worlds.eventually(lambda: site.json("host", "state", "PC-0105")["state"] == "released")
    assert site.ask("approval", "deny", approval["id"], "--reason", "too late").code == 1
    everything = site.json("approval", "list", "--all", "--incident", number)
    assert {row["state"] for row in everything if row["id"] == approval["id"]} == {"done"}
    closed = site.ask("incident", "close", number, "--disposition", "false_positive", "--reason", "known tool")
    assert closed.code == 0, closed.err
    shown = site.json("incident", "show", number)
    assert (shown["status"], shown["disposition"]) == ("closed", "false_positive")
    assert "先生から電話があった" in json.dumps(shown["timeline"], ensure_ascii=False)
    assert "先生から電話があった" in site.ask("incident", "show", number).out


def test_a_denied_release_keeps_the_device_off_the_network(site: Site) -> None:
    incident = site.incident("PC-0106")
    assert site.worlds.eventually(lambda: site.json("host", "state", "PC-0106")["state"] == "isolated")
    site.json("incident", "decide", str(incident["number"]), "false_positive", "--reason", "r")
    approval = site.wait(incident, "approval")
    assert site.json("approval", "deny", approval["id"], "--reason", "to be looked at") == {
        "id": approval["id"], "choice": "deny",
    }  # fmt: skip
    assert site.json("host", "state", "PC-0106")["state"] == "isolated"


def test_a_receipt_by_phone_is_noted_once(site: Site) -> None:
    incident = site.incident("PC-0107")
    waiting = site.worlds.eventually(lambda: site.json("receipt", "list", "--incident", str(incident["number"])))
    receipt = next(row for row in waiting if row["role"] == "teacher")
    assert receipt["sent_to"][0] == "t1"
    wrong = site.ask("receipt", "note", receipt["id"], "--person", "nobody", "--reason", "called")
    assert (wrong.code, "it is for" in wrong.err, "t1" in wrong.err) == (1, True, True)
    assert site.ask("receipt", "note", receipt["id"], "--person", "t1", "--reason", "called at 09:12").code == 0
    assert site.ask("receipt", "note", receipt["id"], "--person", "t1", "--reason", "again").code == 1
    rows = site.json("receipt", "list", "--all", "--incident", str(incident["number"]))
    assert [row["by"] for row in rows if row["id"] == receipt["id"]] == ["person:t1"]


# --- devices ----------------------------------------------------------------------------------------


def test_dry_run_shows_the_exact_request_and_sends_nothing(site: Site) -> None:
    before = len(site.world.isolations())
    plan = json.loads(site.ask("host", "isolate", "PC-0108", "--reason", "phoned in", "--dry-run").out)
    assert len(site.world.isolations()) == before
    assert plan["sent"] is False
    assert site.ask("host", "isolate", "PC-0108", "--reason", "phoned in", "--yes").code == 0
    sent = site.worlds.eventually(lambda: [e for e in site.world.isolations() if f"{8:040x}" in e["path"]])
    assert (plan["method"], plan["url"]) == ("POST", f"http://127.0.0.1:{site.world.edr}{sent[0]['path']}")
    assert site.worlds.eventually(lambda: site.json("host", "state", "PC-0108")["state"] == "isolated")
    assert site.json("host", "list", "--state", "isolated")
    assert site.ask("host", "release", "PC-0108", "--reason", "false alarm", "--yes", "-o", "json").code == 0
    assert site.worlds.eventually(lambda: site.json("host", "state", "PC-0108")["state"] == "released")


def test_without_a_terminal_and_yes_nothing_is_isolated(site: Site) -> None:
    before = len(site.world.isolations())
    said = site.ask("host", "isolate", "PC-0109", "--reason", "phoned in")
    assert (said.code, said.out) == (2, "")
    assert "--yes" in said.err
    assert "PC-0109" in said.err
    assert len(site.world.isolations()) == before


def test_on_a_terminal_the_name_of_the_host_is_typed(site: Site, on_terminal: Any) -> None:
    words = ("host", "isolate", "pc-0110.aoba.test", "--reason", "phoned in", "--config", str(site.world.config))
    code, seen = on_terminal("PC-0111\n", *words)
    assert (code, "nothing was done" in seen) == (2, True)
    assert site.json("host", "state", "PC-0110")["state"] == "not observed"
    code, seen = on_terminal("PC-0110\n", *words)
    assert (code, "owner: t1" in seen) == (0, True)
    assert site.worlds.eventually(lambda: site.json("host", "state", "PC-0110")["state"] == "isolated")


def test_the_environment_cannot_say_yes(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HINOMI_YES", "HINOMI_HOST_ISOLATE_YES", "HINOMI_ISOLATE_YES"):
        monkeypatch.setenv(name, "1")
    assert site.ask("host", "isolate", "PC-0109", "--reason", "phoned in").code == 2


def test_policy_refuses_with_5(site: Site) -> None:
    protected = site.ask("host", "isolate", "PC-0102", "--reason", "phoned in", "--yes")
    assert (protected.code, "protected" in protected.err) == (5, True)
    assert site.ask("killswitch", "on", "--reason", "entrance examination").code == 0
    try:
        refused = site.ask("host", "isolate", "PC-0109", "--reason", "phoned in", "--yes")
        assert (refused.code, "killswitch off" in refused.err) == (5, True)
        checks = {row["check"]: row["ok"] for row in json.loads(site.ask("doctor", "-o", "json").out)}
        assert checks["kill switch"] is False
    finally:
        assert site.json("killswitch", "off", "--reason", "it is over") == {"on": False}


# --- playbooks and runs -----------------------------------------------------------------------------


def test_a_playbook_is_shown_as_it_is_written_and_its_mode_set(site: Site) -> None:
    assert "id: external-malware" in site.ask("playbook", "show", "external-malware").out
    assert site.json("playbook", "list")[0]["mode"] == "live"
    assert site.ask("playbook", "activate", "nothing", "--mode", "live", "--reason", "r").code in (1, 2)
    again = site.ask("playbook", "activate", "external-malware", "--mode", "live", "--reason", "still", "-o", "json")
    assert json.loads(again.out) == {"id": "external-malware", "mode": "live"}


def test_a_run_is_paused_resumed_and_a_step_written_off(site: Site) -> None:
    incident = site.incident("PC-0111")
    run = site.run(incident)["id"]
    assert site.json("run", "pause", run, "--reason", "vendor is called") == {"id": run, "verb": "pause"}
    assert site.run(incident)["state"] == "paused"
    assert site.ask("run", "pause", run, "--reason", "again").code == 1
    assert site.ask("run", "resume", run, "--reason", "vendor answered").code == 0
    missing = site.ask("run", "skip", run, "--step", "nothing", "--reason", "r")
    assert (missing.code, "run show" in missing.err) == (1, True)
    assert site.ask("run", "retry", run, "--step", "confirm", "--reason", "r").code == 1
    assert site.ask("run", "skip", run, "--step", "confirm", "--reason", "PC is rebuilt").code == 0
    shown = site.ask("run", "show", run).out
    assert "confirm" in shown
    assert "external-malware" in shown
    steps = {row["name"]: row["state"] for row in site.json("run", "show", run)["steps"]}
    assert steps["confirm"] == "skipped"


def test_a_step_that_failed_is_tried_again(site: Site) -> None:
    site.world.steer_edr("faults", {"kind": "refuse", "status": 403, "action": "Isolate", "times": 1})
    site.world.post([site.worlds.macro(host="PC-0112", ProcessId=1012)])
    found = site.worlds.eventually(lambda: site.json("incident", "list", "--host", "PC-0112"))
    run = site.run(found[0])["id"]

    def isolate() -> Any:
        return next(row for row in site.json("run", "show", run)["steps"] if row["name"] == "isolate")

    assert site.worlds.eventually(lambda: isolate()["state"] == "failed")
    assert site.ask("run", "retry", run, "--step", "isolate", "--reason", "EDR is back").code == 0
    assert site.worlds.eventually(lambda: site.json("host", "state", "PC-0112")["state"] == "isolated")


# --- reports, events, sources, keys -----------------------------------------------------------------


def test_a_report_is_filled_in_submitted_and_read(site: Site, tmp_path: Path) -> None:
    drafts = site.worlds.eventually(lambda: site.json("report", "list", "--kind", "first_response"))
    number = drafts[-1]["number"]
    form = site.json("report", "edit", number)
    assert site.ask("report", "edit", number, "no sign").code == 2
    assert site.ask("report", "submit", number, "no sign").code == 2
    assert site.ask("report", "edit", number, "nothing=x").code == 2
    answers = [
        f"{row['name']}={row['choices'][0] if row['choices'] else '先生に聞いた'}" for row in form if row["required"]
    ]
    texts = [
        arg for arg, row in zip(answers, [r for r in form if r["required"]], strict=True) if row["shape"] == "text"
    ]
    if texts:
        filled = site.json("report", "edit", number, texts[0])
        assert "先生に聞いた" in {row["value"] for row in filled}
    assert site.json("report", "submit", number, *answers) == {"id": number, "submitted": True}
    assert site.worlds.eventually(lambda: site.json("report", "show", number)["state"] == "sent")
    assert site.ask("report", "show", number, "--pdf", str(tmp_path / "out.pdf")).code == 0
    assert (tmp_path / "out.pdf").read_bytes().startswith(b"%PDF")
    nowhere = site.ask("report", "show", number, "--pdf", str(tmp_path / "missing" / "out.pdf"))
    assert (nowhere.code, "missing" in nowhere.err) == (1, True)
    assert site.ask("report", "submit", number).code == 1


def test_events_are_found_and_shown_as_they_are(site: Site) -> None:
    rows = site.worlds.eventually(
        lambda: site.json("events", "search", "host.name=PC-0101 powershell", "--since", "2h")
    )
    assert rows
    document = site.json("events", "show", rows[0]["event.id"])
    assert document["process"]["command_line"] == rows[0]["process.command_line"]
    assert "process.command_line" in site.ask("events", "show", rows[0]["event.id"]).out
    wrong = site.ask("events", "search", "x", "--since", "last tuesday")
    assert (wrong.code, "last tuesday" in wrong.err) == (2, True)


def test_a_source_says_what_came_through_it(site: Site) -> None:
    rows = {row["name"]: row for row in site.worlds.eventually(lambda: site.json("source", "list"))}
    assert set(rows) == {"edr", "oplog", "winlog"}
    assert site.worlds.eventually(
        lambda: {row["name"]: row for row in site.json("source", "list")}["winlog"].get("records", 0) >= 1
    )


def test_a_key_is_shown_once_and_does_what_its_scopes_say(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    made = site.json("key", "create", "--name", "reader", "--scope", "read", "--tenant", "kita/aoba")
    assert made["key"] not in site.ask("key", "list", "-o", "json").out
    monkeypatch.setenv("HINOMI_KEY", made["key"])
    assert site.ask("alert", "list").code == 0
    refused = site.ask("alert", "ack", "1", "--reason", "r")
    assert (refused.code, "act" in refused.err) == (5, True)
    monkeypatch.setenv("HINOMI_KEY", "hnm_nonsense")
    unknown = site.ask("alert", "list")
    assert (unknown.code, "key create" in unknown.err) == (4, True)
    monkeypatch.delenv("HINOMI_KEY")
    assert site.ask("key", "revoke", made["id"], "--reason", "lost").code == 0
    monkeypatch.setenv("HINOMI_KEY", made["key"])
    assert site.ask("alert", "list").code == 4
    monkeypatch.delenv("HINOMI_KEY")
    assert site.ask("key", "create", "--name", "x", "--scope", "everything").code == 2
    assert site.ask("key", "revoke", "none").code == 1


def test_the_directory_is_imported_through_the_server(site: Site) -> None:
    lists = site.world.folder / "lists"
    before = site.json("directory", "show", "devices")
    (lists / "devices.csv").write_text(DEVICES + f"PC-0199,{SCHOOL},PC-0199,A-99,t1,no,defender={99:040x}\n")
    dry = site.ask("directory", "import", str(lists), "--dry-run")
    assert (dry.code, "13 devices" in dry.err) == (0, True)
    assert site.json("directory", "show", "devices") == before
    assert site.json("directory", "import", str(lists))["devices"] == 13
    assert "PC-0199" in site.ask("directory", "show", "devices", "-o", "id").out.split()


def test_a_pack_runs_in_the_workers_until_it_is_switched_off(site: Site, tmp_path: Path) -> None:
    (tmp_path / "calc.yml").write_text(
        "title: Calculator\nid: 00000000-0000-4000-8000-0000000000ca\nlevel: medium\n"
        "logsource: {product: windows, category: process_creation}\n"
        "detection: {selection: {CommandLine|contains: calc-of-the-test}, condition: selection}\n"
    )

    def started(host: str) -> None:
        site.world.post([site.worlds.macro(host=host, CommandLine="cmd /c calc-of-the-test", ParentImage="C:\\a.exe")])

    def told(host: str) -> bool:
        started(host)
        return any(row["title"] == "Calculator" for row in site.json("alert", "list", "--host", host))

    said = site.ask("rule", "add", str(tmp_path), "--name", "calc", "--reason", "test")
    assert said.code == 0, said.err
    assert site.worlds.eventually(lambda: told("PC-0107"))
    assert site.worlds.eventually(
        lambda: any(row["title"] == "Calculator" and row["hits_24h"] for row in site.json("rule", "stats"))
    )
    assert site.worlds.eventually(lambda: any(row["cost_us"] for row in site.json("rule", "stats")))
    assert site.ask("rule", "disable", "calc", "--reason", "test").code == 0
    assert site.worlds.eventually(lambda: not any(row["pack"] for row in site.json("rule", "list")))
    assert [row["state"] for row in site.json("rule", "list", "--packs")] == ["disabled"]


# --- a server that hangs ----------------------------------------------------------------------------


def test_a_server_that_hangs_is_a_failure_and_never_gone_around(site: Site) -> None:
    before, made = len(site.json("key", "list")), acts(site, "key.create")
    with hanging(site.world):
        read = site.ask("key", "list")
        act = site.ask("key", "create", "--name", "x", "--scope", "read")
    for said in (read, act):
        assert (said.code, said.out) == (1, "")
        assert "does not answer" in said.err
    assert "look before you ask again" in act.err
    assert site.worlds.eventually(lambda: site.ask("key", "list").code == 0)
    assert len(site.json("key", "list")) - before <= 1  # it may do what was asked when it wakes up; nobody else did
    assert not [row for row in acts(site, "key.create") if row not in made and row["actor"].startswith("local:")]


def acts(site: Site, act: str) -> list[Any]:
    return [row for row in site.json("audit", "list") if row["act"] == act]
