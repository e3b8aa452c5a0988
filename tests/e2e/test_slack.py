"""An approval in Slack: a request arrives, a member clicks, the PC is off the network, the message says so."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

OLD = "2026-11-01 01:00:00.000"


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, world_module: Any, slack_simulator: Any, in_slack: Any
) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("slack")
    made = world_module.World(folder / "world")
    slack = slack_simulator(folder, f"http://127.0.0.1:{made.api}/slack/interactions")
    members = {"op1": "U0OPER", "suzuki": "U0HEAD"}
    with in_slack(made, slack, slack.table("operator", "operator_lead"), members) as place:
        yield place


def audited(world: Any, act: str) -> list[dict[str, Any]]:
    return [r for r in world.call("audit/records?limit=1000")["items"] if r["act"] == act]


def test_a_click_approves_and_the_pc_is_isolated_once(place: Any) -> None:
    """Row 21 of the faults: replayed byte for byte, stale, signed with another secret."""
    slack, eventually = place.slack, place.eventually
    assert place.post([place.macro(when=OLD)]) == (200, {"accepted": 1})
    assert eventually(lambda: [c for c in slack.cards() if slack.buttons() == ["承認", "否認"]], 60), slack.calls()
    assert eventually(slack.replies)
    assert not place.isolations()

    assert slack.click("承認", "U0HEAD")[0] == 200  # head of a school: no operator
    assert slack.click("承認", "U0NOBODY")[0] == 200
    assert slack.click("承認", "U0OPER", secret="wrong")[0] == 401
    assert slack.click("承認", "U0OPER", age=600)[0] == 401
    said = eventually(lambda: len(slack.whispers()) == 2 and {w["user"]: w["text"] for w in slack.whispers()})
    assert "名簿に登録されていない" in said["U0NOBODY"]
    assert set(said) == {"U0HEAD", "U0NOBODY"}
    assert not place.isolations()

    assert slack.click("承認", "U0OPER")[0] == 200
    assert slack.replay() == 409
    assert eventually(place.isolations)
    assert eventually(lambda: "<@U0OPER>" in slack.shown() and "承認" not in slack.buttons(), 60), slack.shown()
    (isolation,) = place.isolations()
    assert isolation["status"] in (200, 201)
    assert eventually(lambda: "隔離済み（確認済）" in slack.shown(), 60), slack.shown()
    assert len(slack.cards()) == 1
    assert all("佐藤" not in str(call) and "運用 太" not in str(call) for call in slack.calls())
    assert not place.mailbox.find("o1@soc.test", "approval_request")


def test_the_click_is_in_the_audit_as_the_persons_by_slack(place: Any) -> None:
    waits = [w for w in place.call("approvals?state=")["items"] if w["state"] == "done"]
    assert [(w["by"], w["outcome"]) for w in waits] == [("person:o1", "approve")]
    (proof,) = audited(place, "approval.decide")
    assert (proof["actor"], proof["detail"]["via"], proof["detail"]["role"]) == ("person:o1", "slack", "operator")
    assert {r["actor"] for r in audited(place, "answer.refused")} == {"slack:U0HEAD", "slack:U0NOBODY"}
    assert place.call("audit/verify")["ok"]


def test_a_trial_waits_for_a_real_click(place: Any) -> None:
    ended: list[str] = []
    words = ("--config", str(place.config), "notify", "test", "--interactive", "--wait", "60", "-o", "json")
    waiting = threading.Thread(target=lambda: ended.append(place.hinomi(*words)))
    waiting.start()
    assert place.eventually(lambda: "押しました" in place.slack.buttons())
    assert place.slack.click("押しました", "U0HEAD")[0] == 200
    waiting.join(60)
    assert '"slack"' in ended[0]


def test_without_a_click_a_trial_fails(place: Any) -> None:
    words = ("--config", str(place.config), "notify", "test", "--interactive", "--wait", "0.5", "-o", "json")
    (sent,) = json.loads(place.hinomi(*words, code=1))
    assert (sent["channel"], sent["ok"]) == ("slack", True)  # so it is the click that is missing


def test_an_unsigned_request_is_refused(place: Any) -> None:
    url = f"http://127.0.0.1:{place.api}/slack/interactions"
    assert place.send(url, b"payload={}", {})[0] == 401
    stamps = {"X-Slack-Request-Timestamp": "now", "X-Slack-Signature": "v0=00"}
    assert place.send(url, b"payload={}", stamps)[0] == 401


@pytest.mark.parametrize(
    "payload", ["", "[]", "{", '{"type": "block_actions"}', '{"type": "block_actions", "user": {"id": 1}, "actions": [{"value": 5}]}']
)  # fmt: skip
def test_a_signed_body_that_is_no_click_is_refused_and_nothing_breaks(place: Any, payload: str) -> None:
    body = urlencode({"payload": payload}).encode()
    stamp = str(int(time.time()))
    digest = hmac.new(b"s1gn", f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}
    assert place.send(f"http://127.0.0.1:{place.api}/slack/interactions", body, headers)[0] == 400


def test_a_trial_of_a_role_reaches_its_room_and_its_mail(place: Any) -> None:
    words = ("--config", str(place.config), "notify", "test", "--role", "operator_lead", "-o", "json")
    found = json.loads(place.hinomi(*words))
    assert [(row["channel"], row["to"], row["ok"]) for row in found] == [
        ("slack", "", True),
        ("mail", "o2@soc.test", True),
    ]


def test_a_trial_waits_where_slack_asks_for_a_pause(place: Any) -> None:
    place.slack.fault(method="chat.postMessage", status=429, retry_after=1)
    words = ("--config", str(place.config), "notify", "test", "--role", "operator_lead", "-o", "json")
    assert all(row["ok"] for row in json.loads(place.hinomi(*words)))
    assert 429 in [call["status"] for call in place.slack.calls("chat.postMessage")]
