"""``hinomi demo`` on days that go otherwise; the day that goes well is `test_kept_data`'s."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)  # whole days, also on a busy machine


def test_a_day_without_malware_isolates_nothing(demo: Callable[..., Any], tmp_path: Path) -> None:
    _done, found = demo(tmp_path, "--without", "malware")
    assert found["isolation_requests"] == 0
    assert found["reports"] == []
    assert [incident["category"] for incident in found["incidents"]] == ["data_egress"]
    assert found["incidents"][0]["assignee"]
    assert all((step["state"], step["done"], step["by"]) == ("did not happen", None, None) for step in found["steps"])
    assert set(found["latencies_ms"].values()) == {None}
    assert found["sent"] == found["accepted"] == found["stored"]


@pytest.mark.parametrize(
    ("fault", "states", "requests"),
    [("refuse", {"failed"}, 1), ("500", {"sent", "failed"}, 1), ("offline", {"accepted", "failed"}, 1)],
)
def test_a_fault_of_the_edr_is_shown_as_it_is_and_somebody_is_paged(
    demo: Callable[..., Any], tmp_path: Path, fault: str, states: set[str], requests: int
) -> None:
    done, found = demo(tmp_path, "--fault", f"edr={fault}")
    steps = {step["id"]: step for step in found["steps"]}
    assert (steps["1"]["state"], steps["2"]["done"]) == ("done", None)
    assert steps["2"]["state"] in states
    assert found["host"]["state"] != "isolated"
    assert found["latencies_ms"]["line_to_isolation_verified"] is None
    assert found["isolation_requests"] >= requests
    assert found["paged"]
    late = [step for step in found["steps"] if step["done"] is None]
    assert {step["state"] for step in late} & {"did not happen", "open", "waiting", "accepted", "failed"}
    assert all(step["by"] is None for step in late)
    assert f"fault of the EDR                {fault}\n" in done.stdout
    assert f"paged                           {', '.join(found['paged'])}\n" in done.stdout


def test_an_isolation_that_is_accepted_and_never_answered_happens_once(
    demo: Callable[..., Any], tmp_path: Path
) -> None:
    _done, found = demo(tmp_path, "--fault", "edr=timeout-after-accept")
    assert found["isolation_requests"] == 1
    assert found["paged"]


def test_the_players_know_nothing_of_hinomi() -> None:
    command = [sys.executable, "-m", "hinomi.cli.demo.players", "--modules", "-"]
    names = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["names"]
    assert "hinomi.cli.demo.people" in names
    own = ("hinomi.cli.demo", "hinomi.cli.acting", "hinomi.playbooks.vendors.defender.simulator")
    ours = [name for name in names if name.partition(".")[0] == "hinomi"]
    assert [name for name in ours if not name.startswith(own) and name not in ("hinomi", "hinomi.cli")] == []
    assert {"sqlite3", "sqlalchemy", "deltalake", "elasticsearch"}.isdisjoint(names)  # it opens no database


def test_an_unknown_fault_names_the_known_ones(hinomi: Callable[..., Any]) -> None:
    done = hinomi("demo", "--fault", "edr=fire")
    assert done.returncode == 2
    assert "edr=offline" in done.stderr


def test_elasticsearch_without_a_node_says_how_to_name_one(
    hinomi: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HINOMI_ES_NODE", raising=False)
    monkeypatch.delenv("HINOMI_ES_URL", raising=False)
    done = hinomi("demo", "--store", "elasticsearch")
    assert (done.returncode, "--es-url" in done.stderr, "--es-node" in done.stderr) == (2, True, True)
    done = hinomi("demo", "--store", "elasticsearch", "--es-node", str(tmp_path / "none"))
    assert (done.returncode, "none is no file" in done.stderr) == (2, True)
