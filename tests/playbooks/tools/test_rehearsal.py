"""Rehearsals: the shipped tests hold, a test that should not hold does not, and what happened is told as the engine has it."""

from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from hinomi.errors import Faults
from hinomi.playbooks.engine.model import parse
from hinomi.playbooks.engine.places import Text
from hinomi.playbooks.rehearsal import Case, Given, Rehearsals, Verdict, cases_of, judge
from hinomi.playbooks.rehearsal.telling import simulate
from hinomi.reports.paper import PaperBuilder

LIBRARY = Path(str(files("hinomi.playbooks") / "library"))
HEAD = "playbook: 1\nid: p\nversion: 1.0.0\ntitle: {ja: 試験}\nmatch: {cause: external, category: [malware]}\nsteps:\n"
ISOLATE = "  - {id: isolate, do: endpoint.isolate, target: incident.endpoint, verify: {state: isolated, within: 15m}}\n"
CONFIRM = "  - {id: confirm, decide: [bad, good], by: operator, due: 30m, remind: [10m], escalate: operator_lead}\n"
SCAN = "  - {id: scan, if: confirm == bad, do: endpoint.scan, target: incident.endpoint, verify: {state: clean, within: 12h}, wait: verify}\n"
WIPE = "  - {id: act, do: endpoint.scan, target: incident.endpoint, approve: {role: operator, quorum: 2, due: 1h, on_timeout: fail}}\n"


def play(steps: str, **case: Any) -> Verdict:
    body = HEAD + steps
    written = Case.model_validate({"name": "t", **case})
    with Rehearsals(parse(body, "p.yml"), body, PaperBuilder) as rehearsals:
        return judge(written, "p.yml:1:1", rehearsals.case(written))


@pytest.mark.parametrize("path", sorted(LIBRARY.glob("*.yml")), ids=lambda path: path.stem)
def test_the_tests_of_a_shipped_playbook_hold(path: Path) -> None:
    body = path.read_text(encoding="utf-8")
    playbook = parse(body, path)
    cases = cases_of(playbook, Text(body, path))
    assert cases, "a shipped playbook has tests"
    with Rehearsals(playbook, body, PaperBuilder) as rehearsals:
        verdicts = [judge(case, where, rehearsals.case(case)) for where, case in cases]
    assert [(verdict.name, verdict.differs) for verdict in verdicts if not verdict.ok] == []
    played = {line.step for _, case in cases for line in case.expect}
    assert {step.id for step in playbook.steps} - played == set(), "steps of which no test says anything"


def test_a_wrong_time_is_shown_beside_the_right_one() -> None:
    verdict = play(CONFIRM, expect=[{"at": "45m", "step": "confirm", "message": "escalation"}])
    assert verdict.differs == [
        "-      45m  confirm  message escalation",
        "+      30m  confirm  message escalation  → operator_lead  ×2",
    ]


def test_what_never_happened_is_shown_with_what_did() -> None:
    verdict = play(
        CONFIRM + SCAN,
        answers=[{"at": "5m", "step": "confirm", "answer": "good"}],
        expect=[{"step": "scan", "is": "verified"}],
    )
    assert verdict.differs == ["-     ever  scan  verified", "+       5m  scan  skipped condition"]


def test_what_must_never_happen_is_shown_when_it_does() -> None:
    verdict = play(ISOLATE, expect=[{"step": "isolate", "is": "verified", "never": True}])
    assert verdict.differs[0] == "-     ever  isolate  never"
    assert "isolate  verified" in verdict.differs[1]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"at": "5m", "step": "confirm", "answer": "maybe"}, "'maybe' is no choice"),
        ({"at": "5m", "step": "isolate", "answer": "approve"}, "nothing was asked by then"),
        ({"at": "5m", "step": "confirm", "answer": "good", "by": "teacher"}, "for the role operator"),
    ],
)
def test_an_answer_that_does_not_count_fails_the_test(answer: dict[str, str], said: str) -> None:
    verdict = play(ISOLATE + CONFIRM, answers=[answer], expect=[{"step": "confirm", "is": "started"}])
    assert [line for line in verdict.differs if line.startswith("!") and said in line], verdict.differs


def test_a_second_answer_comes_too_late() -> None:
    twice = [{"at": at, "step": "confirm", "answer": "good"} for at in ("5m", "6m")]
    assert any(
        "it was over: good" in line
        for line in play(CONFIRM, answers=twice, expect=[{"step": "confirm", "is": "good"}]).differs
    )


def test_a_playbook_that_does_not_start_says_why() -> None:
    verdict = play(CONFIRM, given={"category": "intrusion"}, expect=[{"step": "confirm", "is": "started"}])
    assert any("category is intrusion, and match asks for malware" in line for line in verdict.differs)


def test_a_quorum_needs_two_persons() -> None:
    once, twice = (
        [{"at": at, "step": "act", "answer": "approve"} for at in times] for times in (("5m",), ("5m", "7m"))
    )
    assert play(WIPE, answers=twice, expect=[{"at": "7m", "step": "act", "is": "verified"}]).ok
    assert play(
        WIPE,
        answers=once,
        expect=[{"step": "act", "is": "accepted", "never": True}, {"at": "1h", "step": "act", "is": "timeout"}],
    ).ok


def test_the_product_does_as_the_test_says() -> None:
    step = ISOLATE.replace("}}", "}, wait: verify}")
    for behaviour, at, state in (("5m", "5m", "verified"), ("refused", "0s", "refused"), ("failed", "0s", "failed"), ("never", "15m", "not_verified"),
                                 ("unreachable", "15m", "not_accepted")):  # fmt: skip
        verdict = play(
            step, vendor={"endpoint.isolate": behaviour}, expect=[{"at": at, "step": "isolate", "is": state}]
        )
        assert verdict.ok, verdict


@pytest.mark.parametrize(
    ("given", "kind"),
    [({"contain": "never"}, "approval"), ({"trusted": False}, "approval"), ({"backfill": True}, "approval"), ({"age": "1h"}, "approval"),
     ({"host": False}, "task")],
)  # fmt: skip
def test_what_is_given_holds_back_what_it_does_in_service(given: dict[str, Any], kind: str) -> None:
    assert play(
        ISOLATE,
        given=given,
        expect=[{"at": "0s", "step": "isolate", "is": kind}, {"step": "isolate", "is": "accepted", "never": True}],
    ).ok


def test_the_kill_switch_asks_first_and_lets_nobody_approve() -> None:
    answers = [{"at": "5m", "step": "isolate", "answer": "approve"}]
    verdict = play(ISOLATE, given={"killswitch": True}, answers=answers, expect=[{"step": "isolate", "is": "approval"}])
    assert verdict.differs == ["! isolate was not answered approve: the kill switch is on"]


def test_an_incident_that_a_person_reports_needs_no_alert() -> None:
    body = (
        HEAD.replace("{cause: external, category: [malware]}", "{cause: internal, category: [lost_device]}") + CONFIRM
    )
    written = Case.model_validate({"name": "t", "expect": [{"at": "0s", "step": "confirm", "is": "started"}]})
    with Rehearsals(parse(body, "p.yml"), body, PaperBuilder) as rehearsals:
        assert judge(written, "", rehearsals.case(written)).ok


def test_a_simulation_tells_everything_with_due_times_and_names_effects() -> None:
    body = HEAD + ISOLATE + CONFIRM + SCAN
    playbook = parse(body, "p.yml")
    told = simulate(playbook, body, Given(), {"confirm": "bad"}, PaperBuilder)
    lines = [
        (row["at"], row["step"], row["what"], row["outcome"], row["who"], row["due"]) for row in told["happenings"]
    ]
    assert ("0s", "confirm", "asked", "decision", "operator", "30m") in lines
    assert lines[-1][2] == "ended"
    assert any(row["detail"] == "endpoint.isolate on paper-pc" for row in told["happenings"])
    silent = simulate(playbook, body, Given(), {}, PaperBuilder, nobody=True)
    assert [row["at"] for row in silent["happenings"] if row["what"] == "message decision_request"] == ["0s", "10m"]
    assert [row["at"] for row in silent["happenings"] if row["what"] == "message escalation"] == ["30m"]


def test_rehearsals_do_not_hear_of_each_other() -> None:
    body = HEAD + ISOLATE
    with Rehearsals(parse(body, "p.yml"), body, PaperBuilder) as rehearsals:
        case = Case.model_validate({"name": "t", "expect": [{"at": "0s", "step": "isolate", "is": "verified"}]})
        first, second = (rehearsals.case(case).happenings for _ in range(2))
    assert [(one.step, one.what) for one in first] == [(one.step, one.what) for one in second]
    assert all(one.at < timedelta(minutes=1) for one in first)


def test_a_test_that_cannot_be_read_is_named_with_its_line() -> None:
    body = HEAD + CONFIRM + "tests:\n  - name: t\n    expct: []\n"
    playbook = parse(body, "p.yml")
    with pytest.raises(Faults, match=r"p\.yml:10:5: expct: no such key \(did you mean 'expect'\?\)"):
        cases_of(playbook, Text(body, "p.yml"))


def test_a_run_whose_last_message_goes_to_several_persons_ends() -> None:
    body = HEAD + "  - {id: tell, notify: operator, template: release_notice}\n"
    told = simulate(parse(body, "p.yml"), body, Given(), {}, PaperBuilder)
    assert [row["detail"] for row in told["happenings"] if row["what"] == "message release_notice"] == ["×2"]
    assert told["happenings"][-1]["what"] == "ended"
