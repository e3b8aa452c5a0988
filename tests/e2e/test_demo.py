"""``hinomi demo`` through its own command, with few events; what it says of itself is held against what it wrote."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def demo(folder: Path, *more: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    found = folder / "found.json"
    command = [
        sys.executable,
        "-m",
        "hinomi",
        "demo",
        "--plain",
        "--events",
        "600",
        "--json",
        str(found),
        "--keep",
        str(folder / "day"),
        *more,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "120"})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    return done, json.loads(found.read_text(encoding="utf-8"))


def hinomi(config: Path, *words: str, code: int = 0) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "hinomi", *words, "--config", str(config), "-o", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if code == 0 else done.stderr


def test_a_school_day_from_the_line_to_the_board(tmp_path: Path) -> None:
    done, found = demo(tmp_path)
    assert [step["id"] for step in found["steps"]] == [str(n) for n in range(1, 12)]
    assert all(step["done"] and step["by"] for step in found["steps"])
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
    assert "audit verify" in done.stdout

    config = tmp_path / "day" / "hinomi.toml"
    incident = next(row for row in hinomi(config, "incident", "list") if row["category"] == "malware")
    assert len(hinomi(config, "incident", "show", str(incident["number"]))["timeline"]) > 20
    assert hinomi(config, "host", "state", incident["host"])["state"] == "released"
    assert hinomi(config, "audit", "verify")["ok"]
    answer = json.dumps(hinomi(config, "audit", "query", "--file", "成績一覧"), ensure_ascii=False)
    assert "成績一覧.xlsx" in answer
    assert "allowed" in answer


def test_a_day_without_malware_isolates_nothing(tmp_path: Path) -> None:
    _done, found = demo(tmp_path, "--without", "malware")
    assert found["isolation_requests"] == 0
    assert found["reports"] == []
    assert [incident["category"] for incident in found["incidents"]] == ["data_egress"]
    assert all(step["state"] == "did not happen" for step in found["steps"])


@pytest.mark.parametrize(("fault", "state"), [("refuse", "failed"), ("500", "sent")])
def test_a_fault_of_the_edr_is_shown_as_it_is_and_somebody_is_paged(tmp_path: Path, fault: str, state: str) -> None:
    _done, found = demo(tmp_path, "--fault", f"edr={fault}")
    assert found["steps"][1]["state"] == state
    assert found["steps"][1]["done"] is None
    assert found["host"]["state"] not in ("isolated", "released")
    assert found["paged"]


def test_the_players_know_nothing_of_hinomi() -> None:
    command = [sys.executable, "-m", "hinomi.cli.demo.players", "--modules", "-"]
    names = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["names"]
    assert "hinomi.cli.demo.people" in names
    own = ("hinomi.cli.demo", "hinomi.playbooks.vendors.defender.simulator")
    assert [name for name in names if not name.startswith(own) and name not in ("hinomi", "hinomi.cli")] == []


def test_an_unknown_fault_names_the_known_ones() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hinomi", "demo", "--fault", "edr=fire"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "edr=offline" in done.stderr
