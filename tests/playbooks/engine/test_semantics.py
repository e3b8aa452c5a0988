"""Each sentence of CONTRACTS 6 and of the engine's part of DESIGN 4, as a test of its name."""

import asyncio
import time
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from hinomi.clock import parse_iso
from hinomi.errors import ConflictError, Faults, RefusedError
from hinomi.playbooks.engine import library
from hinomi.playbooks.incidents import incidents
from hinomi.state import t

ISOLATE = (
    "  - {id: isolate, do: endpoint.isolate, target: incident.endpoint, verify: {state: isolated, within: 15m}%s}\n"
)
TELL = "  - {id: tell, notify: teacher, template: isolation_notice%s}\n"
ASK = "  - {id: ask, decide: [yes_, no_], by: operator, due: 30m%s}\n"
RELEASE = "  - {id: release, do: endpoint.release, target: incident.endpoint, approve: {role: operator}, verify: {state: released, within: 15m}%s}\n"
PAGE = "  - {id: page, off_path: true, notify: operator_lead, template: isolation_failed}\n"


# --- when a step starts, and when it is done ------------------------------------------------------------


def test_a_step_without_after_starts_when_the_one_above_is_done(site: Any) -> None:
    site.open(ISOLATE % "" + ASK % "").hit()
    assert site.state_of("isolate") == "intent"
    assert site.step("ask") is None
    site.drive(lambda: site.step("ask"))
    assert site.step("isolate")["done_at"]


def test_an_act_is_done_when_it_is_accepted_and_its_verification_may_fail_later(site: Any) -> None:
    site.open(ISOLATE % "" + ASK % "")
    site.edr.fault("fail", site.machines["pc-1"])
    site.hit()
    site.drive(lambda: site.step("ask"))
    assert site.state_of("isolate") == "accepted"
    site.drive(lambda: site.state_of("isolate") == "failed")
    assert site.edr.actions(site.machines["pc-1"]) == [("Isolate", "Failed")]


def test_a_notify_is_done_when_its_channel_has_taken_it(site: Any, mails: Any) -> None:
    site.open(TELL % ", receipt: {due: 30m}" + ASK % "").hit()
    assert site.step("ask") is None
    site.drive(lambda: site.step("ask"))
    assert mails.sent("isolation_notice")
    assert site.wait("receipt")["state"] == "open"


def test_a_decision_is_done_when_it_is_made_and_its_choice_is_its_outcome(site: Any) -> None:
    site.open(ASK % "" + TELL % ", if: ask == no_" + "  - {id: other, decide: [a, b], by: operator, due: 1h}\n").hit()
    site.decide("yes_", kind="decision")
    assert site.step("ask")["outcome"] == "yes_"
    assert (site.step("tell")["state"], site.step("tell")["outcome"]) == ("skipped", "condition")


def test_a_step_whose_if_is_false_counts_as_done(site: Any) -> None:
    site.open(TELL % ", if: incident.severity == low" + ASK % "").hit()
    assert site.state_of("tell") == "skipped"
    assert site.step("ask") is not None


@pytest.mark.postgresql
def test_wait_receipt_holds_the_next_step_up_until_it_is_received(site: Any) -> None:
    site.open(TELL % ", receipt: {due: 30m}, wait: receipt" + ASK % "").hit()
    site.drive(lambda: site.rows(t.receipt)[0]["sent_at"])
    site.idle()
    assert site.step("ask") is None
    with site.state.write() as conn:
        assert site.engine.receive(conn, site.rows(t.receipt)[0]["id"], "page", site.clock.now())
    assert site.step("ask") is not None


def test_wait_verify_holds_the_next_step_up_until_it_is_seen(site: Any) -> None:
    site.open(ISOLATE % ", wait: verify" + ASK % "")
    site.edr.fault("offline", site.machines["pc-1"])
    site.hit()
    site.drive(lambda: site.state_of("isolate") == "accepted")
    site.idle()
    assert site.step("ask") is None
    site.edr.lift_faults()
    site.drive(lambda: site.step("ask"))
    assert site.state_of("isolate") == "verified"


# --- time -----------------------------------------------------------------------------------------------


def test_on_timeout_escalate_tells_the_role_above_and_goes_on_waiting(site: Any, mails: Any) -> None:
    site.open(ASK % ", escalate: board").hit()
    site.later(minutes=31)
    assert site.wait("decision")["escalated_at"]
    site.drive(lambda: mails.sent("escalation", "b1@city.test"))
    site.decide("yes_", kind="decision")
    assert site.step("ask")["outcome"] == "yes_"


def test_on_timeout_continue_goes_on_without_it(site: Any) -> None:
    site.open(ASK % ", on_timeout: continue" + "  - {id: next, decide: [a, b], by: operator, due: 1h}\n").hit()
    site.later(minutes=31)
    assert site.step("ask")["outcome"] == "timeout"
    assert site.step("next") is not None
    assert site.rows(t.outbox, kind="message", step=site.step("ask")["id"], state="waiting")
    assert not [row for row in site.rows(t.outbox) if row["body"].get("template") == "escalation"]


def test_on_timeout_fail_fails_the_step(site: Any) -> None:
    site.open(ASK % ", on_timeout: fail, on_failure: page" + PAGE).hit()
    site.later(minutes=31)
    assert (site.step("ask")["state"], site.step("ask")["outcome"]) == ("failed", "timeout")
    assert site.step("page") is not None


def test_due_counts_from_the_start_of_the_step(site: Any) -> None:
    site.open(ASK % "" + "  - {id: next, decide: [a, b], by: operator, due: 30m}\n").hit()
    site.clock.advance(minutes=20)
    site.decide("yes_", kind="decision")
    site.later(minutes=20)
    assert not site.wait("decision")["escalated_at"]
    site.later(minutes=11)
    assert site.wait("decision")["escalated_at"]


def test_due_of_a_report_counts_from_the_opening_of_the_incident(site: Any) -> None:
    site.open(ASK % "" + "  - {id: first, report: first_response, by: teacher, to: board, due: 1h}\n").hit()
    opened = site.rows(t.incident)[0]["opened_at"]
    site.clock.advance(minutes=20)
    site.decide("yes_", kind="decision")
    (wait,) = site.rows(t.wait, kind="report")
    assert wait["due_at"][:16] == site.rows(t.report)[0]["due_at"][:16]
    site.later(minutes=41)
    assert opened < wait["due_at"] < site.rows(t.wait, kind="report")[0]["escalated_at"]


def test_timers_survive_a_jump_of_the_clock_in_either_direction(site: Any, mails: Any) -> None:
    site.open(TELL % ", receipt: {due: 30m, remind: [10m, 20m], escalate: board}").hit()
    site.drive(lambda: mails.sent("isolation_notice"))
    site.later(days=-1)
    site.later(days=3)  # both reminders and the deadline have passed: one reminder, one escalation
    site.later(minutes=1)
    site.drive(lambda: mails.sent("escalation") and mails.sent("receipt_reminder"))
    site.idle()
    assert (len(mails.sent("escalation")), len(mails.sent("receipt_reminder"))) == (1, 1)


def test_a_clock_set_back_does_not_hold_up_an_isolation(site: Any) -> None:
    site.open(ISOLATE % "").hit()
    site.clock.advance(hours=-6)
    site.drive(lambda: site.state_of("isolate") == "verified")
    assert site.edr.actions(site.machines["pc-1"]) == [("Isolate", "Succeeded")]


@pytest.mark.postgresql
def test_a_report_that_is_not_submitted_goes_out_at_its_due_and_says_so(site: Any, mails: Any) -> None:
    step = "  - {id: first, report: first_response, by: teacher, to: board, due: 1h, receipt: {due: 1h}}\n"
    site.open(step).hit()
    site.drive(lambda: mails.sent("report_form", "t1@phone.test"))
    assert site.rows(t.report)[0]["state"] == "draft"
    site.later(minutes=61)
    site.drive(lambda: mails.sent("report_ready", "b1@city.test"))
    assert site.rows(t.report)[0]["state"] == "sent"
    assert site.state_of("first") == "done"
    assert site.rows(t.run)[0]["state"] == "running"
    (receipt,) = site.rows(t.receipt)
    with site.state.write() as conn:
        site.engine.receive(conn, receipt["id"], "page", site.clock.now())
    assert site.rows(t.run)[0]["state"] == "done"


def test_the_final_report_is_never_sent_unsubmitted(site: Any, mails: Any) -> None:
    site.open("  - {id: final, report: final, by: operator, to: board, due: 14d, escalate: operator_lead}\n").hit()
    site.later(days=15)
    site.drive(lambda: mails.sent("escalation", "o2@soc.test"))
    site.idle()
    assert mails.sent("report_ready") == []
    assert site.rows(t.report)[0]["state"] == "draft"
    assert site.wait("report")["state"] == "open"


# --- failure --------------------------------------------------------------------------------------------


def test_denied_is_failed_and_on_failure_runs_and_then_those_after_start(site: Any, mails: Any) -> None:
    site.open(ISOLATE % ", approve: {role: operator}, on_failure: page" + ASK % "" + PAGE).hit()
    site.decide("deny")
    assert (site.step("isolate")["state"], site.step("isolate")["outcome"]) == ("failed", "denied")
    assert site.step("page") is not None
    assert site.step("ask") is None  # not before the page is handed over
    site.drive(lambda: site.step("ask"))
    assert mails.sent("isolation_failed", "o2@soc.test")
    assert site.edr.actions(site.machines["pc-1"]) == []


def test_a_teacher_whose_pc_somebody_decided_not_to_cut_off_reads_just_that(site: Any, mails: Any) -> None:
    site.open(ISOLATE % ", approve: {role: operator}, on_failure: page" + TELL % "" + PAGE).hit()
    site.decide("deny")
    mail = site.drive(lambda: mails.sent("isolation_notice", "t1@phone.test"))[0]
    assert "【行っていません】" in mail.get_content()
    assert "切り離す処理を始めました" not in mail.get_content()


def test_a_message_sent_while_the_isolation_waits_for_an_approval_says_so(site: Any, mails: Any) -> None:
    site.open(ISOLATE % ", approve: {role: operator}" + TELL % ", after: []").hit()
    mail = site.drive(lambda: mails.sent("isolation_notice", "t1@phone.test"))[0]
    assert "【まだ切り離していません】" in mail.get_content()


def test_an_act_whose_answer_does_not_come_pages_a_human_at_once_though_it_recovers(site: Any, mails: Any) -> None:
    site.open(ISOLATE % "")
    site.edr.fault("timeout-after-accept", site.machines["pc-1"])
    site.hit()
    site.drive(lambda: site.state_of("isolate") == "verified" and mails.sent("isolation_failed", "o2@soc.test"))
    assert "要求が届いたか確認中" in mails.sent("isolation_failed")[0].get_content()
    assert len(site.edr.actions(site.machines["pc-1"])) == 1


def test_a_second_failure_pages_a_human_though_its_on_failure_has_run(site: Any, mails: Any) -> None:
    other = "  - {id: scan, do: endpoint.scan, target: incident.endpoint, on_failure: page}\n"
    site.open(ISOLATE % ", on_failure: page" + other + PAGE)
    site.edr.fault("refuse", site.machines["pc-1"])
    site.hit()
    site.drive(lambda: site.state_of("scan") == "failed" and mails.sent("action_failed", "o2@soc.test"))
    assert len(mails.sent("isolation_failed")) == 1


def test_not_accepted_within_its_time_is_failed(site: Any) -> None:
    site.open(ISOLATE % ", on_failure: page" + ASK % "" + PAGE)
    site.edr.fault("500", site.machines["pc-1"])
    site.hit()
    site.drive(lambda: site.step("isolate")["error"])
    site.clock.advance(minutes=16)
    site.drive(lambda: site.step("ask"))
    assert (site.step("isolate")["state"], site.step("isolate")["outcome"]) == ("failed", "not_accepted")
    assert site.state_of("page") == "done"


def test_an_offline_device_is_failed_in_time_and_verified_when_it_comes_back(site: Any) -> None:
    site.open(ISOLATE % ", on_failure: page" + PAGE)
    site.edr.fault("offline", site.machines["pc-1"])
    site.hit()
    site.drive(lambda: site.state_of("isolate") == "accepted")
    site.clock.advance(minutes=16)
    site.drive(lambda: site.state_of("isolate") == "failed")
    site.edr.lift_faults()
    site.clock.advance(hours=20)
    site.drive(lambda: site.state_of("isolate") == "verified")
    assert site.edr.actions(site.machines["pc-1"]) == [("Isolate", "Succeeded")]


def test_what_is_late_by_a_moment_is_seen_soon_and_what_stays_away_is_asked_after_ever_more_seldom(site: Any) -> None:
    site.open(ISOLATE % "")
    site.edr.fault("offline", site.machines["pc-1"])
    site.hit()
    site.drive(lambda: site.state_of("isolate") == "accepted")
    site.later(minutes=16)
    looks: list[str] = []

    def seen() -> bool:
        looks.extend({row["due_at"] for row in site.rows(t.outbox, kind="verify")} - set(looks))
        return len(looks) > 8

    site.drive(seen)
    assert site.state_of("isolate") == "failed"
    pauses = [(parse_iso(after) - parse_iso(before)).total_seconds() for before, after in pairwise(looks[1:])]
    assert pauses == sorted(pauses), "the first due time of all was before it was late"
    assert pauses[0] < 16
    assert 60 <= pauses[-1] < 62


@pytest.mark.parametrize(("fault", "state"), [(None, "confirmed"), ("offline", "asked"), ("refuse", "failed")])
def test_the_isolation_notice_says_asked_confirmed_or_failed(
    site: Any, mails: Any, fault: str | None, state: str
) -> None:
    site.open(ISOLATE % (", wait: verify" if state == "confirmed" else "") + TELL % "")
    if fault:
        site.edr.fault(fault, site.machines["pc-1"])
    site.hit()
    site.drive(lambda: mails.sent("isolation_notice", "t1@phone.test"))
    subjects = {"confirmed": "切り離しました", "asked": "切り離しています", "failed": "切り離せていません"}
    subject = str(mails.sent("isolation_notice")[0]["Subject"])
    assert [key for key, word in subjects.items() if word in subject] == [state], subject


def test_releasing_what_nobody_holds_is_done_at_once_and_marked_not_held(site: Any) -> None:
    site.open(RELEASE % "").hit()
    site.decide("approve")
    assert (site.step("release")["state"], site.step("release")["outcome"]) == ("verified", "not_held")
    site.idle()
    assert site.edr.actions(site.machines["pc-1"]) == []


@pytest.mark.parametrize(
    "act", ["do: endpoint.quarantine_file, target: incident.file", "do: endpoint.isolate, target: incident.endpoint"],
    ids=["no file is known", "no product knows the device"],
)  # fmt: skip
def test_an_empty_target_becomes_a_task_for_the_operator_and_never_a_silent_skip(
    site: Any, mails: Any, act: str
) -> None:
    if "isolate" in act:
        site.machines.pop("pc-1")
    site.open(f"  - {{id: act, {act}}}\n" + ASK % "").hit()
    assert site.state_of("act") == "manual"
    site.drive(lambda: mails.sent("manual_task", "o1@soc.test"))
    site.decide("yes_", kind="decision")
    site.idle(1)
    assert site.rows(t.run)[0]["state"] == "running"
    site.decide("done", kind="task")
    assert site.step("act")["outcome"] == "manual_done"
    assert site.rows(t.run)[0]["state"] == "done"


def test_a_missing_capability_becomes_a_task_for_the_operator(site: Any) -> None:
    from hinomi.playbooks.actions import actions
    from hinomi.playbooks.actions.endpoint import EndpointAction

    class Reboot(EndpointAction):
        name = "test.reboot"

    if "test.reboot" not in [name for name, _ in actions]:
        actions.register("test.reboot")(Reboot)
    site.open("  - {id: act, do: test.reboot, target: incident.endpoint}\n").hit()
    assert site.state_of("act") == "manual"
    assert "test.reboot" in site.wait("task")["text"]


# --- the end of a run -----------------------------------------------------------------------------------


def test_a_run_ends_when_all_is_received(site: Any) -> None:
    site.open(TELL % ", receipt: {due: 30m}").hit()
    site.drive(lambda: site.rows(t.receipt)[0]["sent_at"])
    assert site.rows(t.run)[0]["state"] == "running"
    with site.state.write() as conn:
        site.engine.receive(conn, site.rows(t.receipt)[0]["id"], "page", site.clock.now())
    assert site.rows(t.run)[0]["state"] == "done"


def test_a_run_ends_when_the_rest_is_written_off_by_a_named_person(site: Any) -> None:
    site.open(TELL % ", receipt: {due: 30m}").hit()
    site.drive(lambda: site.rows(t.receipt)[0]["sent_at"])
    run = site.rows(t.run)[0]["id"]
    with site.state.write() as conn:
        site.engine.steer(conn, run, "skip", site.by("o2"), "left the school", site.clock.now(), "tell")
    assert site.rows(t.run)[0]["state"] == "done"
    (wait,) = site.rows(t.wait)
    assert (wait["state"], wait["by"]) == ("written_off", "local:o2")


# --- people ---------------------------------------------------------------------------------------------


def test_a_role_means_all_its_holders_the_first_receipt_completes_and_later_ones_are_recorded(
    site: Any, mails: Any
) -> None:
    site.open("  - {id: tell, notify: school_management, template: isolation_notice, receipt: {due: 1h}}\n").hit()
    site.drive(lambda: len([r for r in site.rows(t.receipt) if r["sent_at"]]) == 2)
    assert {m["To"] for m in mails.sent("isolation_notice")} == {"h1@school.test", "h2@school.test"}
    first, second = site.rows(t.receipt)
    with site.state.write() as conn:
        assert site.engine.receive(conn, first["id"], "page", site.clock.now())
        assert not site.engine.receive(conn, first["id"], "page", site.clock.now())
    assert site.rows(t.wait)[0]["by"] == f"person:{first['person']}"
    with site.state.write() as conn:
        assert site.engine.receive(conn, second["id"], "page", site.clock.now())
    assert site.rows(t.wait)[0]["by"] == f"person:{first['person']}"
    assert all(row["received_at"] for row in site.rows(t.receipt))


@pytest.mark.parametrize("wait", ["", ", wait: receipt"], ids=["beside", "waited for"])
def test_no_holder_escalates_at_once(site: Any, mails: Any, wait: str) -> None:
    site.people = [p for p in site.people if p.role != "teacher"]
    site.open(TELL % f", receipt: {{due: 30m, escalate: board}}{wait}" + ASK % "").hit()
    site.drive(lambda: mails.sent("escalation", "b1@city.test"))
    assert (site.step("ask") is None) == bool(wait)
    assert any("宛先がありません" in text for text in site.said())


def test_copies_go_out_though_there_is_nobody_to_copy_them_from(site: Any, mails: Any) -> None:
    site.people = [p for p in site.people if p.role != "teacher"]
    site.open(TELL % ", copy: school_management, receipt: {due: 30m, escalate: board}").hit()
    site.drive(
        lambda: mails.sent("isolation_notice", "h1@school.test") and mails.sent("isolation_notice", "h2@school.test")
    )
    assert not mails.sent("isolation_notice", "t1@phone.test")


def test_where_nobody_is_above_either_the_operator_is_told(site: Any, mails: Any) -> None:
    site.people = [p for p in site.people if p.role in ("operator",)]
    site.open(TELL % ", receipt: {due: 30m, escalate: board}").hit()
    site.drive(lambda: mails.sent("escalation", "o1@soc.test"))
    assert len(mails.mails) == 1


def test_an_address_that_does_not_exist_escalates_at_once(site: Any, mails: Any) -> None:
    mails.refused.add("t1@phone.test")
    site.open(TELL % ", receipt: {due: 30m, escalate: board}").hit()
    site.drive(lambda: mails.sent("escalation", "b1@city.test"))
    assert site.wait("receipt")["state"] == "open"


def test_a_receipt_by_phone_is_noted_by_the_operator(site: Any) -> None:
    site.open(TELL % ", receipt: {due: 30m}").hit()
    wait = site.wait("receipt")["id"]
    with site.state.write() as conn:
        site.engine.note_receipt(conn, wait, "t1", "phone", "called back", site.by("o1"), site.clock.now())
    (receipt,) = site.rows(t.receipt)
    assert (receipt["via"], receipt["noted_by"]) == ("phone", "local:o1")
    assert site.rows(t.wait)[0]["state"] == "done"


def test_a_receipt_by_phone_of_somebody_without_an_address_is_noted_too(site: Any) -> None:
    site.people = [p if p.id != "t1" else type(p)("t1", p.tenant, p.name, "teacher") for p in site.people]
    site.open(TELL % ", receipt: {due: 30m}").hit()
    wait = site.wait("receipt")["id"]
    with site.state.write() as conn:
        site.engine.note_receipt(conn, wait, "t1", "phone", "called", site.by("o1"), site.clock.now())
    assert site.rows(t.wait)[0]["by"] == "person:t1"


@pytest.mark.postgresql
def test_a_quorum_needs_distinct_people(site: Any) -> None:
    site.open(ISOLATE % ", approve: {role: operator, quorum: 2}").hit()
    site.decide("approve", "o1")
    site.decide("approve", "o1")
    assert site.state_of("isolate") == "waiting"
    site.decide("approve", "o2", role="operator_lead")
    assert site.state_of("isolate") == "intent"


def test_an_approval_is_for_its_role(site: Any) -> None:
    site.open(ISOLATE % ", approve: {role: operator}").hit()
    with pytest.raises(RefusedError, match="role operator"):
        site.decide("approve", "t1", role="teacher")


@pytest.mark.postgresql
def test_a_decision_is_made_once(site: Any) -> None:
    site.open(ASK % "" + "  - {id: next, decide: [a, b], by: operator, due: 1h}\n").hit()
    wait = site.wait("decision")["id"]
    site.decide("yes_", kind="decision")
    with site.state.write() as conn, pytest.raises(ConflictError, match="decided already"):
        site.engine.decide(conn, wait, site.by("o2"), "no_", "late", via="api", now=site.clock.now(), role="operator")


# --- which playbook, and which version of it ------------------------------------------------------------


@pytest.mark.postgresql
def test_a_playbook_runs_once_an_incident(site: Any) -> None:
    site.open(ASK % "")
    for _ in range(3):
        site.hit()
    (run,) = site.rows(t.run)
    with pytest.raises(IntegrityError), site.state.write() as conn:
        conn.execute(t.run.insert().values(**{**run, "id": "other"}))


def test_a_run_keeps_the_playbook_it_began_with(site: Any) -> None:
    site.open(ASK % "" + TELL % "").hit()
    site.write_playbook(ASK % "" + "  - {id: other, decide: [a, b], by: operator, due: 1h}\n")
    site.engine.library = library.load_library(site.settings)
    library._parsed.clear()
    site.decide("yes_", kind="decision")
    assert site.step("tell") is not None
    assert site.step("other") is None
    site.hit("pc-2")
    assert len({run["sha256"] for run in site.rows(t.run)}) == 2


def test_a_file_that_is_not_utf_8_is_named_with_the_faults_of_all(site: Any) -> None:
    site.open(ASK % "")
    (folder,) = site.settings.playbooks.folders
    (site.settings.resolve(folder) / "a.yml").write_bytes("title: {ja: 試験}\n".encode("cp932"))
    with pytest.raises(Faults, match=r"a\.yml:1:1: not UTF-8 at byte 12"):
        library.load_library(site.settings)


@pytest.mark.parametrize("change", [{"severity": "low"}, {"category": "policy"}], ids=["severity", "category"])
def test_a_playbook_is_matched_in_the_transaction_of_a_change(site: Any, change: dict[str, str]) -> None:
    match = "{severity: [low]}" if "severity" in change else "{category: [policy]}"
    site.open(ASK % "", match=match).hit()
    assert site.rows(t.run) == []

    def alter(conn: Any) -> None:
        incidents.change(
            conn, site.by("o1"), "1", **change, reason="looked", now=site.clock.now(), on_change=site.engine.on_incident
        )

    def alter_and_break(conn: Any) -> None:
        alter(conn)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), site.state.write() as conn:
        alter_and_break(conn)
    assert site.rows(t.run) == []
    assert site.rows(t.incident)[0]["severity"] == "critical"
    with site.state.write() as conn:
        alter(conn)
        assert conn.execute(t.run.select()).one().playbook == "p"


@pytest.mark.parametrize("mode", ["draft", "shadow", "simulate"])
def test_draft_shadow_and_simulate_send_nothing(site: Any, mails: Any, mode: str) -> None:
    quarantine = "  - {id: clean, do: endpoint.quarantine_file, target: incident.file}\n"
    report = "  - {id: first, report: first_response, by: teacher, to: board, due: 1h}\n"
    site.open(
        ISOLATE % "" + TELL % ", receipt: {due: 1m}" + quarantine + report + ASK % "" + RELEASE % "", mode=mode
    ).hit()
    site.later(hours=2)
    site.idle()
    assert mails.mails == []
    assert site.rows(t.outbox) == []
    assert site.rows(t.wait) == []
    assert site.edr.requests(site.machines["pc-1"], "isolate") == []
    if mode == "draft":
        assert site.rows(t.run) == []
        return
    assert {row["state"] for row in site.rows(t.step)} == {"simulated"}
    plan = site.step("isolate")["detail"]["plan"]
    assert plan["url"].endswith(f"/api/machines/{site.machines['pc-1']}/isolate")
    assert site.rows(t.run)[0]["state"] == "done"


# --- messages -------------------------------------------------------------------------------------------


def test_a_message_goes_out_twice_after_a_crash_with_the_same_id_and_link(site: Any, mails: Any) -> None:
    def crash(point: str) -> None:
        if point == "message.after_send":
            raise asyncio.CancelledError

    site.open(TELL % ", receipt: {due: 30m}").hit()
    site.executor = site.new_executor(failpoint=crash, owner="here")
    site.drive(lambda: mails.mails)
    time.sleep(1.1)  # a link carries its time in seconds
    site.executor = site.new_executor(owner="here")
    site.drive(lambda: len(mails.mails) == 2)
    first, second = mails.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert first.get_content() == second.get_content()
