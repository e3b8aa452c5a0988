"""Another package adds a format, a rule, an action, a vendor, a channel and a report; no file of hinomi changes.

The package is written to a folder with the metadata an installer would leave there, and is put on the path of the
real processes. One line of its own format goes in; its rule matches; its playbook acts through its vendor, tells
through its channel and writes its report.
"""

import importlib.util
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

GROUPS = {
    "formats": ("acme.log", "acme.format"), "fieldmaps": ("acme", "acme.fieldmap"), "actions": ("acme.note", "acme.action"), "vendors": ("acme", "acme.vendor"),
    "channels": ("pager", "acme.channel"), "reports": ("acme_note", "acme.report"),
}  # fmt: skip
MODULES = {
    "__init__": "",
    "format": '''
"""One JSON object a line: {"when", "pc", "what"}."""
import json
from hinomi.collectors.formats import formats

@formats.register("acme.log")
def read(record):
    try:
        found = json.loads(record.raw)
    except ValueError:
        return ()
    if not isinstance(found, dict) or "acme" not in found:
        return ()
    return [{
        "@timestamp": found["when"], "event.module": "acme", "event.dataset": "acme.log", "event.category": ["process"], "event.type": ["start"],
        "host.name": found["pc"], "host.os.type": "windows", "process.command_line": found["acme"], "process.executable": "C:\\\\acme.exe",
    }]
''',
    "fieldmap": '''
"""Sigma's names on the events of acme.log."""
from hinomi.detections.fieldmap import Product, fieldmaps

NAMES = {"CommandLine": ("process.command_line",), "Image": ("process.executable",)}

def route(category, service):
    return [(("event.dataset", "acme.log"),)] if category == "process_creation" else None

fieldmaps.register("acme")(Product(route=route, names=lambda name, category, service: NAMES.get(name, ())))
''',
    "action": '''
"""Writes a note on a device."""
from hinomi.playbooks.actions import actions
from hinomi.playbooks.actions.endpoint import EndpointAction

@actions.register("acme.note")
class Note(EndpointAction):
    """Write a note."""
    name = "acme.note"
    verifies = "done"
''',
    "vendor": '''
"""A product that keeps notes in a file."""
import json
from datetime import datetime, timezone
from pathlib import Path
from hinomi.playbooks.vendors import Accepted, Observation, Request, vendors

def _now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

class Acme:
    name = "acme"
    def __init__(self, settings):
        self._file = Path(settings["file"])
    def capabilities(self):
        return {"acme.note": "job"}
    def plan(self, intent):
        return Request("WRITE", str(self._file), {"machine": intent.target["machine"], "tag": intent.tag})
    async def apply(self, intent):
        with self._file.open("a") as file:
            file.write(json.dumps({"machine": intent.target["machine"], "tag": intent.tag}) + "\\n")
        return Accepted("note-1")
    async def find_own(self, intent):
        return Accepted("note-1") if self._file.exists() and intent.tag in self._file.read_text() else None
    async def read_state(self, target):
        return Observation("unknown", _now())
    async def verify(self, intent, vendor_id):
        return Observation("done", _now(), vendor_id=vendor_id)
    async def undo(self, intent):
        return Accepted()
    async def close(self):
        return None

vendors.register("acme")(Acme)
''',
    "channel": '''
"""A pager that writes into a file."""
import json
from pathlib import Path
from hinomi.playbooks.channels import channels

class Pager:
    name = "pager"
    def __init__(self, file):
        self._file = Path(file)
    async def send(self, message):
        with self._file.open("a") as file:
            file.write(json.dumps({"to": message.to, "subject": message.subject, "template": message.headers["X-Hinomi-Template"]}) + "\\n")
        return "taken"
    async def close(self):
        return None

@channels.register("pager")
def make(settings):
    table = settings.channels.get("pager")
    return Pager(table["file"]) if table else None
''',
    "report": '''
"""A note of one question."""
from hinomi.reports import ReportKind, parts, reports
from hinomi.reports.fields import Authored, ask
from hinomi.reports.model import Section

class Fields(Authored):
    word: str | None = ask("ひとこと", "line", section="ひとこと", required=True)

def sections(facts, answers):
    return [Section(title="ひとこと", rows=[*parts.case_rows(facts), *answers.of_section("ひとこと")])]

KIND = reports.register("acme_note")(
    ReportKind(name="acme_note", title="ひとこと報告", matter="ひとことについて", fields=Fields, sections=sections, author="operator", to="operator")
)
''',
}
RULE = """
title: Acme does what it must not
id: 0c0ffee0-0000-4000-8000-00000000acce
status: test
description: A rule from elsewhere.
author: acme
date: 2026-11-24
logsource: {product: acme, category: process_creation}
detection:
  acme: {CommandLine|contains: "forbidden"}
  condition: acme
level: critical
hinomi: {category: acme, cause: external, title_ja: 禁じられた操作}
"""
PLAYBOOK = """
playbook: 1
id: acme
version: 1.0.0
title: {ja: 別製品の手順, en: Of another product}
match: {cause: external, category: [acme], severity: [critical]}
mode: shadow
steps:
  - {id: note, do: acme.note, target: incident.endpoint, verify: {state: done, within: 1m}}
  - {id: tell, notify: operator, template: isolation_notice}
  - {id: word, report: acme_note, by: operator, to: operator, due: 1h}
"""


def _world_module() -> Any:
    spec = importlib.util.spec_from_file_location("hinomi_test_world", Path(__file__).with_name("world.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)
    spec.loader.exec_module(module)
    return module


world_module = _world_module()
eventually = world_module.eventually


def install(folder: Path) -> None:
    """Write the package and its metadata, as an installer would."""
    (folder / "acme").mkdir(parents=True)
    for name, text in MODULES.items():
        (folder / "acme" / f"{name}.py").write_text(text, encoding="utf-8")
    info = folder / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    points = "".join(f"[hinomi.{group}]\n{name} = {module}\n\n" for group, (name, module) in GROUPS.items())
    (info / "entry_points.txt").write_text(points)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("extended")
    install(folder / "elsewhere")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(folder / "elsewhere")
    made = world_module.World(folder / "world")
    made.set_up = made.hinomi  # only processes have the package on their path
    (folder / "rules").mkdir()
    (folder / "rules" / "acme.yml").write_text(RULE, encoding="utf-8")
    extra = f"""
[sources.acme]
kind = "http"
formats = ["acme.log"]
tenant = "kita/aoba"
[vendors.acme]
file = "{folder}/notes.jsonl"
[channels.pager]
roles = ["operator"]
file = "{folder}/pager.jsonl"
[rules]
folders = ["{folder}/rules"]
"""
    devices = world_module.DEVICES.replace("defender=" + "a" * 40, "acme=machine-1")
    try:
        made.lay_out(extra=extra, devices=devices)
        (made.config.parent / "playbooks" / "acme.yml").write_text(PLAYBOOK, encoding="utf-8")
        made.activate("acme")
        key = made.hinomi(
            "--config",
            str(made.config),
            "key",
            "create",
            "--name",
            "a",
            "--scope",
            "ingest",
            "--source",
            "acme",
            "-o",
            "json",
        )
        made.acme_key = json.loads(key)["key"]
        made.start(edr=False)
        yield made
    finally:
        made.stop()
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def test_what_another_package_brings_works_without_a_change(world: Any) -> None:
    folder = world.folder.parent
    line = {"when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "pc": "PC-0101", "acme": "the forbidden thing"}
    url = f"http://127.0.0.1:{world.ingest}/v1/events/acme"
    sent = world.send(url, json.dumps(line).encode(), {"Authorization": f"Bearer {world.acme_key}"})
    assert sent == (200, {"accepted": 1})

    alert = eventually(lambda: world.call("alerts").get("items"))[0]
    assert alert["title"] == "Acme does what it must not"

    notes = folder / "notes.jsonl"
    assert eventually(notes.exists)
    note = json.loads(notes.read_text())
    assert note["machine"] == "machine-1"
    assert note["tag"].startswith("[hinomi:kita/aoba/higashi-es/")

    pager = folder / "pager.jsonl"
    assert eventually(lambda: pager.exists() and "report_form" in pager.read_text())
    pages = [json.loads(page) for page in pager.read_text().splitlines()]
    assert {(page["to"], page["template"]) for page in pages} == {
        ("o1@soc.test", "isolation_notice"),
        ("o1@soc.test", "report_form"),
    }
    assert world.mailbox.find("o1@soc.test", "report_form") is None

    report = eventually(lambda: world.call("reports").get("items"))[0]
    assert report["kind"] == "acme_note"
    world.call(f"reports/{report['id']}/fields", {"fields": {"word": "異常なし"}})
    world.call(f"reports/{report['id']}/submit", {})
    assert eventually(lambda: world.call(f"reports/{report['id']}")["state"] in ("built", "sent"))
    path = Path(world.call(f"reports/{report['id']}")["path"])
    assert path.read_bytes().startswith(b"%PDF")
