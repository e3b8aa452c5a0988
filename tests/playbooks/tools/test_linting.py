"""`hinomi playbook lint`: each check finds its fault, on its line and column, with a remedy; good playbooks have none."""

import socket
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from hinomi.directory import Directory, Person, Tenant
from hinomi.errors import ConfigError
from hinomi.playbooks.linting import Finding, Known, lint
from hinomi.reports import reports

REPORTS = [name for name, _ in reports]
GOOD = """playbook: 1
id: p
version: 1.0.0
title: {ja: 試験}
match: {cause: external, category: [malware]}
steps:
  - {id: isolate, do: endpoint.isolate, target: incident.endpoint, undo: endpoint.release, verify: {state: isolated, within: 15m}, on_failure: page}
  - {id: tell, after: [isolate], notify: teacher, template: isolation_notice, receipt: {due: 30m, remind: [10m], escalate: board}}
  - {id: confirm, after: [isolate], decide: [bad, good], by: operator, due: 30m, escalate: operator_lead}
  - {id: scan, after: [confirm], if: confirm == bad, do: endpoint.scan, target: incident.endpoint}
  - {id: release, after: [scan], do: endpoint.release, target: incident.endpoint, approve: {role: operator, due: 1h}}
  - {id: page, off_path: true, notify: operator_lead, template: isolation_failed}
tests:
  - name: refused
    vendor: {endpoint.isolate: refused}
    expect: [{step: page, message: isolation_failed}]
"""


@pytest.fixture
def found(tmp_path: Path) -> Any:
    def run(text: str, directory: Directory | None = None) -> list[Finding]:
        (tmp_path / "p.yml").write_text(text, encoding="utf-8")
        return lint([tmp_path], Known(REPORTS, directory))

    return run


def test_a_good_playbook_has_nothing_to_say(found: Any) -> None:
    assert found(GOOD) == []


def test_the_shipped_playbooks_have_nothing_to_say() -> None:
    assert lint([Path(str(files("hinomi.playbooks") / "library"))], Known(REPORTS)) == []


#: (what stands there, what is written instead, level, line:what stands at the column, a part of what is said, of the remedy).
FAULTY: dict[str, tuple[str, str, str, str, str, str]] = {
    "not yaml": ("steps:\n", "steps: [\n", "error", "7", "not YAML", "mend"),
    "unknown key": ("on_failure: page}", "on_failur: page}", "error", "7:on_failur", "no such key", "'on_failure'"),
    "unknown key inside": ("remind: [10m]", "remnid: [10m]", "error", "8:remnid", "no such key", "'remind'"),
    "missing key": ("version: 1.0.0\n", "", "error", "1:playbook", "version: is missing", "version: …"),
    "no duration": ("within: 15m", "within: soon", "error", "7:within", "no duration", ""),
    "two kinds": ("do: endpoint.scan", "notify: teacher, template: isolation_notice, do: endpoint.scan", "error", "10:{id: scan", "exactly one of", ""),
    "two of one name": ("id: scan", "id: tell", "error", "10:id", "two steps are called tell", "another name"),
    "unknown action": ("do: endpoint.isolate", "do: endpoint.isolat", "error", "7:do", "'endpoint.isolat'", "'endpoint.isolate'"),
    "unknown target": ("do: endpoint.scan, target: incident.endpoint", "do: endpoint.scan, target: incident.pc", "error", "10:target", "'incident.pc'", ""),
    "unknown template": ("template: isolation_notice", "template: isolation_notce", "error", "8:template", "'isolation_notce'", "'isolation_notice'"),
    "unknown role": ("by: operator,", "by: operater,", "error", "9:by", "'operater'", "'operator'"),
    "unknown role inside": ("role: operator,", "role: oprator,", "error", "11:role", "'oprator'", "'operator'"),
    "unknown report": ("  - {id: page,", "  - {id: r, report: infektion, by: board, to: board, due: 1h, escalate: operator}\n  - {id: page,",
                       "error", "12:report", "'infektion'", "'infection'"),
    "unknown step": ("after: [confirm]", "after: [confrim]", "error", "10:after", "'confrim', which is no step", "'confirm'"),
    "unknown on_failure": ("on_failure: page", "on_failure: pge", "error", "7:on_failure", "'pge'", "'page'"),
    "on the path": ("id: page, off_path: true", "id: page", "error", "7:on_failure", "not off_path", "off_path: true"),
    "cycle": ("after: [isolate], decide", "after: [release], decide", "error", "9:{id: confirm", "wait for each other", "never goes back"),
    "unreachable": (", on_failure: page}", "}", "error", "12:{id: page", "nothing starts page", "on_failure: page"),
    "after what may never run": ("after: [scan]", "after: [page]", "error", "11:after", "never ends", "of the path"),
    "unknown fact": ("if: confirm == bad", "if: incident.categry == malware", "error", "10:if", "no field 'categry'", "'category'"),
    "unknown value": ("if: confirm == bad", "if: incident.severity == grave", "error", "10:if", "'grave'", "known: "),
    "unknown outcome": ("if: confirm == bad", "if: confirm == worse", "error", "10:if", "never comes out as 'worse'", "known: bad, good"),
    "not before": ("if: confirm == bad", "if: tell == received", "error", "10:if", "tell need not be done", "add tell to after"),
    "never": ("if: confirm == bad", "if: confirm == bad and confirm == good", "error", "10:if", "cannot be both", "two steps"),
    "its own outcome": ("if: confirm == bad", "if: scan == verified", "error", "10:if", "its own outcome", "before it"),
    "too early": ("if: confirm == bad", "if: isolate == verified", "warning", "10:if", "not known yet", "wait: verify on isolate"),
    "no condition": ("if: confirm == bad", "if: confirm is bad", "error", "10:{id: scan", "write STEP == outcome", ""),
    "unknown severity": ("match: {cause: external,", "match: {severity: grave,", "error", "5:severity", "the severity 'grave'", "known: "),
    "every incident": ("match: {cause: external, category: [malware]}", "match: {}", "warning", "5:match", "every incident", "match: {"),
    "reminder after the deadline": ("remind: [10m]", "remind: [30m]", "warning", "8:remind", "before the deadline", "shorter"),
    "nobody above": (", escalate: board", "", "warning", "8:receipt", "nobody is named", "escalate: operator_lead"),
    "the same above": ("due: 30m, escalate: operator_lead", "due: 30m, escalate: operator", "warning", "9:escalate", "has not answered", "above"),
    "no deadline": ("decide: [bad, good], by: operator, due: 30m", "decide: [bad, good], by: operator", "error", "9:{id: confirm", "needs due", ""),
    "over at once": ("receipt: {due: 30m", "receipt: {due: 0s", "error", "8:due", "over when it begins", "30m"),
    "goes on without an answer": ("role: operator, due: 1h", "role: operator, due: 1h, on_timeout: continue", "warning", "11:on_timeout", "as if endpoint.release had been", "fail"),
    "fewer persons than the action demands": ("do: endpoint.scan", "do: endpoint.wipe", "warning", "10:do", "2 persons are asked", "quorum: 2"),
    "no release": ("do: endpoint.release, target: incident.endpoint, approve: {role: operator, due: 1h}", "notify: teacher, template: release_notice",
                   "warning", "7:{id: isolate", "never taken back", "do: endpoint.release"),
    "release for some only": ("id: release, after: [scan]", "id: release, after: [scan, confirm], if: confirm == good", "warning", "11:if", "only if", "otherwise"),
    "wrong undo": ("undo: endpoint.release", "undo: endpoint.scan", "error", "7:undo", "does not undo", "endpoint.release"),
    "wrong state": ("state: isolated", "state: clean", "error", "7:state", "never seen as 'clean'", "state: isolated"),
    "one choice": ("decide: [bad, good]", "decide: [bad]", "warning", "9:decide", "nothing to choose", "two"),
    "no Japanese title": ("title: {ja: 試験}", "title: {en: Trial}", "warning", "4:title", "no Japanese title", "ja: "),
    "no version": ("version: 1.0.0", "version: new", "warning", "3:version", "no version", "1.0.0"),
    "test of an unknown step": ("{step: page,", "{step: pge,", "error", "16:step", "'pge' is no step", "'page'"),
    "test with an unknown key": ("vendor: {", "vender: {", "error", "15:vender", "no such key", "'vendor'"),
    "test of an unknown action": ("vendor: {endpoint.isolate", "vendor: {endpoint.isolat", "error", "15:endpoint.isolat", "no action", "'endpoint.isolate'"),
    "test of an unknown message": ("{step: page, message: isolation_failed", "{step: page, message: isolation_faild", "error", "16:message", "'isolation_faild'", "'isolation_failed'"),
    "test without a fact": ("vendor: {", "given: {protectd: true}\n    vendor: {", "error", "15:protectd", "no such key", "'protected'"),
    "foreign": ("tests:\n", "foreign: [{id: x, why: a loop}]\ntests:\n", "warning", "13:{id: x", "cannot go live", "write steps"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_is_named_with_its_place_and_a_remedy(found: Any, name: str, tmp_path: Path) -> None:
    old, new, level, place, what, remedy = FAULTY[name]
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    line, _, stands = place.partition(":")
    findings = found(text)
    said = [one for one in findings if one.level == level and what in one.what and remedy in one.remedy]
    assert said, findings
    path, *where = said[0].where.removeprefix(str(tmp_path)).split(":")
    assert (path, where[0]) == ("/p.yml", line)
    if stands:
        assert text.splitlines()[int(where[0]) - 1][int(where[1]) - 1 :].startswith(stands)


def test_every_fault_of_a_playbook_is_named_at_once(found: Any) -> None:
    text = (
        GOOD.replace("endpoint.isolate,", "endpoint.isolat,", 1)
        .replace("by: operator", "by: oprator")
        .replace("confirm == bad", "tell == x")
    )
    assert len([one for one in found(text) if one.level == "error"]) >= 4


def test_two_files_with_one_id_are_named(tmp_path: Path) -> None:
    for name in ("a.yml", "b.yml"):
        (tmp_path / name).write_text(GOOD, encoding="utf-8")
    (said,) = lint([tmp_path], Known(REPORTS))
    assert (said.where, said.level) == (f"{tmp_path / 'b.yml'}:2:1", "error")
    assert str(tmp_path / "a.yml") in said.what


def test_a_role_that_nobody_holds_is_named_school_by_school(found: Any) -> None:
    schools = [
        Tenant("k", "県", "prefecture"),
        Tenant("k/a", "市", "municipality"),
        *(Tenant(f"k/a/{n}", n, "school") for n in ("one", "two")),
    ]
    lead = Person("l", "", "長", "operator_lead", mail="l@x")
    nobody = found(GOOD, Directory(tenants=schools, people=[lead]))
    assert [(one.where.rpartition("p.yml:")[2], one.level) for one in nobody] == [
        ("9:58", "warning"),
        ("11:93", "error"),
    ]
    assert "nobody is operator for any school" in nobody[1].what
    some = [lead, Person("o", "k/a/one", "運用", "operator", mail="o@x")]
    (decision, approval) = found(GOOD, Directory(tenants=schools, people=some))
    assert "nobody is operator for k/a/two" in decision.what
    assert (approval.level, "escalates at once" in approval.remedy) == ("warning", True)
    quorum = GOOD.replace("role: operator, due: 1h", "role: operator, quorum: 2, due: 1h")
    (few,) = found(quorum, Directory(tenants=schools, people=[lead, Person("o", "", "運用", "operator", mail="o@x")]))
    assert "fewer than 2 persons are operator" in few.what


def test_nothing_is_asked_of_the_network(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert found(GOOD) == []


def test_a_folder_without_playbooks_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no playbook here"):
        lint([tmp_path], Known(REPORTS))
