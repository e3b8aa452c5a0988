"""Containment is desired state and observed state: holders, adoption, guards, and no second effect whatever happens."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hinomi import directory
from hinomi.clock import parse_iso
from hinomi.errors import ConfigError, ConflictError, RefusedError
from hinomi.playbooks.engine import leases
from hinomi.playbooks.engine.outbox import Executor
from hinomi.playbooks.incidents import incidents
from hinomi.state import State, t

ISOLATE = (
    "  - {id: isolate, do: endpoint.isolate, target: incident.endpoint, verify: {state: isolated, within: 15m}%s}\n"
)
ASK = "  - {id: ask, decide: [yes_, no_], by: operator, due: 30m}\n"
RELEASE = (
    "  - {id: release, do: endpoint.release, target: incident.endpoint, verify: {state: released, within: 15m}%s}\n"
)
SCAN = "  - {id: scan, do: endpoint.scan, target: incident.endpoint, verify: {state: clean, within: 12h}}\n"


def second_incident(site: Any, device: str = "pc-1") -> None:
    with site.state.write() as conn:
        incidents.open_incident(
            conn, now=site.clock.now(), actor="local:o1", tenant="kita/aoba/higashi-es", entity=f"host:{device}", host=device,
            category="intrusion", cause="external", severity="critical", title="Another", on_change=site.engine.on_incident,
        )  # fmt: skip


def release(site: Any, device: str = "pc-1") -> None:
    with site.state.write() as conn:
        site.engine.release(conn, device, site.by("o1"), "test", site.clock.now())


def last_step(site: Any, action: str) -> Any:
    return site.rows(t.step, action=action)[-1]


# --- holders --------------------------------------------------------------------------------------------


@pytest.mark.postgresql
def test_a_device_held_by_two_incidents_is_isolated_once_and_released_with_the_last(site: Any) -> None:
    site.open(ISOLATE % ", approve: {role: operator}" + ASK + RELEASE % "", match="{cause: external}").hit()
    site.decide("approve")
    site.drive(lambda: site.state_of("isolate") == "verified")
    second_incident(site)
    site.decide("approve")
    assert site.step("isolate", 2)["outcome"] == "adopted"
    first, second = site.rows(t.wait, kind="decision", state="open")
    for wait, outcome in ((first, "held_by_others"), (second, "verified")):
        with site.state.write() as conn:
            site.engine.decide(
                conn, wait["id"], site.by("o1"), "yes_", "", via="api", now=site.clock.now(), role="operator"
            )
        number = 1 if wait is first else 2
        site.drive(lambda n=number, o=outcome: site.step("release", n)["outcome"] == o)
    assert site.edr.actions(site.machines["pc-1"]) == [("Isolate", "Succeeded"), ("Unisolate", "Succeeded")]
    assert site.rows(t.hold, released_at=None) == []


def test_a_hold_has_an_owner_and_is_never_released_by_time_but_people_are_reminded_daily(site: Any, mails: Any) -> None:
    site.open(ISOLATE % ", approve: {role: operator}").hit()
    site.decide("approve", "o1")
    site.drive(lambda: site.state_of("isolate") == "verified")
    (hold,) = site.rows(t.hold)
    assert hold["owner"] == "local:o1"
    assert parse_iso(hold["review_at"]) - parse_iso(hold["since"]) == timedelta(hours=24)
    for count in (1, 2):
        site.later(hours=25)
        site.drive(lambda n=count: len(mails.sent("hold_review", "o1@soc.test")) == n)
    assert site.rows(t.hold)[0]["released_at"] is None
    assert site.edr.isolated(site.machines["pc-1"])


def test_state_as_desired_before_our_intent_is_adopted_and_its_release_asks_a_human(site: Any, mails: Any) -> None:
    site.open(ISOLATE % "" + ASK + RELEASE % "")
    machine = site.machines["pc-1"]
    site.edr.portal(machine, "endpoint.isolate")
    site.drive_edr(lambda: site.edr.isolated(machine))
    site.hit()
    site.drive(lambda: site.state_of("isolate") == "verified")
    assert site.step("isolate")["outcome"] == "adopted"
    assert site.rows(t.hold)[0]["adopted"]
    assert site.edr.requests(machine, "isolate") == []
    site.decide("yes_", kind="decision")
    site.drive(lambda: mails.sent("approval_request", "o1@soc.test"))
    assert site.edr.isolated(machine)
    site.decide("approve")
    site.drive(lambda: site.state_of("release") == "verified")
    assert not site.edr.isolated(machine)


def test_a_pending_isolation_of_an_administrator_is_adopted_too(site: Any) -> None:
    site.open(ISOLATE % "" + ASK)
    machine = site.machines["pc-1"]
    site.edr.fault("offline", machine)
    site.edr.portal(machine, "endpoint.isolate")
    site.hit()
    site.drive(lambda: site.state_of("isolate") == "accepted")
    assert site.rows(t.hold)[0]["adopted"]
    site.edr.lift_faults()
    site.drive(lambda: site.state_of("isolate") == "verified")
    assert site.edr.actions(machine) == [("Isolate", "Succeeded")]


def test_what_an_administrator_has_released_is_released_without_a_request(site: Any) -> None:
    site.open(ISOLATE % "" + ASK + RELEASE % "").hit()
    machine = site.machines["pc-1"]
    site.drive(lambda: site.state_of("isolate") == "verified")
    site.edr.portal(machine, "endpoint.release")
    site.drive_edr(lambda: not site.edr.isolated(machine))
    site.decide("yes_", kind="decision")
    site.drive(lambda: site.state_of("release") == "verified")
    assert site.step("release")["outcome"] == "adopted"
    assert site.edr.requests(machine, "unisolate") == []


def test_an_isolation_that_an_administrator_cancels_is_failed_and_a_human_is_paged(site: Any, mails: Any) -> None:
    site.open(ISOLATE % "" + ASK)
    machine = site.machines["pc-1"]
    site.edr.fault("offline", machine)
    site.hit()
    site.drive(lambda: site.state_of("isolate") == "accepted")
    site.edr.cancel(site.step("isolate")["vendor_id"])
    site.drive(lambda: site.state_of("isolate") == "failed")
    assert "Cancelled" in site.step("isolate")["error"]
    site.drive(lambda: mails.sent("isolation_failed", "o2@soc.test"))


# --- opposite wishes ------------------------------------------------------------------------------------


def isolated_by_hand(site: Any) -> None:
    with site.state.write() as conn:
        site.engine.isolate(conn, "pc-1", site.by("o1"), "test", site.clock.now())


def test_a_release_of_a_pending_isolation_cancels_it(site: Any, mails: Any) -> None:
    site.open(ASK, match="{category: [policy]}")
    machine = site.machines["pc-1"]
    site.edr.fault("offline", machine)
    isolated_by_hand(site)
    site.drive(lambda: last_step(site, "endpoint.isolate")["state"] == "accepted")
    release(site)
    site.drive(lambda: last_step(site, "endpoint.release")["state"] == "verified")
    assert site.edr.actions(machine) == [("Isolate", "Cancelled")]
    isolate = last_step(site, "endpoint.isolate")
    assert (isolate["state"], isolate["outcome"]) == ("undone", "superseded")
    assert mails.sent("isolation_failed") == []
    assert {run["state"] for run in site.rows(t.run)} == {"done"}


def test_a_release_right_after_an_isolation_that_was_not_sent_sends_nothing(site: Any) -> None:
    site.open(ASK, match="{category: [policy]}")
    isolated_by_hand(site)
    release(site)
    site.drive(lambda: last_step(site, "endpoint.release")["state"] == "verified")
    site.idle()
    assert site.edr.actions(site.machines["pc-1"]) == []
    assert last_step(site, "endpoint.isolate")["state"] == "undone"


def test_a_release_behind_an_isolation_of_unknown_outcome_is_queued(site: Any) -> None:
    site.open(ASK, match="{category: [policy]}")
    machine = site.machines["pc-1"]
    site.edr.fault("timeout-after-accept", machine, times=1)
    isolated_by_hand(site)

    async def start() -> None:
        await site.executor.start_due()
        release(site)
        await site.executor.run_due()
        await site.close_clients()

    asyncio.run(start())
    assert last_step(site, "endpoint.release")["state"] == "intent"
    site.drive(lambda: last_step(site, "endpoint.release")["state"] == "verified")
    assert not site.edr.isolated(machine)
    assert [kind for kind, _ in site.edr.actions(machine)] in (["Isolate"], ["Isolate", "Unisolate"])


def test_a_pending_isolation_of_an_administrator_is_never_cancelled_by_us(site: Any) -> None:
    site.open(ASK, match="{category: [policy]}")
    machine = site.machines["pc-1"]
    isolated_by_hand(site)
    site.drive(lambda: last_step(site, "endpoint.isolate")["state"] == "verified")
    site.edr.portal(machine, "endpoint.release")
    site.drive_edr(lambda: not site.edr.isolated(machine))
    site.edr.fault("offline", machine)
    site.edr.portal(machine, "endpoint.isolate")
    release(site)
    site.drive(lambda: last_step(site, "endpoint.release")["error"])
    site.idle()
    assert site.edr.actions(machine)[-1] == ("Isolate", "Pending")
    site.edr.lift_faults()
    site.drive(lambda: last_step(site, "endpoint.release")["state"] == "verified")


@pytest.mark.postgresql
def test_one_response_action_is_open_per_device(site: Any) -> None:
    site.open(ISOLATE % "" + SCAN.replace("{id: scan,", "{id: scan, after: [],")).hit()
    site.drive(lambda: site.state_of("scan") == "verified")
    isolate, scan = site.edr.whole(site.machines["pc-1"])
    assert isolate["type"] == "Isolate"
    assert isolate["lastUpdateDateTimeUtc"] <= scan["creationDateTimeUtc"]


# --- guards ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("school", "municipality"), [(2, 20), (5, 2)], ids=["school", "municipality"])
def test_above_the_cap_an_approval_is_asked_for(site: Any, school: int, municipality: int) -> None:
    guards = site.settings.guards.model_copy(update={"school_per_hour": school, "municipality_per_hour": municipality})
    site.settings = site.settings.model_copy(update={"guards": guards})
    site.open(ISOLATE % "")
    for number in (1, 2, 3):
        site.hit(f"pc-{number}")
    assert [site.state_of("isolate", n) for n in (1, 2, 3)] == ["intent", "intent", "waiting"]
    assert "上限" in site.wait("approval")["text"]
    site.decide("approve")
    assert site.state_of("isolate", 3) == "intent"


def test_the_caps_are_five_a_school_and_twenty_a_municipality(site: Any) -> None:
    site.open(ISOLATE % "")
    assert (site.settings.guards.school_per_hour, site.settings.guards.municipality_per_hour) == (5, 20)


def test_a_protected_device_pages_a_human_at_once_and_does_nothing_by_itself(site: Any, mails: Any) -> None:
    site.open(ISOLATE % "").hit("pc-4")
    site.drive(lambda: mails.sent("isolation_failed", "o2@soc.test"))
    site.idle()
    assert site.edr.actions(site.machines["pc-4"]) == []
    assert site.wait("approval")["role"] == "operator"


def kill(site: Any, on: bool) -> None:
    with site.state.write() as conn:
        site.engine.set_killswitch(conn, on, site.by("o1"), "test", site.clock.now())


@pytest.mark.parametrize("steps", [ISOLATE % "", SCAN], ids=["isolate", "scan"])
def test_the_kill_switch_stops_what_has_not_been_sent_yet(site: Any, steps: str) -> None:
    site.open(steps).hit()
    kill(site, True)
    site.idle(20)
    assert site.edr.actions(site.machines["pc-1"]) == []
    (row,) = site.rows(t.step)
    assert "kill switch" in row["error"]
    kill(site, False)
    site.drive(lambda: site.rows(t.step)[0]["state"] == "verified")


def test_what_the_kill_switch_has_stopped_for_too_long_is_failed_and_never_sent(site: Any, mails: Any) -> None:
    site.open(ISOLATE % "").hit()
    kill(site, True)
    site.idle(1)
    site.clock.advance(minutes=16)
    site.drive(lambda: site.state_of("isolate") == "failed")
    kill(site, False)
    site.drive(lambda: mails.sent("isolation_failed"))
    assert site.edr.actions(site.machines["pc-1"]) == []


def test_the_kill_switch_stops_a_repeat_but_not_the_question_whether_it_is_there(site: Any) -> None:
    site.open(ISOLATE % "")
    machine = site.machines["pc-1"]
    site.edr.fault("timeout-before-accept", machine, times=1)
    site.hit()
    asyncio.run(_run_once(site))
    kill(site, True)
    site.idle(15)
    assert site.edr.actions(machine) == []
    kill(site, False)
    site.drive(lambda: site.state_of("isolate") == "verified")
    assert site.edr.actions(machine) == [("Isolate", "Succeeded")]


async def _run_once(site: Any) -> None:
    await site.executor.run_due()
    await site.close_clients()


def test_an_approval_under_the_kill_switch_is_refused(site: Any) -> None:
    site.open(ISOLATE % ", approve: {role: operator}").hit()
    kill(site, True)
    with pytest.raises(RefusedError, match="kill switch"):
        site.decide("approve")


def test_a_dry_run_shows_the_exact_request_and_sends_nothing(site: Any) -> None:
    site.open(ASK, match="{category: [policy]}")
    with site.state.read() as conn:
        request = site.engine.plan(conn, "pc-1", "endpoint.isolate", site.by("o1"))
    assert request.method == "POST"
    assert request.url == f"{site.edr.url}/api/machines/{site.machines['pc-1']}/isolate"
    assert request.body["IsolationType"] == "Full"
    assert site.edr.requests(site.machines["pc-1"], "isolate") == []


# --- no second effect -----------------------------------------------------------------------------------


@pytest.mark.postgresql
def test_two_executors_on_one_state_store_isolate_once(site: Any) -> None:
    """Row 24: a split brain of four."""
    site.open(ISOLATE % "")
    for device in ("pc-1", "pc-2", "pc-3"):
        site.hit(device)

    stores = [State(site.state.url) for _ in range(4)]  # each as another process would open it

    async def race() -> None:
        executors = [Executor(store, site.engine, site.clock) for store in stores]
        for _ in range(3):
            await asyncio.gather(*(executor.run_due() for executor in executors))
            site.clock.advance(seconds=1)
        await site.close_clients()

    asyncio.run(race())
    for store in stores:
        store.close()
    for device in ("pc-1", "pc-2", "pc-3"):
        assert site.edr.requests(site.machines[device], "isolate") == [201]
    site.drive(lambda: [site.state_of("isolate", n) for n in (1, 2, 3)] == ["verified"] * 3)


def test_a_reimaged_device_is_acted_on_as_the_machine_that_it_is_now(site: Any) -> None:
    """Row 23: its old machine is never asked for again, and what was seen of that one is not held to be so of the new one."""
    site.open(ISOLATE % "").hit()
    site.drive(lambda: site.state_of("isolate") == "verified")
    old, new = site.machines["pc-1"], site.edr.machine()
    site.machines["pc-1"] = new
    with site.state.write() as conn:
        directory.save(conn, site._directory(), "local:test", site.clock.now())
    sent = len(site.edr.sent(old))
    release(site)
    site.drive(lambda: not site.rows(t.hold, released_at=None) and last_step(site, "endpoint.release")["done_at"])
    assert len(site.edr.sent(old)) == sent
    assert not site.edr.isolated(new)
    site.clock.advance(days=2)  # a case of its own, no more of the first one's
    site.hit()
    site.drive(lambda: site.edr.isolated(new) and site.state_of("isolate", 2) == "verified")
    assert [status for kind, status in site.edr.actions(new) if kind == "Isolate"] == ["Succeeded"]
    assert len(site.edr.sent(old)) == sent


@pytest.mark.postgresql
def test_who_comes_back_after_its_lease_was_taken_changes_nothing(site: Any) -> None:
    """Row 24: a stuck lease, fenced off."""
    site.open(ISOLATE % "").hit()
    slow = site.new_executor(owner="slow")
    (stale,) = slow._lease()
    site.clock.advance(seconds=leases.LEASE.total_seconds() + 1)
    (fresh,) = site.executor._lease()
    assert fresh["fence"] == stale["fence"] + 1
    changed: list[int] = []

    async def both() -> None:
        await slow.write(stale, lambda conn, now: changed.append(stale["fence"]))
        await site.executor.write(fresh, lambda conn, now: changed.append(fresh["fence"]))

    asyncio.run(both())
    assert changed == [fresh["fence"]]


@pytest.mark.postgresql
def test_a_lease_of_another_is_left_alone_until_it_ends(site: Any) -> None:
    site.open(ISOLATE % "").hit()
    assert len(site.new_executor(owner="a")._lease()) == 1
    assert site.new_executor(owner="b")._lease() == []
    assert len(site.new_executor(owner="a")._lease()) == 1  # its own, of a former life


@pytest.mark.postgresql
@pytest.mark.parametrize("point", ["effect.before_send", "effect.after_send", "effect.after_accept"])
def test_a_crash_at_any_point_of_an_act_leads_to_one_isolation(site: Any, point: str) -> None:
    def crash(at: str) -> None:
        if at == point:
            raise asyncio.CancelledError

    site.open(ISOLATE % "").hit()
    site.executor = site.new_executor(failpoint=crash, owner="here")
    asyncio.run(_run_once(site))
    site.executor = site.new_executor(owner="here")
    site.drive(lambda: site.state_of("isolate") == "verified")
    assert site.edr.actions(site.machines["pc-1"]) == [("Isolate", "Succeeded")]


def test_a_retry_by_hand_asks_first_whether_the_request_is_there(site: Any) -> None:
    site.open(ISOLATE % "")
    machine = site.machines["pc-1"]
    site.edr.fault("offline", machine)
    site.hit()
    site.drive(lambda: site.state_of("isolate") == "accepted")
    site.clock.advance(minutes=16)
    site.drive(lambda: site.state_of("isolate") == "failed")
    run = site.rows(t.run)[0]["id"]
    with site.state.write() as conn:
        site.engine.steer(conn, run, "retry", site.by("o1"), "is back", site.clock.now(), "isolate")
    site.edr.lift_faults()
    site.drive(lambda: site.state_of("isolate") == "verified")
    assert site.edr.requests(machine, "isolate") == [201]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("429", "verified"),
        ("500", "unknown"),
        ("timeout-before-accept", "unknown"),
        ("timeout-after-accept", "verified"),
    ],
)
def test_an_act_that_must_happen_once_is_repeated_only_if_it_was_certainly_not_taken(
    site: Any, fault: str, outcome: str
) -> None:
    site.open("  - {id: clean, do: endpoint.quarantine_file, target: incident.file}\n")
    machine = site.machines["pc-1"]
    site.edr.fault(fault, machine, times=1, seconds=1 if fault == "429" else 30)
    site.hit(event={"event.kind": "alert", "file.hash.sha1": "a" * 40})
    site.drive(lambda: site.step("clean")["outcome"])
    assert site.step("clean")["outcome"] == outcome
    assert site.edr.actions(machine) == ([("StopAndQuarantineFile", "Succeeded")] if outcome == "verified" else [])


def test_an_act_goes_to_the_product_that_can_do_it(site: Any) -> None:
    falcon = {"base_url": "http://127.0.0.1:9", "client_id": "app", "client_secret": "s3cret"}
    both = {"crowdstrike": falcon, **site.settings.vendors}
    site.settings, site.other_ids = site.settings.model_copy(update={"vendors": both}), {"crowdstrike": "f" * 32}
    site.open("  - {id: clean, do: endpoint.quarantine_file, target: incident.file}\n" + ISOLATE % "")
    site.hit(event={"event.kind": "alert", "file.hash.sha1": "a" * 40})
    site.drive(lambda: site.step("clean")["outcome"])
    assert (site.step("clean")["vendor"], site.step("clean")["outcome"]) == ("defender", "verified")
    site.drive(lambda: site.step("isolate"))
    assert site.step("isolate")["vendor"] == "crowdstrike"  # of two that can, the first in the settings


def test_by_hand_the_product_is_asked_for_where_several_know_the_device_and_a_release_goes_to_the_one_that_holds_it(
    site: Any,
) -> None:
    falcon = {"base_url": "http://127.0.0.1:9", "client_id": "app", "client_secret": "s3cret"}
    both = {"crowdstrike": falcon, **site.settings.vendors}
    site.settings, site.other_ids = site.settings.model_copy(update={"vendors": both}), {"crowdstrike": "f" * 32}
    site.open(ASK, match="{category: [policy]}")

    def by_hand(verb: str, vendor: str = "") -> Any:
        with site.state.write() as conn:
            do = site.engine.isolate if verb == "isolate" else site.engine.release
            return do(conn, "pc-1", site.by("o1"), "test", site.clock.now(), vendor)

    with pytest.raises(ConflictError, match="crowdstrike and defender") as asked:
        by_hand("isolate")
    assert asked.value.hint == "say which: --vendor crowdstrike"
    with pytest.raises(ConfigError, match="'trend' is no product"):
        by_hand("isolate", "trend")
    with site.state.read() as conn:
        request = site.engine.plan(conn, "pc-1", "endpoint.isolate", site.by("o1"), "crowdstrike")
        assert "f" * 32 in f"{request.url} {request.body}"
    assert site.rows(t.step) == []
    assert by_hand("isolate", "defender")["vendor"] == "defender"
    site.drive(lambda: site.rows(t.step)[0]["state"] == "verified")
    assert by_hand("release")["vendor"] == "defender"


def test_by_hand_a_product_that_cannot_do_it_is_passed_over(site: Any) -> None:
    table = {
        "base_url": "http://127.0.0.1:9",
        "token_url": "http://127.0.0.1:9/t",
        "client_id": "a",
        "client_secret": "s",
    }
    both = {"intune": table, **site.settings.vendors}
    site.settings, site.other_ids = site.settings.model_copy(update={"vendors": both}), {"intune": "m-1"}
    site.open(ASK, match="{category: [policy]}")
    isolated_by_hand(site)
    site.drive(lambda: site.rows(t.step)[0]["state"] == "verified")
    assert site.rows(t.step)[0]["vendor"] == "defender"


def test_what_no_product_of_a_device_can_do_is_a_task_for_people(site: Any) -> None:
    falcon = {"base_url": "http://127.0.0.1:9", "client_id": "app", "client_secret": "s3cret"}
    site.settings = site.settings.model_copy(update={"vendors": {"crowdstrike": falcon}})
    site.other_ids = {"crowdstrike": "f" * 32}
    site.open("  - {id: clean, do: endpoint.quarantine_file, target: incident.file}\n")
    site.hit(event={"event.kind": "alert", "file.hash.sha1": "a" * 40})
    site.drive(lambda: site.rows(t.wait, kind="task", state="open"))
    assert site.step("clean")["outcome"] == "manual"


def test_a_closed_incident_holds_nothing(site: Any) -> None:
    site.open(ISOLATE % "").hit()
    site.drive(lambda: site.state_of("isolate") == "verified")
    with site.state.write() as conn, pytest.raises(ConflictError, match="holds"):
        incidents.close(conn, site.by("o1"), "1", "true_positive", "done", site.clock.now())
    release(site)
    site.drive(lambda: last_step(site, "endpoint.release")["state"] == "verified")
    with site.state.write() as conn:
        incidents.close(conn, site.by("o1"), "1", "true_positive", "done", site.clock.now())


@pytest.mark.postgresql
def test_merging_two_incidents_that_hold_one_device_leaves_one_hold(site: Any) -> None:
    site.open(ISOLATE % ", approve: {role: operator}", match="{cause: external}").hit()
    site.decide("approve")
    site.drive(lambda: site.state_of("isolate") == "verified")
    second_incident(site)
    site.decide("approve")
    with site.state.write() as conn:
        incidents.merge(conn, site.by("o1"), "2", "1", "the same", site.clock.now())
    (hold,) = site.rows(t.hold, released_at=None)
    assert hold["incident"] == site.rows(t.incident, number=1)[0]["id"]
