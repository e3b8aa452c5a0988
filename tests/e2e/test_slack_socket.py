"""Buttons in Slack without an address that anybody could reach: clicks come over a connection that hinomi has opened."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

OLD = "2026-11-01 01:00:00.000"


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, world_module: Any, slack_simulator: Any, in_slack: Any
) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("slack-socket")
    slack = slack_simulator(folder, "http://127.0.0.1:9/nobody", "--app-token", "xapp-1")
    table = slack.table("operator", app_token="xapp-1", signing_secret="")
    with in_slack(world_module.World(folder / "world"), slack, table, {"op1": "U0OPER"}) as place:
        yield place


def connected(place: Any, more_than: int = 0) -> bool:
    sockets = place.slack.sockets()
    return bool(sockets["connected"] and sockets["opened"] > more_than)


def test_a_click_over_the_connection_approves_once_and_a_repeat_has_no_effect(place: Any) -> None:
    """Row 21: a callback that arrives twice."""
    assert place.eventually(lambda: connected(place), 60), place.slack.calls("apps.connections.open")
    assert place.post([place.macro(when=OLD)])[0] == 200
    assert place.eventually(lambda: place.slack.cards() and place.slack.buttons() == ["承認", "否認"], 60)

    assert place.slack.click("承認", "U0NOBODY")[0] == 200  # acknowledged, not counted
    assert place.eventually(place.slack.whispers)
    assert "名簿に登録されていない" in place.slack.whispers()[0]["text"]
    assert not place.isolations()

    assert place.slack.click("承認", "U0OPER")[0] == 200
    assert place.slack.replay() == 200  # acknowledged again, or Slack would send it again
    assert place.eventually(place.isolations)
    assert place.eventually(lambda: "<@U0OPER>" in place.slack.shown(), 60)
    assert len(place.isolations()) == 1
    (proof,) = [r for r in place.call("audit/records?limit=1000")["items"] if r["act"] == "approval.decide"]
    assert (proof["actor"], proof["detail"]["via"]) == ("person:o1", "slack")


@pytest.mark.parametrize("what", ["refresh", "drop"])
def test_a_connection_that_ends_is_opened_again_and_clicks_go_on(place: Any, what: str) -> None:
    assert place.eventually(lambda: connected(place), 60)
    before, cards, ended = place.slack.sockets()["opened"], len(place.slack.cards()), list[str]()
    place.slack.steer(what)
    assert place.eventually(lambda: connected(place, before), 60), place.slack.sockets()
    words = ("--config", str(place.config), "notify", "test", "--interactive", "--wait", "60", "-o", "json")
    waiting = threading.Thread(target=lambda: ended.append(place.hinomi(*words)))
    waiting.start()
    assert place.eventually(lambda: len(place.slack.cards()) > cards and "押しました" in place.slack.buttons(), 60)
    assert place.slack.click("押しました", "U0OPER")[0] == 200
    waiting.join(90)
    assert '"slack"' in ended[0]


def test_without_a_signing_secret_nobody_is_heard_at_the_address(place: Any) -> None:
    url = f"http://127.0.0.1:{place.api}/slack/interactions"
    stamps = {"X-Slack-Request-Timestamp": "1", "X-Slack-Signature": "v0=00"}
    assert place.send(url, b"payload={}", stamps)[0] == 404
