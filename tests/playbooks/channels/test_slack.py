"""The channel against Slack's simulator: pace, pauses, refusals, blocks, signatures."""

import hashlib
import hmac
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hinomi.errors import Faults
from hinomi.playbooks.channels import Answered, Ask, Card, ChannelError, Choice, Message, channels
from hinomi.settings import Settings

pytestmark = pytest.mark.anyio
MESSAGE = Message("m1", "", "承認をお願いします", "本文 <!channel> & <@U0EVIL>\n")
NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


def card(*asks: Ask, **more: Any) -> Card:
    return Card("【取扱注意】事案 12：感染", (("端末", "<!here> PC-1"),), asks, **more)


def ask(text: str = "端末の隔離", *labels: str) -> Ask:
    return Ask(text, "11月25日 10:00", tuple(Choice(label, f"{text[:9]}:{label}", label == "承認") for label in labels))


@pytest.fixture
def slack(tmp_path: Path, slack_simulator: Any) -> Iterator[Any]:
    made = slack_simulator(tmp_path)
    yield made
    made.close()


def channel(slack: Any, **more: str) -> Any:
    return channels.get("slack")(Settings(channels={"slack": slack.table("operator", **more)}))


async def test_a_card_is_posted_then_changed_in_place_and_details_go_into_its_thread(slack: Any) -> None:
    room = channel(slack)
    place = await room.show(card(ask("端末の隔離", "承認", "否認")), "")
    await room.add(place, MESSAGE)
    done = card(answered=(Answered("端末の隔離", "承認", "事業者（SOC）", "11月24日 10:03", "U0OPER"),))
    assert await room.show(done, place) == place
    assert len(slack.cards()) == 1
    assert "<@U0OPER>（事業者（SOC））" in slack.shown()
    assert slack.buttons() == []
    (reply,) = slack.replies()
    assert reply["thread_ts"] == slack.cards()[0]["ts"]


async def test_what_is_said_already_is_not_sent_again(slack: Any) -> None:
    room = channel(slack)
    place = await room.show(card(), "")
    await room.show(card(), place)
    assert slack.calls("chat.update") == []


async def test_a_card_that_somebody_deleted_is_posted_anew(slack: Any) -> None:
    room = channel(slack)
    assert await room.show(card(), "C1/1.000001") != "C1/1.000001"
    assert len(slack.cards()) == 1


async def test_nothing_that_is_said_mentions_anybody(slack: Any) -> None:
    room = channel(slack)
    await room.add(await room.show(card(), ""), MESSAGE)
    said = slack.shown() + slack.replies()[0]["text"]
    assert "<" not in said
    assert "&lt;!channel&gt; &amp; &lt;@U0EVIL&gt;" in said


async def test_two_buttons_are_in_view_and_the_rest_is_in_a_menu(slack: Any) -> None:
    asks = (
        ask("判断", "実際の被害", "誤検知", "許可された操作"),
        ask("受領", "受領"),
        ask("長" * 900, *"一二三四五六"),
    )
    await channel(slack).show(card(*asks), "")
    assert slack.buttons() == ["実際の被害", "誤検知"]
    (menu,) = [e for b in slack.cards()[0]["blocks"] for e in b.get("elements", ()) if e["type"] == "overflow"]
    assert [o["text"]["text"][:8] for o in menu["options"][:2]] == ["許可された操作", "受領：受領"]
    assert len(menu["options"]) == 5


async def test_ten_messages_keep_the_pace_that_slack_allows(slack: Any) -> None:
    room = channel(slack)
    place = await room.show(card(), "")
    for _ in range(9):
        await room.add(place, MESSAGE)
    calls = slack.calls("chat.postMessage")
    assert [call["status"] for call in calls] == [200] * 10
    assert calls[-1]["received_ns"] - calls[0]["received_ns"] > 8 * 10**9


async def test_a_pause_that_slack_asks_for_is_said_and_kept(slack: Any) -> None:
    room = channel(slack)
    slack.fault(status=429, retry_after=30)
    with pytest.raises(ChannelError) as first:
        await room.show(card(), "")
    assert first.value.after == 30
    with pytest.raises(ChannelError) as second:
        await room.show(card(), "")
    assert 0 < (second.value.after or 0) <= 30
    assert len(slack.calls()) == 1


@pytest.mark.parametrize(
    ("fault", "permanent"), [({"status": 500}, False), ({"error": "internal_error"}, False), ({"error": "is_archived"}, True)]
)  # fmt: skip
async def test_a_refusal_says_whether_it_will_pass(slack: Any, fault: dict[str, Any], permanent: bool) -> None:
    slack.fault(**fault)
    with pytest.raises(ChannelError) as refused:
        await channel(slack).show(card(), "")
    assert (refused.value.permanent, refused.value.after) == (permanent, None)


async def test_a_wrong_token_is_a_refusal_without_the_token_in_it(slack: Any) -> None:
    with pytest.raises(ChannelError, match="invalid_auth") as refused:
        await channel(slack, token="xoxb-wrong").show(card(), "")
    assert refused.value.permanent
    assert "xoxb" not in str(refused.value)


async def test_a_server_that_is_away_may_be_back(slack: Any) -> None:
    with pytest.raises(ChannelError) as away:
        await channel(slack, base_url="http://127.0.0.1:1/api/").show(card(), "")
    assert not away.value.permanent


async def test_the_token_says_whose_it_is(slack: Any) -> None:
    assert await channel(slack).who() == "sim as hinomi"


def signature(body: bytes, stamp: str, secret: str = "s1gn") -> str:
    return "v0=" + hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("age", "secret", "sent", "good"),
    [(0, "s1gn", b"a=1", True), (299, "s1gn", b"a=1", True), (301, "s1gn", b"a=1", False), (-301, "s1gn", b"a=1", False),
     (0, "other", b"a=1", False), (0, "s1gn", b"a=2", False)],
)  # fmt: skip
def test_a_signature_counts_for_five_minutes_and_its_own_body(
    slack: Any, age: int, secret: str, sent: bytes, good: bool
) -> None:
    stamp = str(int((NOW - timedelta(seconds=age)).timestamp()))
    assert channel(slack).signed(sent, stamp, signature(b"a=1", stamp, secret), NOW) is good


@pytest.mark.parametrize("stamp", ["", "now", "１２", "-1", "9" * 40])
def test_a_stamp_that_is_no_time_is_no_signature(slack: Any, stamp: str) -> None:
    assert not channel(slack).signed(b"", stamp, signature(b"", stamp), NOW)


def test_without_a_signing_secret_there_are_no_buttons(slack: Any) -> None:
    room = channel(slack, signing_secret="")
    assert not room.answers
    assert not room.signed(b"", str(int(time.time())), "v0=", datetime.now(UTC))


@pytest.mark.parametrize(
    ("change", "said"),
    [({"roles": ["teacher"]}, "of their own"), ({"roles": ["boss"]}, "no role is called 'boss'"), ({"roles": []}, "roles"),
     ({"base_url": "http://slack.test/api/"}, "https://"), ({"tokn": "x"}, "tokn"), ({"tenant": "A B"}, "tenant")],
)  # fmt: skip
def test_settings_that_do_not_fit_are_named(slack: Any, change: dict[str, Any], said: str) -> None:
    with pytest.raises(Faults, match=said) as faults:
        channels.get("slack")(Settings(channels={"slack": {**slack.table("operator"), **change}}))
    assert "xoxb" not in str(faults.value)
