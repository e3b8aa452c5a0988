"""The score of a drill: what is in time, late by how much, never done; and the pace at which people's times pass."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hinomi.cli.drill import toml
from hinomi.cli.drill.flows import FLOWS
from hinomi.cli.drill.plan import paced, shortened
from hinomi.cli.drill.score import Score, judge
from hinomi.cli.nouns import drill as noun
from hinomi.clock import iso
from hinomi.directory import Directory, Person
from hinomi.playbooks.engine.model import Playbook, parse
from hinomi.reports.drill import Item, Sheet, span

BEGAN = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
PLAYBOOK = """\
playbook: 1
id: ours
version: 1.0.0
title: {ja: 手順}
match: {cause: external}
steps:
  - {id: isolate, flow: 2, do: endpoint.isolate, target: incident.endpoint, verify: {state: isolated, within: 15m}, on_failure: page}
  - {id: tell_teacher, notify: teacher, template: isolation_notice, receipt: {flow: 3, due: 30m, remind: [10m, 20m], escalate: school_management}}
  - {id: infection, report: infection, by: school_management, to: board, due: 4h, receipt: {flow: 5, due: 4h}}
  - {id: scan, flow: 7, if: infection == done, do: endpoint.scan, target: incident.endpoint}
  - {id: final, flow: 10, report: final, by: operator, to: board, due: 14d}
  - {id: page, off_path: true, notify: operator_lead, template: isolation_failed}
"""
PEOPLE = Directory(people=[Person("t1", "kita/aoba/es", "佐藤 花", "teacher")])


def after(minutes: float) -> str:
    return iso(BEGAN + timedelta(minutes=minutes))


def wait(step: str, text: str, due: float | None, done: float | None = None, **more: Any) -> dict[str, Any]:
    row = {
        "id": f"{step}:{text}", "step": step, "kind": "receipt", "text": text, "role": "teacher", "flow": 3, "due_at": None if due is None else after(due),
        "done_at": None if done is None else after(done), "state": "open" if done is None else "done", "by": None if done is None else "person:t1",
        "escalated_at": None,
    }  # fmt: skip
    return row | more


def step(name: str, kind: str, state: str, **more: Any) -> dict[str, Any]:
    row = {
        "id": name,
        "run": "run-1",
        "name": name,
        "kind": kind,
        "state": state,
        "flow": None,
        "action": None,
        "done_at": None,
        "due_at": None,
        "verify_until": None,
    }
    return row | more


def score(run: dict[str, Any], timeline: list[dict[str, Any]], end: float) -> dict[str, Item]:
    incident = {"opened_at": after(0), "cause": "external", "timeline": timeline}
    made = Score({"ours": parse(PLAYBOOK, "ours.yml")}, PEOPLE)
    items = made.items(incident, [{"playbook": "ours", **run}], BEGAN + timedelta(minutes=end))
    return {f"{item.step}/{item.what}": item for item in items}


@pytest.mark.parametrize(
    ("due", "done", "verdict", "late"),
    [
        (30, 29, "in_time", None),
        (30, 30, "in_time", None),
        (30, 45, "late", 900.0),
        (30, None, "overdue", 1800.0),
        (90, None, "open", None),
        (None, 5, "done", None),
        (None, None, "open", None),
    ],
)
def test_a_deadline_is_met_missed_or_still_to_come(
    due: float | None, done: float | None, verdict: str, late: float | None
) -> None:
    end = BEGAN + timedelta(minutes=60)
    due_at, done_at = (None if moment is None else after(moment) for moment in (due, done))
    assert judge(due_at, done_at, end) == (verdict, late)


def test_late_steps_never_done_ones_and_those_not_begun_are_told_apart() -> None:
    run = {
        "steps": [
            step("isolate", "do", "verified", action="endpoint.isolate", flow=2, done_at=after(1), verify_until=after(15)),
            step("tell_teacher", "notify", "done", done_at=after(1)),
            step("infection", "report", "waiting"),
            step("scan", "do", "skipped", action="endpoint.scan", flow=7, done_at=after(2)),
        ],
        "waits": [
            wait("tell_teacher", "隔離のお知らせの受領", 30, 42, escalated_at=after(30)),
            wait("infection", "感染報告の作成", 240, kind="report", role="school_management", flow=None, state="failed", outcome="not_submitted"),
            wait("infection", "感染報告の受領", 480, role="board", flow=5),
        ],
    }  # fmt: skip
    timeline = [
        {"kind": "reminder", "text": "", "at": after(n), "data": {"wait": f"tell_teacher:{what}"}}
        for n, what in ((10, "隔離のお知らせの受領"), (20, "隔離のお知らせの受領"), (25, "もう一つの受領"))
    ]
    found = score(run, timeline, 300)
    assert found["isolate/端末のネットワーク隔離"].verdict == "in_time"
    teacher = found["tell_teacher/隔離のお知らせの受領"]
    assert (teacher.verdict, teacher.late, teacher.by, teacher.reminded) == ("late", 720.0, "佐藤 花（教職員）", 2)
    assert teacher.escalated == after(30)
    unsubmitted = found["infection/感染報告の作成"]
    assert (unsubmitted.verdict, unsubmitted.late, unsubmitted.by) == ("overdue", 3600.0, "")
    assert found["infection/感染報告の受領"].verdict == "open"
    assert found["scan/端末のウイルス検査"].verdict == "skipped"
    assert found["final/最終報告書"].verdict == "not_started"
    assert not any(name.startswith("page/") for name in found)  # what is off the path is no line until it is called for


def test_an_act_counts_when_it_was_seen_and_not_when_it_was_asked_for() -> None:
    seen = step("isolate", "do", "verified", action="endpoint.isolate", done_at=after(1), verify_until=after(15))
    verified = {"kind": "verified", "text": "", "at": after(16), "data": {"run": "run-1", "step": "isolate"}}
    late = score({"steps": [seen], "waits": []}, [verified], 20)["isolate/端末のネットワーク隔離"]
    assert (late.verdict, late.late, late.by) == ("late", 60.0, "hinomi（自動）")
    other = verified | {
        "at": after(19),
        "data": {"run": "run-2", "step": "isolate"},
    }  # the same step of another playbook
    assert score({"steps": [seen], "waits": []}, [verified, other], 20)["isolate/端末のネットワーク隔離"].late == 60.0
    asked = step("isolate", "do", "accepted", action="endpoint.isolate", done_at=after(1), verify_until=after(15))
    assert score({"steps": [asked], "waits": []}, [], 10)["isolate/端末のネットワーク隔離"].verdict == "open"
    late = score({"steps": [asked], "waits": []}, [], 20)["isolate/端末のネットワーク隔離"]
    assert (late.verdict, late.late) == ("overdue", 300.0)
    failed = score({"steps": [asked | {"state": "failed"}], "waits": []}, [], 20)["isolate/端末のネットワーク隔離"]
    assert (failed.verdict, failed.done) == ("failed", None)


def test_what_was_left_to_people_is_the_task_and_not_the_act() -> None:
    manual = step("isolate", "do", "manual", action="endpoint.isolate", done_at=after(0))
    task = wait("isolate", "手動：端末のネットワーク隔離", 30, 12, kind="task", role="operator", flow=2)
    found = [item for item in score({"steps": [manual], "waits": [task]}, [], 60).values() if item.step == "isolate"]
    assert [(item.what, item.verdict) for item in found] == [("手動：端末のネットワーク隔離", "in_time")]


def test_before_an_incident_is_there_nothing_has_begun() -> None:
    items = Score({"ours": parse(PLAYBOOK, "ours.yml")}, PEOPLE).items(None, [], BEGAN)
    assert {item.verdict for item in items} == {"not_started"}


def sheet(*verdicts: Any) -> Sheet:
    items = [Item("ours", f"s{n}", None, "x", verdict) for n, verdict in enumerate(verdicts)]
    return Sheet("external", "t", "k/a/e", "校", "PC", "auto", 60, 1, after(0), after(9), "finished", "f", items)


def test_the_score_counts_what_applied() -> None:
    counts = sheet("in_time", "done", "late", "overdue", "failed", "open", "not_started", "skipped").counts()
    assert counts == {"total": 7, "in_time": 2, "late": 1, "never": 4}
    assert sheet().counts() == {"total": 0, "in_time": 0, "late": 0, "never": 0}


@pytest.mark.parametrize(
    ("seconds", "text"), [(8.24, "8.2秒"), (185, "3分05秒"), (7800, "2時間10分"), (59.96, "60.0秒"), (None, "")]
)
def test_spans_are_read_at_a_glance(seconds: float | None, text: str) -> None:
    assert span(seconds) == text


# --- the pace --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "pace", "made"),
    [
        ("30m", 60, "30000ms"),
        ("14d", 60, "20160s"),
        ("1s", 3600, "1ms"),
        ("4h", 600, "24000ms"),
        ("words", 60, "words"),
    ],
)
def test_a_duration_is_shortened(given: str, pace: float, made: str) -> None:
    assert shortened(given, pace) == made


def test_times_of_people_are_shortened_and_times_of_products_are_not() -> None:
    before, made = parse(PLAYBOOK, "a.yml"), parse(paced(PLAYBOOK, 60, "a.yml"), "b.yml")
    teacher, isolate = made.step("tell_teacher"), made.step("isolate")
    assert teacher.receipt is not None
    assert teacher.receipt.due == timedelta(seconds=30)
    assert teacher.receipt.remind == [timedelta(seconds=10), timedelta(seconds=20)]
    assert made.step("final").due == timedelta(seconds=20160)
    assert isolate.verify == before.step("isolate").verify

    def without(playbook: Playbook) -> Any:
        dumped = playbook.model_dump()
        for one in dumped["steps"]:
            one |= {"due": None, "remind": [], "receipt": None}
        return dumped

    assert without(made) == without(before)
    assert paced(PLAYBOOK, 1, "a.yml") == PLAYBOOK


def test_the_shipped_playbooks_can_be_drilled_at_any_pace(shipped_playbooks: dict[str, str]) -> None:
    for name, body in shipped_playbooks.items():
        assert parse(paced(body, 3600, name), name).id == parse(body, name).id


@pytest.fixture(scope="module")
def shipped_playbooks() -> dict[str, str]:
    from importlib.resources import files

    folder = files("hinomi.playbooks") / "library"
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".yml")}


# --- the file and the words ------------------------------------------------------------------------------


def test_settings_are_written_so_that_they_are_read_back() -> None:
    import tomllib

    tables: dict[str, Any] = {
        "data": "data", "drill": {"on": True, "reach": ["127.0.0.1:1"]}, "rules": {"lists": {"名 簿": {"": ["a\"b\\c", "\x7f"]}}, "contain": ()},
        "vendors": {"my.edr": {"product": "defender", "n": 2, "f": 2.5, "none": None}}, "empty": {},
    }  # fmt: skip
    expected = tables | {"rules": {"lists": {"名 簿": {"": ['a"b\\c', "\x7f"]}}, "contain": []}}
    expected["vendors"] = {"my.edr": {"product": "defender", "n": 2, "f": 2.5}}
    assert tomllib.loads(toml.written(tables)) == expected


def test_the_command_knows_every_flow() -> None:
    assert set(noun.FLOWS) == set(FLOWS)
