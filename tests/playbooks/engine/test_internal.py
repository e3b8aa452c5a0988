"""The internal flow on the engine: who may report what, who is asked, and that a wipe is sent once whatever happens."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hinomi.clock import iso
from hinomi.directory import Device, Person
from hinomi.errors import ConfigError, NotFoundError, RefusedError
from hinomi.playbooks.incidents import reported
from hinomi.playbooks.incidents.reported import Report
from hinomi.state import t
from hinomi.tenancy import Grant

SCHOOL, OTHER = "kita/aoba/higashi-es", "kita/aoba/nishi-jhs"
MATCH = "{cause: internal, category: [lost_device, missent]}"
WIPE = (
    "  - {id: wipe, do: endpoint.wipe, target: incident.endpoint, verify: {state: done, within: 7d}%s}\n"
    "  - {id: page, off_path: true, notify: operator_lead, template: action_failed}\n"
)
TWO = ", approve: {role: school_management, quorum: 2, due: 30m, escalate: board}, on_failure: page"
DUTY = "  - {id: duty, decide: [report, no_duty], by: board, due: 2d}\n"


@pytest.fixture(scope="module")
def shared_mdm(simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("mdm")
    made = simulator(
        folder, "--no-limits", "--pending", "0.1", "--running", "0.1", "--leaves", "3600", product="intune"
    )
    yield made
    made.close()


@pytest.fixture
def mdm(shared_mdm: Any) -> Iterator[Any]:
    yield shared_mdm
    shared_mdm.lift_faults()


@pytest.fixture
def lost(site: Any, mdm: Any) -> Any:
    """A site whose PCs are managed by Intune; ``site.mdm_id`` is theirs there."""
    site.mdm = mdm
    site.mdm_id = mdm.steer("/machines", {"computerDnsName": "pc-1"})[0]["id"]
    site.settings = site.settings.model_copy(update={"vendors": {**site.settings.vendors, "intune": mdm.settings}})
    site.other_ids = {"intune": site.mdm_id}
    return site


def opened(site: Any, kind: Any = "lost_device", grant: Grant | None = None, **more: Any) -> reported.Opened:
    report = Report(kind, **{"reported_by": "t1", "device": "pc-1" if kind == "lost_device" else "", **more})
    with site.state.write() as conn:
        return reported.open_reported(
            conn, site._directory(), grant or site.by("o1"), report, site.clock.now(), site.engine.on_incident
        )


def approve(site: Any, *people: str, choice: str = "approve") -> None:
    """People say yes (or no), each in the role they hold."""
    roles = {"h1": "school_management", "h2": "school_management", "b1": "board"}
    for person in people:
        wait = site.wait("approval")["id"]
        grant = Grant(f"person:{person}", SCHOOL if person != "b1" else "kita/aoba", frozenset({"act"}))
        with site.state.write() as conn:
            site.engine.decide(conn, wait, grant, choice, "見た", via="page", now=site.clock.now(), role=roles[person])


def wipes(site: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = site.mdm.actions(site.mdm_id)
    return found


# --- reporting ------------------------------------------------------------------------------------------


def test_one_lost_pc_is_one_incident_however_often_it_is_reported(site: Any) -> None:
    site.open(DUTY, match=MATCH)
    first, again = opened(site, what="電車に忘れた"), opened(site, reported_by="h1", what="駅から電話があった")
    assert (first.fresh, again.fresh) == (True, False)
    assert first.incident == again.incident
    (row,) = site.rows(t.incident)
    assert (row["cause"], row["category"], row["severity"], row["host"], row["user"]) == (
        "internal",
        "lost_device",
        "high",
        "pc-1",
        "t1",
    )
    assert row["facts"]["what"] == "電車に忘れた"
    assert any("駅から電話があった" in text for text in site.said())
    assert len(site.rows(t.run)) == 1


def test_two_messages_are_two_incidents_and_the_same_one_twice_is_one(site: Any) -> None:
    site.open(DUTY, match=MATCH)
    moment = (site.clock.now() - timedelta(hours=1)).replace(second=20)  # five seconds on it is the same minute
    first = opened(site, "missent", occurred_at=moment)
    assert opened(site, "missent", occurred_at=moment + timedelta(seconds=5)).incident == first.incident
    assert opened(site, "missent", occurred_at=moment - timedelta(hours=3)).incident != first.incident
    assert {row["severity"] for row in site.rows(t.incident)} == {"medium"}


def test_a_lost_pc_that_nobody_names_is_the_only_one_of_its_owner(site: Any) -> None:
    site.open(DUTY, match=MATCH)
    directory = site._directory()

    def report(devices: list[Device]) -> str:
        directory.devices = devices
        with site.state.write() as conn:
            made = reported.open_reported(
                conn, directory, site.by("o1"), Report("lost_device", "t1"), site.clock.now(), lambda *_: None
            )
        return str(next(row["entity"] for row in site.rows(t.incident) if row["id"] == made.incident))

    with pytest.raises(ConfigError, match="several devices"):
        report(site._directory().devices)
    assert report([Device("pc-9", SCHOOL, "pc-9", "A-9", "t1")]) == "host:pc-9"
    assert report([]).startswith("user:t1#")


def test_who_and_what_must_be_of_the_callers_school_and_the_device_of_the_persons(site: Any) -> None:
    site.people.append(Person("t9", OTHER, "他 校", "teacher"))
    site.open(DUTY, match=MATCH)
    school, elsewhere = (Grant("key:x", tenant, frozenset({"act"})) for tenant in (SCHOOL, OTHER))
    with pytest.raises(NotFoundError, match="nobody is called 't1'"):
        opened(site, grant=elsewhere)
    with pytest.raises(NotFoundError, match="no device"):
        opened(site, grant=elsewhere, reported_by="t9")
    with pytest.raises(ConfigError, match="no device of t9's school"):
        opened(site, reported_by="t9")
    with pytest.raises(RefusedError, match="act"):
        opened(site, grant=Grant("key:x", SCHOOL, frozenset({"read"})))
    with pytest.raises(ConfigError, match="lies ahead"):
        opened(site, occurred_at=site.clock.now() + timedelta(hours=1))
    with pytest.raises(ConfigError, match="belongs to no school"):
        opened(site, "missent", reported_by="o1")
    assert site.rows(t.incident) == []
    assert opened(site, grant=school).fresh


def test_a_device_may_be_named_by_its_asset_number(site: Any) -> None:
    site.open(DUTY, match=MATCH)
    directory = site._directory()
    directory.devices = [Device("dev-77", SCHOOL, "HES-077", "KT-0077", "t1")]
    with site.state.write() as conn:
        report = Report("lost_device", "t1", "kt-0077")
        made = reported.open_reported(conn, directory, site.by("o1"), report, site.clock.now(), lambda *_: None)
    assert next(row["host"] for row in site.rows(t.incident) if row["id"] == made.incident) == "dev-77"


# --- lock and wipe --------------------------------------------------------------------------------------


@pytest.mark.postgresql
def test_a_wipe_needs_two_different_persons_and_is_sent_once(lost: Any) -> None:
    lost.open(WIPE % TWO, match=MATCH)
    opened(lost)
    lost.idle(2)
    approve(lost, "h1", "h1")
    lost.idle(2)
    assert wipes(lost) == []
    approve(lost, "h2")
    lost.drive(lambda: lost.state_of("wipe") == "verified")
    assert wipes(lost) == [("wipe", "done")]
    (sent,) = lost.mdm.sent(lost.mdm_id)
    assert sent["body"] == {"keepEnrollmentData": False, "keepUserData": False}


def test_a_key_that_names_nobody_is_no_person_of_a_quorum(lost: Any) -> None:
    lost.open(WIPE % TWO, match=MATCH)
    opened(lost)
    wait = lost.wait("approval")["id"]
    key = Grant("key:ab12", "", frozenset({"act", "admin"}))
    with lost.state.write() as conn, pytest.raises(RefusedError, match="names none"):
        lost.engine.decide(conn, wait, key, "approve", "x", via="api", now=lost.clock.now(), role="admin")


def test_a_playbook_that_asks_nobody_or_one_person_still_asks_two(lost: Any) -> None:
    lost.open(WIPE % "", match=MATCH)
    opened(lost)
    assert (lost.wait("approval")["quorum"], lost.wait("approval")["role"]) == (2, "operator")
    assert lost.step("wipe")["sent_at"] is None


def test_where_a_school_has_one_manager_the_board_is_asked_beside_at_once(lost: Any, mails: Any) -> None:
    lost.people = [person for person in lost.people if person.id != "h2"]
    lost.open(WIPE % TWO, match=MATCH)
    opened(lost)
    lost.drive(lambda: mails.sent("approval_request", "b1@city.test"))
    assert mails.sent("approval_request", "h1@school.test")
    approve(lost, "h1", "b1")
    lost.drive(lambda: lost.state_of("wipe") == "verified")
    assert wipes(lost) == [("wipe", "done")]


def test_one_no_is_enough_and_nothing_is_sent(lost: Any, mails: Any) -> None:
    lost.open(WIPE % TWO, match=MATCH)
    opened(lost)
    approve(lost, "h1")
    approve(lost, "h2", choice="deny")
    lost.drive(lambda: mails.sent("action_failed"))
    assert (lost.step("wipe")["state"], lost.step("wipe")["outcome"]) == ("failed", "denied")
    assert wipes(lost) == []


@pytest.mark.parametrize(
    ("fault", "outcome", "sent"),
    [
        ("429", "verified", 1),
        ("500", "unknown", 0),
        ("timeout-before-accept", "unknown", 0),
        ("timeout-after-accept", "verified", 1),
    ],
)
def test_a_wipe_is_never_sent_twice_whatever_the_vendor_answers(lost: Any, fault: str, outcome: str, sent: int) -> None:
    lost.open(WIPE % TWO, match=MATCH)
    lost.mdm.fault(fault, lost.mdm_id, "endpoint.wipe", times=1, seconds=1 if fault == "429" else 30)
    opened(lost)
    approve(lost, "h1", "h2")
    lost.drive(lambda: lost.step("wipe")["outcome"])
    assert lost.step("wipe")["outcome"] == outcome
    assert wipes(lost) == [("wipe", "done")] * sent


def test_after_an_unknown_outcome_not_even_a_retry_by_hand_sends_it_again(lost: Any) -> None:
    lost.open(WIPE % TWO, match=MATCH)
    lost.mdm.fault("500", lost.mdm_id, "endpoint.wipe", times=1)
    opened(lost)
    approve(lost, "h1", "h2")
    lost.drive(lambda: lost.step("wipe")["outcome"] == "unknown")
    with lost.state.write() as conn:
        lost.engine.steer(conn, lost.rows(t.run)[0]["id"], "retry", lost.by("o1"), "again", lost.clock.now(), "wipe")
    lost.drive(lambda: lost.step("wipe")["outcome"] == "unknown")
    assert wipes(lost) == []
    assert len(lost.mdm.sent(lost.mdm_id)) == 1


@pytest.mark.parametrize("point", ["effect.before_send", "effect.after_send", "effect.after_accept"])
def test_a_crash_at_any_point_leads_to_one_wipe_or_to_none_that_people_are_told_of(
    lost: Any, mails: Any, point: str
) -> None:
    def crash(at: str) -> None:
        if at == point:
            raise asyncio.CancelledError

    async def once() -> None:
        await lost.executor.run_due()
        await lost.close_clients()

    lost.open(WIPE % TWO, match=MATCH)
    opened(lost)
    approve(lost, "h1", "h2")
    lost.executor = lost.new_executor(failpoint=crash, owner="here")
    asyncio.run(once())
    lost.executor = lost.new_executor(owner="here")
    lost.drive(lambda: lost.step("wipe")["outcome"])
    if point == "effect.before_send":  # nobody can know, so it is not tried again
        assert lost.step("wipe")["outcome"] == "unknown"
        lost.drive(lambda: mails.sent("action_failed", "o2@soc.test"))
        assert wipes(lost) == []
    else:
        assert lost.step("wipe")["outcome"] == "verified"
        assert wipes(lost) == [("wipe", "done")]


def test_a_wipe_that_an_administrator_has_begun_is_followed_and_not_sent_again(lost: Any) -> None:
    lost.open(WIPE % TWO, match=MATCH)
    lost.mdm.fault("offline", lost.mdm_id)
    lost.mdm.portal(lost.mdm_id, "endpoint.wipe")
    opened(lost)
    approve(lost, "h1", "h2")
    lost.drive(lambda: lost.state_of("wipe") == "accepted")
    lost.mdm.lift_faults()
    lost.drive(lambda: lost.state_of("wipe") == "verified")
    assert wipes(lost) == [("wipe", "done")]
    assert lost.mdm.sent(lost.mdm_id) == []


def test_nothing_is_sent_to_a_device_that_intune_calls_otherwise(lost: Any) -> None:
    lost.open(WIPE % TWO, match=MATCH)
    opened(lost, device="pc-2")  # its id in the directory is that of pc-1
    approve(lost, "h1", "h2")
    lost.drive(lambda: lost.step("wipe")["outcome"])
    assert lost.step("wipe")["outcome"] == "refused"
    assert "PC-1" in lost.step("wipe")["error"]
    assert lost.mdm.sent(lost.mdm_id) == []


def test_the_kill_switch_holds_a_wipe_back(lost: Any) -> None:
    lost.open(WIPE % TWO, match=MATCH)
    opened(lost)
    approve(lost, "h1")
    with lost.state.write() as conn:
        lost.engine.set_killswitch(conn, True, lost.by("o1"), "test", lost.clock.now())
    with pytest.raises(RefusedError, match="kill switch"):
        approve(lost, "h2")
    lost.idle(3)
    assert wipes(lost) == []


def test_a_pc_that_nobody_manages_is_a_task_for_people(site: Any) -> None:
    site.open(WIPE % TWO, match=MATCH)
    opened(site)
    assert "endpoint.wipe" in site.wait("task")["text"]


# --- tasks and duties -----------------------------------------------------------------------------------


def test_a_decision_between_done_and_not_possible_is_a_task_of_its_role(site: Any, mails: Any) -> None:
    steps = "  - {id: recall, decide: [done, not_possible], by: teacher, due: 30m, escalate: school_management}\n"
    site.open(steps + "  - {id: next, decide: [a, b], by: operator, due: 1h}\n", match=MATCH)
    opened(site, "missent")
    wait = site.wait("task")
    assert (wait["text"], wait["role"]) == ("送信の取り消し", "teacher")
    site.drive(lambda: mails.sent("task_request", "t1@phone.test"))
    assert site.step("next") is None
    with site.state.write() as conn:
        grant = Grant("person:t1", SCHOOL, frozenset({"act"}))
        site.engine.decide(conn, wait["id"], grant, "done", "", via="page", now=site.clock.now(), role="teacher")
    assert (site.step("recall")["state"], site.step("recall")["outcome"]) == ("done", "done")
    assert site.step("next") is not None


def submit(site: Any, incident: str, persons: str) -> None:
    """The owner's report comes in: it was stolen, and so many are on it."""
    report = {"id": "r1", "number": "2026-1", "incident": incident, "tenant": SCHOOL, "kind": "loss", "rev": 1, "state": "submitted",
              "author_role": "teacher", "fields": {"kind": "盗難", "persons": persons}, "opened_at": iso(site.clock.now()),
              "submitted_at": iso(site.clock.now()), "step": None}  # fmt: skip
    with site.state.write() as conn:
        conn.execute(t.report.insert().values(**report))
        site.engine.report_submitted(conn, report, "person:t1", site.clock.now())


def test_the_statutory_clock_is_evaluated_at_the_opening_and_asks_again_when_the_facts_change(site: Any) -> None:
    site.open(DUTY, match=MATCH)
    incident = opened(site).incident
    assert len(site.rows(t.incident)[0]["facts"]["statutory"]["clocks"]) == 3
    site.decide("no_duty", who="b1", kind="decision", role="board")
    submit(site, incident, "約300人")
    again = site.wait("decision")
    assert (again["role"], again["options"], again["step"]) == ("board", ["report", "no_duty"], site.step("duty")["id"])
    assert site.rows(t.incident)[0]["facts"]["statutory"]["clocks"][-1]["name"] == "確報（60日以内）"
    site.decide("report", who="b1", kind="decision", role="board")
    assert site.rows(t.wait, kind="decision", state="open") == []


AFTER_DUTY = (
    DUTY
    + "  - {id: prompt, if: duty == report, decide: [done, not_possible], by: board, due: 2d}\n"
    + "  - {id: full, after: [prompt], if: prompt == done, decide: [done, not_possible], by: board, due: 25d}\n"
    + "  - {id: other, after: [duty], if: incident.severity == low, decide: [done, not_possible], by: board, due: 2d}\n"
)


@pytest.mark.parametrize("ended", [True, False])
def test_a_duty_that_is_seen_after_it_was_denied_is_reported_though_the_run_had_ended(site: Any, ended: bool) -> None:
    site.open(
        AFTER_DUTY
        + ("" if ended else "  - {id: still, after: [], decide: [done, not_possible], by: board, due: 2d}\n"),
        match=MATCH,
    )
    incident = opened(site).incident
    site.decide("no_duty", who="b1", kind="decision", role="board")
    site.drive(lambda: not site.rows(t.outbox, state=["waiting", "leased"]))
    assert site.rows(t.run)[0]["state"] == ("done" if ended else "running")
    other = site.step("other")["id"]
    submit(site, incident, "約300人")
    assert site.rows(t.run)[0]["state"] == "running"
    site.decide("report", who="b1", kind="decision", role="board")
    assert (site.step("duty")["outcome"], site.step("duty")["by"]) == ("report", "local:b1")
    tasks = [wait["step"] for wait in site.rows(t.wait, kind="task", state="open")]
    assert site.step("prompt")["id"] in tasks
    assert site.step("full") is None
    assert site.step("other")["id"] == other
    wait = next(w for w in site.rows(t.wait, kind="task", state="open") if w["step"] == site.step("prompt")["id"])
    with site.state.write() as conn:
        site.engine.decide(conn, wait["id"], site.by("b1"), "done", "", via="api", now=site.clock.now(), role="board")
    assert site.state_of("full") == "waiting"


def test_who_says_again_that_there_is_no_duty_opens_nothing_and_the_run_ends_again(site: Any) -> None:
    site.open(AFTER_DUTY, match=MATCH)
    incident = opened(site).incident
    site.decide("no_duty", who="b1", kind="decision", role="board")
    submit(site, incident, "約300人")
    site.decide("no_duty", who="b1", kind="decision", role="board")
    site.drive(lambda: site.rows(t.run)[0]["state"] == "done")
    assert site.state_of("prompt") == site.state_of("full") == "skipped"


def test_the_shipped_flows_are_read_and_ask_two_persons_before_they_lock_or_wipe(tmp_path: Path) -> None:
    from hinomi.playbooks.engine.library import load_library
    from hinomi.settings import Settings

    library = load_library(Settings(data=tmp_path))
    flow = library["internal-lost-device"].playbook
    assert {step.id: step.approve.quorum for step in flow.steps if step.approve} == {"lock": 2, "wipe": 2}
    assert library["internal-missent"].playbook.match.category == ["missent"]
