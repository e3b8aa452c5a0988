"""`hinomi rule coverage`: rules by log source, what is not mapped, what is received, and the ATT&CK layer."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hinomi.cli.main import cli
from hinomi.clock import SystemClock, iso
from hinomi.events import Flush, open_store
from hinomi.settings import load_settings

ROOT = Path(__file__).parents[2]
RULE = "title: {title}\nid: 00000000-0000-4000-8000-{number:012}\nstatus: test\nlevel: low\ntags: [{tags}]\nlogsource: {{{source}}}\ndetection: {{s: {{{search}}}, condition: s}}\n"
RULES = [
    ("proxied", "attack.t1071.001, attack.command-and-control", "category: proxy", "c-uri: x"),
    ("made", "attack.t1059", "product: windows, category: process_creation", "Image: x"),
    ("also made", "attack.t1059.001, attack.t1059", "product: windows, category: process_creation", "CommandLine: x"),
    ("on linux", "attack.t1059", "product: linux, category: process_creation", "Image: x"),
    ("half", "attack.t1078", "product: okta, service: okta", "eventType: x, noSuchField: y"),
    ("not at all", "", "product: okta, service: okta", "noSuchField: y"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rules"
    made.mkdir()
    for number, (title, tags, source, search) in enumerate(RULES):
        (made / f"{number}.yml").write_text(
            RULE.format(title=title, number=number, tags=tags, source=source, search=search), encoding="utf-8"
        )
    return made


def run(*arguments: str | Path) -> tuple[str, str]:
    """Run the command; with a store in a process of its own. Return what it wrote to standard output and to standard error."""
    if "--config" not in arguments:
        result = CliRunner().invoke(cli, ["rule", "coverage", *map(str, arguments)])
        assert result.exit_code == 0, result.output
        return result.stdout, result.stderr
    command = [sys.executable, "-m", "hinomi", "rule", "coverage", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def rows(*arguments: str | Path) -> dict[str, dict[str, Any]]:
    found = json.loads(run(*arguments, "-o", "json")[0])
    return {"/".join((row["product"], row["category"], row["service"])): row for row in found}


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings file where one is looked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.usefixtures("nowhere")
def test_each_log_source_says_how_many_of_its_rules_are_mapped(folder: Path) -> None:
    found = rows(folder)
    assert {name: (row["rules"], row["mapped"], row["partly"], row["none"]) for name, row in found.items()} == {
        "windows/process_creation/-": (2, 2, 0, 0), "linux/process_creation/-": (1, 1, 0, 0), "okta/-/okta": (2, 0, 1, 1), "-/proxy/-": (1, 1, 0, 0),
    }  # fmt: skip
    assert found["okta/-/okta"]["unmapped"] == ["noSuchField"]
    assert {row["received"] for row in found.values()} == {"?"}
    assert "4 of 6 rules have every field mapped" in run(folder)[1]


@pytest.mark.usefixtures("nowhere")
def test_rules_with_fields_that_are_not_mapped_are_listed_with_their_file(folder: Path) -> None:
    table = list(csv.DictReader(io.StringIO(run(folder, "--unmapped", "-o", "csv")[0].lstrip("\ufeff"))))
    assert {(row["title"], row["source"], row["unmapped"], Path(row["path"]).name) for row in table} == {
        ("half", "okta/-/okta", "noSuchField", "4.yml"), ("not at all", "okta/-/okta", "noSuchField", "5.yml"),
    }  # fmt: skip
    lines = run(folder, "--unmapped", "-o", "jsonl")[0].splitlines()
    assert [json.loads(line)["title"] for line in lines] == ["half", "not at all"]


@pytest.mark.usefixtures("nowhere")
def test_the_layer_counts_the_rules_of_each_technique(folder: Path, tmp_path: Path) -> None:
    run(folder, "--navigator", tmp_path / "layer.json")
    layer = json.loads((tmp_path / "layer.json").read_text(encoding="utf-8"))
    assert layer["versions"]["layer"] == "4.5"
    assert layer["domain"] == "enterprise-attack"
    assert {t["techniqueID"]: t["score"] for t in layer["techniques"]} == {
        "T1059": 3,
        "T1059.001": 1,
        "T1071.001": 1,
        "T1078": 1,
    }
    assert layer["gradient"]["maxValue"] == 3


@pytest.mark.usefixtures("nowhere")
def test_without_folders_the_shipped_rules_are_looked_at() -> None:
    assert "hinomi/-/egress" in rows()


@pytest.fixture
def config(tmp_path: Path, folder: Path) -> Path:
    """Settings with a store that holds one request through a proxy, and one process of Linux."""
    path = tmp_path / "hinomi.toml"
    path.write_text(f'data = "data"\n[rules]\nshipped = false\nfolders = ["{folder}"]\n', encoding="utf-8")
    (tmp_path / "data").mkdir()
    now = iso(SystemClock().now())
    event = {
        "@timestamp": now, "event.id": "1" * 32, "event.module": "ifilter", "event.dataset": "ifilter.access", "event.category": ["web", "network"],
        "event.type": ["access"], "event.kind": "event", "hinomi.tenant": "kita/aoba", "hinomi.source": "proxy", "url.original": "http://x/",
    }  # fmt: skip
    started = event | {
        "event.id": "2" * 32,
        "event.module": "endpoint",
        "event.dataset": "endpoint.events.process",
        "host.os.type": "linux",
    }
    started |= {"event.category": ["process"], "event.type": ["start"]}
    store = open_store(load_settings(path), writable=True)
    store.append(Flush("a", [(1, [event, started])]))
    store.close()
    return path


def test_a_log_source_is_received_if_stored_events_meet_it(config: Path) -> None:
    found = rows("--config", config)
    assert {name: row["received"] for name, row in found.items()} == {
        "windows/process_creation/-": "no",
        "linux/process_creation/-": "yes",
        "okta/-/okta": "no",
        "-/proxy/-": "yes",
    }
    assert found["-/proxy/-"]["last"].endswith("Z")
    assert "2 of 4 log sources are received" in run("--config", config)[1]


def test_the_layer_counts_rules_on_received_sources_where_that_is_known(config: Path, tmp_path: Path) -> None:
    run("--config", config, "--navigator", tmp_path / "layer.json")
    layer = json.loads((tmp_path / "layer.json").read_text(encoding="utf-8"))
    assert {t["techniqueID"]: t["score"] for t in layer["techniques"]} == {
        "T1059": 1,
        "T1059.001": 0,
        "T1071.001": 1,
        "T1078": 0,
    }


def test_settings_that_are_named_and_missing_are_an_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["rule", "coverage", "--config", str(tmp_path / "none.toml")])
    assert result.exit_code != 0
