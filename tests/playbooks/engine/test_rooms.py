"""Who is told in a room, how often, what counts there, and that mail comes when the room fails."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinomi.errors import ConflictError, HinomiError, RefusedError
from hinomi.playbooks.engine.answers import ReplayError
from hinomi.state import t

RELEASE = "  - {id: release, do: endpoint.release, target: incident.endpoint, approve: {role: operator%s}}\n"
ASK = "  - {id: ask, decide: [true_positive, false_positive, authorised], by: operator, due: 30m}\n"
HEADS = "  - {id: heads, notify: school_management, template: isolation_notice, receipt: {due: 30m}}\n"
REPORT = "  - {id: final, report: final, by: operator, to: board, due: 14d}\n"
ACCOUNTS = {"o1": "slack:U0OPER", "o2": "slack:U0LEAD", "h1": "slack:U0HEAD", "h2": "slack:U0VICE"}


@pytest.fixture
def slack(tmp_path: Path, slack_simulator: Any) -> Iterator[Any]:
    made = slack_simulator(tmp_path)
    yield made
    made.close()


@pytest.fixture
def in_slack(site: Any, slack: Any) -> Any:
    """Open a site whose operators (and school management) are told in Slack."""

    def opened(steps: str, *roles: str, **more: str) -> Any:
        table = slack.table(*(roles or ("operator", "operator_lead")), **more)
        site.settings = site.settings.model_copy(update={"channels": {"slack": table}})
        site.people = [
            msgspec.structs.replace(p, accounts=(ACCOUNTS[p.id],) if p.id in ACCOUNTS else ()) for p in site.people
        ]
        return site.open(steps)

    return opened


@pytest.fixture
def listening() -> Iterator[Any]:
    """A server that keeps what is posted to it, as text."""

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            server.bodies.append(body)
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        bodies: list[str]

    server = Server(("127.0.0.1", 0), Taking)
    server.bodies = []
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def value(slack: Any, label: str) -> str:
    """Return what a button or menu entry of the newest card stands for."""
    elements = [e for b in slack.cards()[-1]["blocks"] if b["type"] == "actions" for e in b["elements"]]
    choices = [*elements, *(o for e in elements for o in e.get("options", ()))]
    return next(str(c["value"]) for c in choices if c.get("text", {}).get("text", "").startswith(label))


def click(site: Any, slack: Any, label: str, user: str, nonce: str = "") -> None:
    with site.state.write() as conn:
        site.engine.answer(conn, f"slack:{user}", value(slack, label), nonce or f"{user}{label}", site.clock.now())


def test_a_role_of_two_is_told_once_and_without_mail(in_slack: Any, slack: Any, mails: Any) -> None:
    site = in_slack(ASK)
    site.people.append(msgspec.structs.replace(site.people[4], id="o3", accounts=(), mail="o3@soc.test"))
    site.open(ASK)
    site.hit()
    site.drive(lambda: [r["state"] for r in site.rows(t.outbox, kind="message")] == ["done", "done"])
    assert (len(slack.cards()), len(slack.replies()), mails.mails) == (1, 1, [])
    assert slack.buttons() == ["実際の被害（検知は正しい）", "誤検知"]


def test_a_decision_taken_elsewhere_is_on_the_card(in_slack: Any, slack: Any) -> None:
    site = in_slack(ASK)
    site.hit()
    site.drive(slack.replies)
    site.decide("authorised", kind="decision")
    site.drive(lambda: "許可された操作" in slack.shown() and not slack.buttons())
    assert len(slack.cards()) == 1, "the card is changed, no second one sent"


def test_a_choice_of_the_menu_counts_and_a_second_click_has_no_effect(in_slack: Any, slack: Any) -> None:
    site = in_slack(ASK)
    site.hit()
    site.drive(slack.replies)
    menu = value(slack, "許可された操作")
    click(site, slack, "許可された操作", "U0OPER", "n1")
    with site.state.write() as conn, pytest.raises(ReplayError):
        site.engine.answer(conn, "slack:U0OPER", menu, "n1", site.clock.now())
    with pytest.raises(ConflictError, match="すでに"):
        click(site, slack, "誤検知", "U0LEAD")
    assert [(r["actor"], r["choice"], r["via"]) for r in site.rows(t.decision)] == [
        ("person:o1", "authorised", "slack")
    ]


def test_clicks_that_arrive_in_another_order_count_once_and_the_first_to_arrive(in_slack: Any, slack: Any) -> None:
    """Row 21: callbacks out of order, and one that comes again when all is over."""
    site = in_slack(ASK)
    site.hit()
    site.drive(slack.replies)
    early, late = value(slack, "実際の被害"), value(slack, "誤検知")

    def arrive(user: str, what: str, nonce: str) -> None:
        with site.state.write() as conn:
            site.engine.answer(conn, f"slack:{user}", what, nonce, site.clock.now())

    arrive("U0LEAD", late, "clicked second")
    with pytest.raises(ConflictError, match="すでに"):
        arrive("U0OPER", early, "clicked first")
    with pytest.raises(ReplayError):
        arrive("U0LEAD", late, "clicked second")
    site.later(days=1)
    with pytest.raises(ConflictError):
        arrive("U0OPER", early, "a day later")
    assert [(r["actor"], r["choice"]) for r in site.rows(t.decision)] == [("person:o2", "false_positive")]


@pytest.mark.parametrize("user", ["U0HEAD", "U0NOBODY", ""])
def test_who_has_no_role_or_no_name_changes_nothing(in_slack: Any, slack: Any, user: str) -> None:
    site = in_slack(ASK)
    site.hit()
    site.drive(slack.replies)
    with pytest.raises(RefusedError):
        click(site, slack, "誤検知", user)
    assert site.wait("decision")["state"] == "open"


def test_an_account_that_two_people_share_is_nobodys(in_slack: Any, slack: Any) -> None:
    site = in_slack(ASK)
    site.people.append(msgspec.structs.replace(site.people[5], id="o9"))
    site.open(ASK)
    site.hit()
    site.drive(slack.replies)
    with pytest.raises(RefusedError, match="複数"):
        click(site, slack, "誤検知", "U0LEAD")


@pytest.mark.parametrize("forged", ["", "x", "abc.def.ghi"])
def test_a_value_that_hinomi_did_not_sign_is_refused(in_slack: Any, forged: str) -> None:
    site = in_slack(ASK)
    with site.state.write() as conn, pytest.raises(HinomiError):
        site.engine.answer(conn, "slack:U0OPER", forged, "n", site.clock.now())


def test_four_eyes_need_two_people(in_slack: Any, slack: Any) -> None:
    site = in_slack(RELEASE % ", quorum: 2")
    site.hit()
    site.drive(slack.replies)
    click(site, slack, "承認", "U0OPER", "n1")
    click(site, slack, "承認", "U0OPER", "n2")
    assert site.wait("approval")["state"] == "open"
    site.drive(lambda: "承認 1／2" in slack.shown())
    click(site, slack, "承認", "U0LEAD", "n3")
    assert site.rows(t.wait, kind="approval")[0]["outcome"] == "approve"


def test_a_receipt_counts_once_and_later_ones_are_kept(in_slack: Any, slack: Any, mails: Any) -> None:
    site = in_slack(HEADS, "school_management")
    site.hit()
    site.drive(lambda: site.state_of("heads") == "done" and slack.replies())
    assert slack.buttons() == ["受領"]
    received = value(slack, "受領")
    click(site, slack, "受領", "U0HEAD")
    (wait,) = site.rows(t.wait, kind="receipt")
    assert (wait["state"], wait["by"]) == ("done", "person:h1")
    with site.state.write() as conn:
        site.engine.answer(conn, "slack:U0VICE", received, "n2", site.clock.now())
    assert [r["via"] for r in site.rows(t.receipt)] == ["slack", "slack"]
    with site.state.write() as conn, pytest.raises(RefusedError):
        site.engine.answer(conn, "slack:U0OPER", received, "n3", site.clock.now())
    assert not mails.mails


def test_no_link_of_somebodys_own_is_ever_in_a_room(in_slack: Any, slack: Any, mails: Any) -> None:
    site = in_slack(HEADS + REPORT, "school_management", "operator", "board")
    site.hit()
    site.drive(lambda: mails.sent("report_form"))
    said = str(slack.calls())
    assert "http://127.0.0.1:8400" not in said
    assert "佐藤" not in said
    assert "/f/" in mails.sent("report_form")[0].get_content()


def test_what_is_outside_of_the_rooms_tenant_is_mailed(in_slack: Any, slack: Any, mails: Any) -> None:
    site = in_slack(ASK, "operator", tenant="minami")
    site.hit()
    site.drive(lambda: mails.sent("decision_request"))
    assert slack.calls() == []


def test_a_pause_is_waited_for(in_slack: Any, slack: Any, mails: Any) -> None:
    site = in_slack(ASK)
    slack.fault(status=429, retry_after=1, times=2)
    site.hit()
    site.drive(slack.replies)
    assert [call["status"] for call in slack.calls()][:3] == [429, 429, 200]
    assert not mails.mails


@pytest.mark.parametrize("fault", [{"error": "invalid_auth"}, {"status": 503}, {"status": 429, "retry_after": 900}])
def test_when_the_room_fails_people_get_mail_at_once(
    in_slack: Any, slack: Any, mails: Any, fault: dict[str, Any]
) -> None:
    site = in_slack(ASK)
    slack.fault(**fault, times=99)
    site.hit()
    site.drive(lambda: mails.sent("decision_request"))
    assert any("slack では知らせることができません" in text for text in site.said())


def test_pauses_without_end_end_in_mail(in_slack: Any, slack: Any, mails: Any) -> None:
    site = in_slack(ASK)
    slack.fault(status=429, retry_after=1, times=999)
    site.hit()
    site.drive(lambda: mails.sent("decision_request"), 60)
    assert len(slack.calls()) == 5


def test_a_message_that_was_half_told_is_finished_without_a_second_card(in_slack: Any, slack: Any) -> None:
    site = in_slack(ASK)
    slack.fault(status=429, retry_after=1, method="chat.postMessage", skip=1)
    site.hit()
    site.drive(slack.replies)
    assert [call["status"] for call in slack.calls("chat.postMessage")] == [200, 429, 200]
    assert (len(slack.cards()), len(slack.replies())) == (1, 1)


def test_a_crash_after_the_room_has_taken_it_tells_nothing_twice(in_slack: Any, slack: Any) -> None:
    site = in_slack(ASK)
    crashes = ["message.after_send"]

    def crash(name: str) -> None:
        if name in crashes:
            crashes.remove(name)
            raise RuntimeError("crashed")

    site.executor = site.new_executor(failpoint=crash)
    site.hit()
    site.drive(lambda: [r["state"] for r in site.rows(t.outbox, kind="message")] == ["done"])
    assert crashes == []
    assert (len(slack.cards()), len(slack.replies())) == (1, 1)


def test_many_changes_at_once_are_one_update(in_slack: Any, slack: Any) -> None:
    site = in_slack(ASK)
    site.hit()
    site.drive(slack.replies)
    site.idle(3)
    before = len(slack.calls("chat.update"))
    (run,) = site.rows(t.run)
    with site.state.write() as conn:
        for _ in range(5):
            site.engine.advance(conn, run["id"], site.clock.now())
    site.decide("authorised", kind="decision")
    site.drive(lambda: "許可された操作" in slack.shown() and not slack.buttons())
    assert len(slack.calls("chat.update")) == before + 1


def test_a_room_that_only_listens_is_told_beside_mail_and_without_anybodys_link(
    site: Any, mails: Any, listening: Any
) -> None:
    table = {"url": f"http://127.0.0.1:{listening.server_address[1]}/", "roles": ["school_management"]}
    site.settings = site.settings.model_copy(update={"channels": {"teams": table}})
    site.open(HEADS).hit()
    site.drive(lambda: len(mails.sent("isolation_notice")) == 2)
    assert len(listening.bodies) == 1
    assert "/r/" in mails.sent("isolation_notice")[0].get_content()
    assert "/r/" not in listening.bodies[0]
