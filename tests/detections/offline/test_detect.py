"""`hinomi detect` and `rule regression`: files of each shape, without a server."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

SHARED = Path(__file__).parents[4] / "shared" / "data"
RULE = {
    "title": "Shell of a document", "id": "00000000-0000-4000-8000-0000000000d1", "status": "test", "level": "high",
    "logsource": {"product": "windows", "category": "process_creation"},
    "detection": {"s": {"ParentImage|endswith": "\\winword.exe", "Image|endswith": "\\cmd.exe"}, "condition": "s"},
}  # fmt: skip
SYSMON = "Microsoft-Windows-Sysmon/Operational"
DATA = {
    "Image": "C:\\Windows\\System32\\cmd.exe",
    "ParentImage": "C:\\Office\\WINWORD.EXE",
    "UtcTime": "2026-11-24 01:02:03.000",
}
OTHER = DATA | {"ParentImage": "C:\\Windows\\explorer.exe"}
FLAT = {"EventID": 1, "Channel": SYSMON, "Computer": "t-101"}


def flat(data: dict[str, str]) -> dict[str, Any]:
    return FLAT | data


def nested(data: dict[str, str]) -> dict[str, Any]:
    return {
        "@timestamp": "2026-11-24T01:02:03Z",
        "winlog": {"channel": SYSMON, "event_id": 1, "computer_name": "t-101", "event_data": data},
    }


def ecs(data: dict[str, str]) -> dict[str, Any]:
    """As Elastic's own pipelines leave it: what ECS has a name for is no longer under its Windows name."""
    event = {"category": ["process"], "type": ["start"], "dataset": "windows.sysmon_operational", "module": "windows"}
    process = {"executable": data["Image"], "parent": {"executable": data["ParentImage"]}}
    winlog = {"channel": SYSMON, "event_id": "1"}
    return {
        "@timestamp": "2026-11-24T01:02:03Z",
        "event": event,
        "host": {"name": "t-101"},
        "process": process,
        "winlog": winlog,
    }


def ecs_flat(data: dict[str, str]) -> dict[str, Any]:
    return {
        "@timestamp": "2026-11-24T01:02:03Z", "winlog.channel": SYSMON, "event.code": "1", "event.dataset": "windows.sysmon_operational",
        "process.executable": data["Image"], "process.parent.executable": data["ParentImage"], "host.name": "t-101",
    }  # fmt: skip


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "shell.yml").write_text(yaml.safe_dump(RULE))
    return tmp_path


def hinomi(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hinomi", *map(str, words)], capture_output=True, text=True, check=False
    )


def hits(*words: str | Path) -> list[dict[str, Any]]:
    done = hinomi("detect", *words, "-o", "jsonl")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("shape", [flat, nested, ecs, ecs_flat])
def test_every_shape_of_an_event_meets_the_same_rule(site: Path, shape: Any) -> None:
    file = site / "events.ndjson"
    file.write_text("\n".join(json.dumps(shape(data)) for data in (OTHER, DATA, OTHER, DATA)) + "\n")
    found = hits(file, "--rules", site / "rules")
    assert [(hit["index"], hit["rule_id"], hit["level"]) for hit in found] == [
        (1, RULE["id"], "high"),
        (3, RULE["id"], "high"),
    ]
    assert set(found[0]) == {"file", "index", "event_id", "rule_id", "title", "level", "timestamp"}
    assert found[0]["timestamp"] == "2026-11-24T01:02:03.000000Z"
    assert found[0]["event_id"] != found[1]["event_id"]


def test_an_array_a_packed_file_and_a_folder_are_read(site: Path) -> None:
    folder = site / "logs"
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps([flat(OTHER), flat(DATA)], indent=2))
    with gzip.open(folder / "b.ndjson.gz", "wt") as file:
        file.write(json.dumps(flat(DATA)))
    found = hits(folder, "--rules", site / "rules")
    assert [(Path(hit["file"]).name, hit["index"]) for hit in found] == [("a.json", 1), ("b.ndjson.gz", 0)]


def test_many_records_go_through_all_cores_and_come_back_in_order(site: Path) -> None:
    file = site / "many.ndjson"
    file.write_text("\n".join(json.dumps(flat(DATA if n % 7 == 0 else OTHER)) for n in range(5000)))
    found = hits(file, "--rules", site / "rules", "--jobs", "3")
    assert [hit["index"] for hit in found] == list(range(0, 5000, 7))
    assert found == hits(file, "--rules", site / "rules", "--jobs", "1")


def test_a_record_that_cannot_be_read_is_counted_and_the_others_go_on(site: Path) -> None:
    file = site / "torn.ndjson"
    file.write_bytes(
        b"no json\n" + json.dumps(flat(DATA)).encode() + b"\n\xff\xfe{\n" + json.dumps(flat(DATA))[:40].encode()
    )
    done = hinomi("detect", file, "--rules", site / "rules", "-o", "jsonl")
    assert done.returncode == 0
    assert [json.loads(line)["index"] for line in done.stdout.splitlines()] == [1]
    assert "4 records, 1 hits, 3 records that no format took" in done.stderr
    assert f"{file}:0" in done.stderr


def test_a_whole_file_that_cannot_be_read_is_exit_1_and_the_others_are_read(site: Path) -> None:
    broken, good = site / "a.gz", site / "b.ndjson"
    broken.write_bytes(gzip.compress(b"x" * 1000)[:-9])
    good.write_text(json.dumps(flat(DATA)))
    false = site / "c.evtx"
    false.write_bytes(b"ElfFile\x00 and no more")
    done = hinomi("detect", broken, good, false, "--rules", site / "rules", "-o", "jsonl")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1
    assert f"could not be read: {broken}" in done.stderr
    assert f"could not be read: {false}" in done.stderr


def test_a_broken_rule_is_named_and_the_others_are_used(site: Path) -> None:
    (site / "rules" / "broken.yml").write_text(
        "title: x\nlogsource: {product: windows}\ndetection: {condition: nothing}\n"
    )
    file = site / "events.ndjson"
    file.write_text(json.dumps(flat(DATA)))
    done = hinomi("detect", file, "--rules", site / "rules", "-o", "csv")
    assert len(done.stdout.splitlines()) == 2
    assert "1 rules could not be loaded" in done.stderr
    assert "broken.yml" in done.stderr


def test_the_table_sums_up_levels_hosts_times_and_rules(site: Path) -> None:
    file = site / "events.ndjson"
    file.write_text("\n".join(json.dumps(flat(DATA)) for _ in range(3)))
    done = hinomi("detect", file, "--rules", site / "rules", "--fail-on", "high")
    assert done.returncode == 3
    for word in ("Shell of a document", "t-101", "2026-11-24 10:02:03 JST"):
        assert word in done.stdout


@pytest.mark.skipif(not (SHARED / "evtx").exists(), reason="needs event logs, ../shared/data/evtx")
def test_event_log_files_are_read_record_by_record(site: Path) -> None:
    rule = RULE | {
        "detection": {"s": {"EventID": 1102}, "condition": "s"},
        "logsource": {"product": "windows", "service": "security"},
    }
    (site / "rules" / "shell.yml").write_text(yaml.safe_dump(rule))
    file = SHARED / "evtx" / "ID104-1102-Event_log_cleared.evtx"
    packed = site / "log.evtx.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    plain = hits(file, "--rules", site / "rules")
    assert plain
    assert [hit["index"] for hit in plain] == [hit["index"] for hit in hits(packed, "--rules", site / "rules")]


@pytest.mark.skipif(not (SHARED / "evtx").exists(), reason="needs event logs, ../shared/data/evtx")
def test_a_cut_off_event_log_is_said_and_what_is_whole_is_read(site: Path) -> None:
    whole = max((SHARED / "evtx").glob("*.evtx"), key=lambda path: path.stat().st_size).read_bytes()
    cut = site / "cut.evtx"
    cut.write_bytes(whole + whole[4096:20000])
    done = hinomi("detect", cut, "--rules", site / "rules", "-o", "jsonl")
    assert done.returncode == 0
    assert "records that no format took" in done.stderr
    assert " 0 records that no format took" not in done.stderr


def test_regression_tests_of_a_tree_count_what_is_found(site: Path) -> None:
    tree = site / "sigma"
    data = tree / "regression_data" / "rules" / "shell"
    data.mkdir(parents=True)
    (tree / "rules").mkdir()
    (data / "events.json").write_text(json.dumps(flat(DATA)) + "\n" + json.dumps(flat(OTHER)))
    info = {
        "regression_tests_info": [{"type": "json", "match_count": 1, "path": "regression_data/rules/shell/events.json"}]
    }
    (data / "info.yml").write_text(yaml.safe_dump(info))
    rule = RULE | {"regression_tests_path": "regression_data/rules/shell/info.yml"}
    (tree / "rules" / "shell.yml").write_text(yaml.safe_dump(rule))
    done = hinomi("rule", "regression", tree)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 of 1 passed")
    (data / "events.json").write_text(json.dumps(flat(OTHER)))
    done = hinomi("rule", "regression", tree)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "0 of 1 passed")


@pytest.mark.skipif(not (SHARED / "sigmahq").exists(), reason="needs SigmaHQ's rules, ../shared/data/sigmahq")
def test_every_regression_test_of_sigmahq_that_is_here_passes(site: Path) -> None:
    done = hinomi("rule", "regression", SHARED / "sigmahq")
    last = done.stdout.splitlines()[-1]
    passed, _, count, _ = last.split()
    assert done.returncode == 0, done.stdout
    assert passed == count
    assert int(count) > 140


def test_correlations_come_after_the_hits_of_records_and_name_the_record_that_completed_them(site: Path) -> None:
    base = RULE | {"id": "00000000-0000-4000-8000-0000000000d2", "name": "base", "level": "low"}
    body = {
        "type": "event_count",
        "rules": ["base"],
        "group-by": ["Computer"],
        "timespan": "1m",
        "condition": {"gte": 3},
    }
    many = {"title": "many", "id": "00000000-0000-4000-8000-0000000000d3", "level": "critical", "correlation": body}
    (site / "rules" / "many.yml").write_text(yaml.safe_dump_all([base, many]))
    for name, seconds in (("late", (30, 40)), ("early", (0, 10, 20))):
        lines = [json.dumps(flat(DATA | {"UtcTime": f"2026-11-24 01:02:{second:02}.000"})) for second in seconds]
        (site / f"{name}.ndjson").write_text("\n".join(lines))
    files = site / "late.ndjson", site / "early.ndjson"
    rows = [
        json.loads(line)
        for line in hinomi("detect", *files, "--rules", site / "rules", "-o", "jsonl").stdout.splitlines()
    ]
    assert [row["title"] for row in rows] == ["Shell of a document"] * 5 + ["many"]
    assert (rows[-1]["file"], rows[-1]["index"], rows[-1]["timestamp"]) == (
        str(files[1]),
        2,
        "2026-11-24T01:02:20.000000Z",
    )
    assert hinomi("detect", *files, "--rules", site / "rules", "--fail-on", "critical").returncode == 3
    alone = hinomi("detect", *files, "--rules", site / "rules", "-o", "jsonl", "--no-correlations").stdout.splitlines()
    assert sorted(json.loads(line)["rule_id"][-2:] for line in alone) == ["d1"] * 5 + ["d2"] * 5
