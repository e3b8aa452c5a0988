"""`hinomi rule lint`: each check finds its fault, on its line, with a remedy; a good rule has none; nobody else is asked."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hinomi.detections.linting import Finding, lint
from hinomi.errors import ConfigError

SIGMA = Path(__file__).parents[3] / "shared" / "data" / "sigmahq"
GOOD = """title: Shell of a document
id: 5f4c1f0a-5b1e-4d0e-8f39-5c1b7a7f0c01
status: test
description: A document starts a shell.
author: us
date: 2026-11-25
tags: [attack.execution, attack.t1059.003]
logsource:
  product: windows
  category: process_creation
detection:
  selection:
    ParentImage|endswith: '\\winword.exe'
    CommandLine|contains: copy
  condition: selection
level: high
"""


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "rules").mkdir()

    def run(text: str) -> list[Finding]:
        (tmp_path / "rules" / "rule.yml").write_text(text)
        return lint([tmp_path / "rules"])

    return run


def test_a_good_rule_has_nothing_to_say(found: Any) -> None:
    assert found(GOOD) == []


#: (what is written instead of what, level, line, a part of what is said, a part of the remedy).
FAULTY: dict[str, tuple[str, str, str, int, str, str]] = {
    "unknown modifier": ("CommandLine|contains", "CommandLine|contain", "error", 14, "'contain' is unknown", "spelling"),
    "condition": ("condition: selection", "condition: selection or other", "error", 15, "'other'", "add the search"),
    "not yaml": ("detection:\n", "detection: [\n", "error", 13, "not YAML", ""),
    "level": ("level: high", "level: urgent", "error", 16, "'urgent'", ""),
    "look-around": ("CommandLine|contains: copy", "CommandLine|re: '(?<=a)b'", "error", 14, "RE2", "several values"),
    "no id": ("id: 5f4c1f0a-5b1e-4d0e-8f39-5c1b7a7f0c01\n", "", "warning", 1, "no id", "write id: "),
    "id": ("id: 5f4c1f0a-5b1e-4d0e-8f39-5c1b7a7f0c01", "id: my-rule", "warning", 2, "no UUID", "write id: "),
    "status": ("status: test", "status: good", "warning", 3, "'good'", "experimental"),
    "date": ("date: 2026-11-25", "date: 25.11.2026", "warning", 6, "no date", "2026-11-25"),
    "dates": ("date: 2026-11-25", "date: 2026-11-25\nmodified: 2026-01-01", "warning", 7, "before date", "mend"),
    "slip": ("author: us", "falsepositive: [x]", "warning", 5, "'falsepositive'", "falsepositives"),
    "slip in the log source": ("  category:", "  service: sysmon\n  catgory:", "warning", 11, "'catgory'", "category"),
    "unmapped": ("product: windows\n  category: process_creation", "product: nobodys\n  service: log", "warning", 13, "'ParentImage'", "hinomi events show"),
    "log source": ("category: process_creation", "category: dreams", "warning", 8, "log source", "name product and service"),
    "unused": ("  condition:", "  idle:\n    Image: x\n  condition:", "warning", 15, "'idle'", "leave it out"),
    "program": ("'\\winword.exe'", "winword.exe", "warning", 13, "xwinword.exe", "'\\winword.exe'"),
    "text as expression": ("CommandLine|contains", "CommandLine|re", "warning", 14, "slower", "CommandLine|contains"),
    "begins with anything": ("CommandLine|contains: copy", "CommandLine|re: .*a+", "warning", 14, "says nothing", "'a+'"),
    "wildcards": ("CommandLine|contains: copy", "CommandLine: '*copy*'", "warning", 14, "contains modifier", "field|contains"),
    "all without contains": ("CommandLine|contains: copy", "CommandLine|all: [copy, move]", "warning", 14, "all", "contains|all"),
    "tag": ("attack.execution", "Attack-Execution", "warning", 7, "tag", "lower case"),
    "tag twice": ("attack.execution,", "attack.t1059.003,", "warning", 7, "multiple times", "once"),
    "contains without category": ("level: high", "level: high\nhinomi:\n  contain: auto", "warning", 18, "without a category", "malware"),
    "contains though unsure": ("level: high", "level: low\nhinomi: {contain: auto, category: malware}", "warning", 16, "level low", "critical"),
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTY)
def test_a_fault_is_found_on_its_line_with_a_remedy(found: Any, what: str) -> None:
    before, after, level, line, said, remedy = FAULTY[what]
    assert before in GOOD
    findings = found(GOOD.replace(before, after, 1))
    fitting = [one for one in findings if said in one.what and remedy in one.remedy]
    assert len(fitting) == 1, findings
    assert fitting[0].level == level
    assert fitting[0].where.endswith(f"rule.yml:{line}"), fitting
    assert fitting[0].remedy


FILTER = """
---
title: Night
id: 5f4c1f0a-5b1e-4d0e-8f39-5c1b7a7f0c02
logsource: {product: windows}
filter:
  rules: [5f4c1f0a-5b1e-4d0e-8f39-5c1b7a7f0c01]
  selection: {CommandLine|contains: night}
  condition: selection
"""
COUNT = """
---
title: Many
id: 5f4c1f0a-5b1e-4d0e-8f39-5c1b7a7f0c03
status: test
description: d
level: high
correlation:
  type: event_count
  rules: [5f4c1f0a-5b1e-4d0e-8f39-5c1b7a7f0c01]
  timespan: 5m
  condition: {gte: 3}
"""


def test_exceptions_and_correlations_are_looked_at_too(found: Any) -> None:
    (said,) = found(GOOD + FILTER)
    assert (said.where.rpartition(":")[2], "without owner" in said.what) == ("22", True)
    (said,) = found(GOOD + FILTER + "hinomi: {owner: o, reason: r, until: 2020-01-01}\n")
    assert "has ended on 2020-01-01" in said.what
    (said,) = found(GOOD + COUNT)
    assert "no group-by" in said.what
    findings = found(COUNT.replace("\n---\n", ""))
    assert any("is not loaded" in one.what and one.level == "error" for one in findings)


def test_what_a_rule_refers_to_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "base.yml").write_text(GOOD.replace("status: test", "status: odd"))
    (tmp_path / "count.yml").write_text(COUNT.replace("\n---\n", "").replace("type:", "group-by: [Computer]\n  type:"))
    assert lint([tmp_path / "count.yml"], [tmp_path / "base.yml"]) == []


def test_a_folder_without_rules_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no Sigma file"):
        lint([tmp_path])


def test_nothing_is_asked_of_the_network(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(GOOD.replace("attack.t1059.003", "attack.t9999"))
    program = (
        "import sys\n"
        "def watch(name, args):\n"
        "    if name in ('socket.connect', 'socket.getaddrinfo', 'urllib.Request'):\n"
        "        print('asked', name, args)\n"
        "sys.addaudithook(watch)\n"
        "from pathlib import Path\n"
        "from hinomi.detections.linting import lint\n"
        f"print(len(lint([Path({str(tmp_path / 'rule.yml')!r})])))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"XDG_CACHE_HOME": str(tmp_path)})  # fmt: skip
    assert done.stdout == "0\n"


def test_sigmahqs_rules_have_no_errors_and_few_warnings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = SIGMA / "rules" / "windows" / "process_creation"
    if not folder.is_dir():
        pytest.skip("shared data are not here")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    findings = lint([folder])
    assert [one for one in findings if one.level == "error"] == []
    assert len(findings) < 100
