"""What `hinomi demo --keep` leaves behind: it answers without a server, carries on with one, and betrays every change."""

import csv
import hashlib
import io
import json
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hinomi.audit import link

pytestmark = pytest.mark.timeout(300)

Hinomi = Callable[..., subprocess.CompletedProcess[str]]


class Day:
    """One school day, kept; and the command beside it."""

    def __init__(self, folder: Path, hinomi: Hinomi, said: str, found: dict[str, Any]):
        self.folder, self._hinomi, self.said, self.found = folder, hinomi, said, found

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def copy(self, to: Path) -> "Day":
        """Copy what the chain needs: settings, state, seals, keys."""
        for name in ("audit", "keys"):
            shutil.copytree(self.data / name, to / "data" / name)
        for path in (self.folder / "hinomi.toml", *self.data.glob("state.db*")):
            shutil.copy2(path, to / path.relative_to(self.folder))
        shutil.copytree(self.folder / "playbooks", to / "playbooks")
        return Day(to, self._hinomi, self.said, self.found)

    def __call__(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = self._hinomi(*words, "--config", str(self.folder / "hinomi.toml"))
        assert done.returncode == code, f"hinomi {' '.join(words)} ended {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self(*words, "-o", "json", code=code).stdout)

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.data / "state.db", isolation_level=None)) as db:
            for statement in statements:
                db.execute(statement)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def records(self) -> list[tuple[int, str, str]]:
        with closing(sqlite3.connect(self.data / "state.db")) as db:
            return list(db.execute("SELECT seq, record, hash FROM audit ORDER BY seq"))


@pytest.fixture(scope="module")
def day(demo: Callable[..., Any], world_module: Any, tmp_path_factory: pytest.TempPathFactory) -> Day:
    folder = tmp_path_factory.mktemp("kept")
    done, found = demo(folder)
    return Day(folder / "day", world_module.run_here, done.stdout, found)


@pytest.fixture
def copied(day: Day, tmp_path: Path) -> Day:
    return day.copy(tmp_path)


# --- the day itself ----------------------------------------------------------------------------------


def test_the_day_goes_from_the_line_to_the_report_received_by_the_board(day: Day) -> None:
    found = day.found
    assert [step["id"] for step in found["steps"]] == [str(n) for n in range(1, 12)]
    assert all(set(step) == {"id", "due", "done", "by", "state"} for step in found["steps"])
    assert all(step["done"] and step["by"] and step["state"] in ("done", "verified") for step in found["steps"])
    assert {step["id"] for step in found["steps"] if step["due"]} >= {"3", "4", "5", "6", "9", "10", "11"}
    assert found["isolation_requests"] == 1
    assert found["host"]["state"] == "released"
    assert 0 < found["latencies_ms"]["line_to_isolation_request"] < found["latencies_ms"]["line_to_isolation_verified"]
    assert found["sent"] == found["accepted"] == found["stored"] > 600
    assert (found["spooled"], found["unparsed"]) == (0, 0)
    assert [report["kind"] for report in found["reports"]] == ["first_response", "infection", "final"]
    for report in found["reports"]:
        assert hashlib.sha256(Path(report["path"]).read_bytes()).hexdigest() == report["sha256"]
    assert found["audit"]["ok"]
    assert found["reminded"] >= 1


def test_the_web_filter_saw_the_download_over_syslog(day: Day) -> None:
    assert day.found["web_filter"] == 3
    query = "event.dataset=ifilter.access file.name=校外研修のご案内.docm"
    (seen,) = day.json("events", "search", query, "--since", "2d")
    assert (seen["hinomi.source"], seen["log.syslog.appname"]) == ("swg", "ifilter")
    assert seen["hinomi.host.id"] == day.found["host"]["id"]
    assert seen["@timestamp"] <= day.found["steps"][0]["done"]
    assert day.found["events_by_dataset"]["ifilter.access"] > 300


def test_the_operator_confirms_and_releases_by_buttons_in_slack(day: Day) -> None:
    assert day.found["pressed"] == [{"step": step, "by": "person:soc-operator01"} for step in ("6", "8")]
    assert day.said.count(" in Slack\n") == 2
    acts = [json.loads(record) for _, record, _ in day.records()]
    decided = [act for act in acts if act["act"] in ("decision.decide", "approval.decide")]
    assert {(act["actor"], act["detail"]["via"]) for act in decided} == {("person:soc-operator01", "slack")}
    journal = [json.loads(line) for line in (day.folder / "outside" / "slack-journal.jsonl").read_text().splitlines()]
    cards = [e for e in journal if e["method"] == "chat.postMessage" and "thread_ts" not in e["body"]]
    assert len(cards) == 1
    assert {e["method"] for e in journal} == {"chat.postMessage", "chat.update"}


def test_plain_output_is_lines_without_a_terminal_and_ends_with_what_to_try_next(day: Day) -> None:
    assert "\x1b" not in day.said
    assert re.search(r"^ +\d+\.\d s  step  2  network cut-off: verified by system$", day.said, re.MULTILINE)
    for words in ("audit verify  ", "line sent → isolation verified", "Try next:"):
        assert words in day.said
    commands = re.findall(r"^  hinomi (.*) --config (\S+)$", day.said, re.MULTILINE)
    assert len(commands) == 3
    assert {place for _, place in commands} == {str(day.folder / "hinomi.toml")}


# --- it answers without a server ---------------------------------------------------------------------


def test_an_incident_is_told_in_words_and_names_without_a_server(day: Day) -> None:
    number = next(row["number"] for row in day.json("incident", "list") if row["category"] == "malware")
    incident = day.json("incident", "show", str(number))
    assert len(incident["timeline"]) > 20
    assert {entry["who"] for entry in incident["timeline"]} > {"hinomi（自動）"}
    shown = day("incident", "show", str(number)).stdout
    for words in (
        "隔離を確認しました",
        "検知内容の確認: 実際の被害（検知は正しい）",
        "2026-0003",
        "（事業者）",
        "（校長）",
    ):
        assert words in shown
    for raw in ("true_positive", "person:", "vendor_id", '{"'):
        assert raw not in shown
    assert not re.search(r"\d{4}-\d\d-\d\dT", shown), "a time that is not told in Japan's zone"


def test_hosts_runs_alerts_reports_and_events_answer_without_a_server(day: Day) -> None:
    host = day.found["host"]["id"]
    state = day.json("host", "state", host)
    assert (state["state"], state["holds"]) == ("released", [])
    assert state["observed_at"]
    assert state["owner_name"].endswith("（教職員）")
    malware = next(row["number"] for row in day.json("incident", "list") if row["category"] == "malware")
    run = next(row for row in day.json("run", "list") if row["incident_number"] == malware)
    assert all(step["state"] in ("done", "verified", "skipped") for step in day.json("run", "show", run["id"])["steps"])
    assert {alert["incident_number"] for alert in day.json("alert", "list")} == {1, 2}
    assert day.json("alert", "show", "1")["evidence"]
    reports = day.json("report", "list")
    assert {(report["state"], report["incident_number"]) for report in reports} == {("sent", malware)}
    assert day.json("report", "show", reports[0]["number"])["author_name"]
    found = day.json("events", "search", "file.name~成績一覧", "--since", "1d")
    assert "2年1組_成績一覧.xlsx" in day("events", "show", found[0]["event.id"]).stdout


def test_who_exported_a_file_is_answered_by_name_with_what_was_looked_at(day: Day) -> None:
    done = day("audit", "query", "--file", "成績一覧", "--since", "1d")
    assert "2年1組_成績一覧.xlsx" in done.stdout
    for words in (
        "該当 1件",
        "条件：ファイル「成績一覧」",
        "調べた期間：令和",
        "情報源 端末の操作ログ（oplog）",
        "空白",
        "登録端末",
        "監査記録の第",
    ):
        assert words in done.stderr
    answer = day.json("audit", "query", "--file", "成績一覧", "--since", "1d")
    row, coverage = answer["items"][0], answer["coverage"]
    assert (row["channel"], row["class"], row["verdict"], row["role"]) == ("usb", "II", "allowed", "teacher")
    assert row["name"] != row["user"]
    assert {source["source"] for source in coverage["sources"]} == {"edr", "oplog", "swg", "winlog"}
    assert all(source["first"] <= source["last"] for source in coverage["sources"])
    for called in (row["user"], row["name"]):
        assert (
            day.json("audit", "query", "--file", "成績一覧", "--since", "1d", "--user", called)["coverage"]["found"]
            == 1
        )


def test_nothing_found_says_what_was_looked_at_and_what_it_cannot_tell(day: Day) -> None:
    done = day(
        "audit",
        "query",
        "--file",
        "そのような名前はない",
        "--user",
        "だれか",
        "--since",
        "2026-11-01",
        "--until",
        "2026-11-02",
    )
    assert done.stdout == ""
    for words in (
        "該当 0件", "持ち出しの記録は見つかりませんでした", "「だれか」は名簿にありません",
        "令和8年11月1日 00:00 〜 令和8年11月2日 00:00", "端末の操作ログ（oplog） この期間の記録なし", "この記録からは分かりません",
    ):  # fmt: skip
        assert words in done.stderr


def test_csv_and_json_lines_carry_their_coverage_and_the_export_is_itself_on_record(day: Day) -> None:
    before = len(day.records())
    table = day("audit", "query", "--file", "成績一覧", "--since", "1d", "-o", "csv").stdout
    assert table.startswith("\ufeff")
    header, row, coverage = csv.reader(io.StringIO(table.removeprefix("\ufeff")))
    assert dict(zip(header, row, strict=True))["file"] == "2年1組_成績一覧.xlsx"
    lines = day("audit", "query", "--file", "成績一覧", "--since", "1d", "-o", "jsonl").stdout.splitlines()
    last = json.loads(lines[-1])["coverage"]
    assert last["found"] == len(lines) - 1 == 1
    assert f"監査記録の第{last['record'] - 1}号" in coverage[0]
    after = day.json("audit", "verify")
    assert (after["ok"], after["records"], after["sealed_upto"]) == (True, before + 2, before + 2)
    recorded = json.loads(day.records()[-1][1])
    assert (recorded["seq"], recorded["act"], recorded["detail"]["file"]) == (
        last["record"],
        "audit.export",
        "成績一覧",
    )
    assert recorded["actor"].startswith("local:")


def test_serve_carries_on_from_what_was_kept(day: Day, tmp_path: Path) -> None:
    folder = tmp_path / "moved"
    shutil.copytree(day.folder, folder, ignore=shutil.ignore_patterns("*.sock"))
    carried = Day(folder, day._hinomi, "", day.found)
    settings = tomllib.loads((folder / "hinomi.toml").read_text(encoding="utf-8"))
    place, _, port = settings["api"]["listen"].partition(":")
    command = [sys.executable, "-m", "hinomi", "serve", "--config", str(folder / "hinomi.toml")]
    with (tmp_path / "serve.log").open("wb") as log:
        serve = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        assert _eventually(lambda: _answers(place, int(port))), (tmp_path / "serve.log").read_text()[-3000:]
        assert [row["status"] for row in carried.json("incident", "list")] == ["open", "open"]
        assert carried.json("host", "state", day.found["host"]["id"])["state"] == "released"
        assert carried.json("audit", "verify")["ok"]
        assert sum(row["count"] for row in carried.json("events", "count", "--since", "2d")) == day.found["stored"]
        carried("incident", "note", "1", "翌日の確認")
    finally:
        serve.send_signal(signal.SIGTERM)
        ended = serve.wait(60)
    assert ended == 0
    assert carried.json("audit", "verify")["ok"]
    assert carried.json("incident", "show", "1")["timeline"][-1]["text"] == "翌日の確認"


def _answers(place: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((place, port)) == 0


def _eventually(look: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


# --- every change is named ---------------------------------------------------------------------------

CHANGED = 'UPDATE audit SET record=replace(record, \'"actor":"system"\', \'"actor":"nobody"\') WHERE seq={n}'
SWAPPED = (
    "UPDATE audit SET seq=-1 WHERE seq={n}", "UPDATE audit SET seq={n} WHERE seq={n}+1", "UPDATE audit SET seq={n}+1 WHERE seq=-1",
)  # fmt: skip
CONTENT_SWAPPED = (
    "UPDATE audit SET record=(SELECT record FROM audit AS o WHERE o.seq={n}+3), hash=(SELECT hash FROM audit AS o WHERE o.seq={n}+3) WHERE seq={n}",
)
INSERTED = ("UPDATE audit SET seq=-seq-1 WHERE seq>={n}", "UPDATE audit SET seq=-seq WHERE seq<0",
            "INSERT INTO audit VALUES({n}, '{{\"seq\":{n}}}', 'ab')")  # fmt: skip


@pytest.mark.parametrize(
    "damage",
    [(CHANGED,), ("DELETE FROM audit WHERE seq={n}",), INSERTED, SWAPPED, CONTENT_SWAPPED, ("DELETE FROM audit WHERE seq>={n}",),
     ("UPDATE audit SET record=x'00ff' WHERE seq={n}",)],
    ids=["changed", "deleted", "inserted", "swapped", "copied over", "cut", "no text"],
)  # fmt: skip
def test_one_record_that_is_not_as_it_was_written_is_named(copied: Day, damage: tuple[str, ...]) -> None:
    number = next(seq for seq, record, _ in copied.records() if seq > 20 and '"actor":"system"' in record)
    copied.sql(*(statement.format(n=number) for statement in damage))
    done = copied("audit", "verify", "-o", "json", code=7)
    assert f"record {number}:" in done.stderr
    assert json.loads(done.stdout)["first_bad"] == number


def test_a_record_changed_in_the_pages_of_the_file_is_named(copied: Day) -> None:
    copied.sql()  # the write-ahead log is in the file now
    path, (number, record, _) = copied.data / "state.db", copied.records()[24]
    content = path.read_bytes()
    assert content.count(record.encode()) == 1
    path.write_bytes(content.replace(record.encode(), record.replace('"act":"', '"act":"x', 1)[: len(record)].encode()))
    assert f"record {number}:" in copied("audit", "verify", code=7).stderr


def test_a_page_that_is_no_page_any_more_is_named_and_no_crash(copied: Day) -> None:
    copied.sql()
    path, (_, record, _) = copied.data / "state.db", copied.records()[30]
    content = bytearray(path.read_bytes())
    size = int.from_bytes(content[16:18], "big")
    page = content.index(record.encode()) // size * size
    content[page : page + size] = b"\xff" * size
    path.write_bytes(content)
    done = copied("audit", "verify", code=7)
    assert re.search(r"record \d+:", done.stderr)
    assert "Traceback" not in done.stderr


def test_a_chain_forged_with_right_hashes_does_not_fit_its_seals(copied: Day) -> None:
    """The hashes need no key: whoever may write the database can make them. The seals they can not."""
    rows = copied.records()
    number = next(seq for seq, record, _ in rows if seq > 20 and '"actor":"system"' in record)
    previous = rows[number - 2][2]
    statements = []
    for seq, record, _ in rows[number - 1 :]:
        forged = record.replace('"actor":"system"', '"actor":"person:h-vice01"') if seq == number else record
        previous = link(previous, forged)
        statements.append(
            f"UPDATE audit SET record='{forged.replace(chr(39), chr(39) * 2)}', hash='{previous}' WHERE seq={seq}"
        )
    copied.sql(*statements)
    verdict = copied.json("audit", "verify", code=7)
    assert verdict["reason"].startswith("rewritten: the seal of")
    assert verdict["first_bad"] == verdict["sealed_upto"] + 1 <= number


def test_an_altered_seal_is_named(copied: Day) -> None:
    seals = copied.data / "audit/seals.jsonl"
    lines = seals.read_text().splitlines()
    lines[4] = re.sub(r'"count": \d+', '"count": 3', lines[4])
    seals.write_text("\n".join(lines) + "\n")
    assert "seal line 5 is not as it was signed" in copied("audit", "verify", code=7).stderr


def test_seals_taken_out_of_the_file_are_missed(copied: Day) -> None:
    seals = copied.data / "audit/seals.jsonl"
    lines = seals.read_text().splitlines()
    seals.write_text("\n".join([*lines[:4], *lines[5:]]) + "\n")
    assert "seal line 5 is seal 6, where 5 is due" in copied("audit", "verify", code=7).stderr
    seals.write_text("\n".join(lines[:-2]) + "\n")
    assert f"seals {len(lines) - 1} to {len(lines)} are missing" in copied("audit", "verify", code=7).stderr


def test_a_deleted_seals_file_stays_missed_when_new_seals_are_written(copied: Day) -> None:
    (copied.data / "audit/seals.jsonl").unlink()
    assert "cut, emptied or put back" in copied("audit", "verify", code=7).stderr
    copied("incident", "note", "1", "the next act writes a seal")
    assert "seal line 1 is seal" in copied("audit", "verify", code=7).stderr


def test_an_older_copy_of_the_database_is_found_also_with_the_seals_of_its_time(copied: Day) -> None:
    copied.sql()
    kept, seals = copied.data / "state.db", copied.data / "audit/seals.jsonl"
    older, older_seals, count = kept.read_bytes(), seals.read_bytes(), len(copied.records())
    copied("incident", "note", "1", "what somebody wants forgotten")
    copied.sql()
    kept.write_bytes(older)
    done = copied("audit", "verify", code=7)
    assert f"record {count + 1}: cut: records {count + 1} to {count + 1} are gone" in done.stderr
    seals.write_bytes(older_seals)
    assert "put back" in copied("audit", "verify", code=7).stderr


def test_a_head_that_a_report_printed_is_a_witness(copied: Day) -> None:
    """All of the data folder put back, keys too, agrees with itself: only what lies outside of it tells."""
    report = json.loads(Path(copied.found["reports"][-1]["path"]).with_suffix(".json").read_text(encoding="utf-8"))[
        "model"
    ]
    head = f"{report['audit_count']}:{report['audit_hash']}"
    assert copied.json("audit", "verify", "--head", head)["ok"]
    forged = f"{report['audit_count']}:{'0' * 64}"
    assert "the head that was given" in copied("audit", "verify", "--head", head, "--head", forged, code=7).stderr
    beyond = f"{len(copied.records()) + 5}:{'0' * 64}"
    assert "are gone" in copied("audit", "verify", "--head", beyond, code=7).stderr
    assert "COUNT:HASH" in copied("audit", "verify", "--head", "nonsense", code=2).stderr
