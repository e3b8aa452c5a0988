"""A paused run sends nothing more and asks nobody; what was sent is still looked after; resumed, it carries on."""

import asyncio
from typing import Any

from hinomi.state import t

ISOLATE = (
    "  - {id: isolate, do: endpoint.isolate, target: incident.endpoint, verify: {state: isolated, within: 15m}%s}\n"
)
TELL = "  - {id: tell, after: [], notify: teacher, template: isolation_notice, receipt: {due: 30m, remind: [10m]}}\n"
NEXT = "  - {id: ask, after: [isolate], decide: [yes_, no_], by: operator, due: 30m}\n"


def steer(site: Any, verb: str) -> None:
    (run,) = site.rows(t.run)
    with site.state.write() as conn:
        site.engine.steer(conn, run["id"], verb, site.by("o1"), "間違いかもしれない", site.clock.now())


def once(site: Any) -> None:
    """Carry out what is due now."""

    async def go() -> None:
        await site.executor.run_due()
        await site.close_clients()

    asyncio.run(go())


def test_what_a_paused_run_has_queued_is_not_sent_until_it_is_resumed(site: Any, mails: Any) -> None:
    site.open(ISOLATE % "" + TELL + NEXT).hit()
    steer(site, "pause")
    site.idle(2)
    site.later(minutes=3)
    site.idle(2)
    assert site.edr.actions(site.machines["pc-1"]) == []
    assert mails.mails == []
    assert {row["error"] for row in site.rows(t.outbox, kind=["action", "message"])} == {"the run is paused"}
    steer(site, "resume")
    site.drive(lambda: site.state_of("isolate") == "verified" and site.step("ask") and mails.sent("isolation_notice"))
    assert site.edr.actions(site.machines["pc-1"]) == [("Isolate", "Succeeded")]
    (seen,) = site.rows(t.timeline, kind="verified")
    assert (seen["data"]["run"], seen["data"]["step"]) == (site.rows(t.run)[0]["id"], "isolate")


def test_after_a_long_pause_an_act_has_its_time_to_be_seen_and_people_are_reminded_once(site: Any, mails: Any) -> None:
    site.open(TELL + ISOLATE % ", after: []").hit()
    site.drive(lambda: mails.sent("isolation_notice") and site.state_of("isolate") == "verified")
    steer(site, "pause")
    site.later(minutes=12)
    site.later(minutes=60)
    assert not site.rows(t.timeline, kind=["reminder", "overdue"])
    steer(site, "resume")
    site.drive(lambda: mails.sent("escalation"))
    assert len(mails.sent("receipt_reminder")) == 1


def test_an_act_that_waited_for_a_long_pause_to_end_does_not_fail_by_it(site: Any) -> None:
    site.open(ISOLATE % "")
    site.edr.fault("500", site.machines["pc-1"], times=1)
    site.hit()
    steer(site, "pause")
    site.later(hours=5)
    steer(site, "resume")
    site.drive(lambda: site.state_of("isolate") == "verified")
    assert site.step("isolate")["outcome"] == "verified"


def test_what_was_sent_before_the_pause_is_verified_and_nothing_after_it_starts(site: Any) -> None:
    site.open(ISOLATE % ", wait: verify" + NEXT).hit()
    once(site)
    steer(site, "pause")
    site.drive(lambda: site.state_of("isolate") == "verified")
    assert site.step("ask") is None
    steer(site, "resume")
    assert site.state_of("ask") == "waiting"


def test_a_pause_stops_a_repeat_but_not_the_question_whether_it_is_there(site: Any) -> None:
    site.open(ISOLATE % "")
    machine = site.machines["pc-1"]
    site.edr.fault("timeout-before-accept", machine, times=1)
    site.hit()
    once(site)
    steer(site, "pause")
    site.idle(12)
    assert site.edr.actions(machine) == []
    steer(site, "resume")
    site.drive(lambda: site.state_of("isolate") == "verified")
    assert site.edr.actions(machine) == [("Isolate", "Succeeded")]


def test_a_yes_given_during_a_pause_is_carried_out_when_it_is_over(site: Any) -> None:
    site.open(ISOLATE % ", approve: {role: operator}").hit()
    steer(site, "pause")
    site.decide("approve")
    site.idle(3)
    assert site.edr.actions(site.machines["pc-1"]) == []
    steer(site, "resume")
    site.drive(lambda: site.state_of("isolate") == "verified")
