"""In a drill whatever goes through a channel says so: mail, Slack, webhooks, and channels that somebody else brings."""

import json
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from hinomi.playbooks.channels import Answered, Ask, Card, Choice, Message, Room, channels
from hinomi.playbooks.channels.mail import build
from hinomi.playbooks.channels.marked import HEADER, MARK, mark, marked
from hinomi.playbooks.messages import compose, known
from hinomi.runtime.parts import build_channels
from hinomi.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_mail_of_every_template_is_marked_in_subject_body_and_header(language: str) -> None:
    for template in known(language):
        subject, text = compose(template, language, {"incident": 1, "link": "http://127.0.0.1/r/x"})
        mail = message_from_bytes(build(mark(Message("1", "a@b.test", subject, text)), "s@b.test"), policy=default)
        lines = mail.get_content().strip().splitlines()
        assert str(make_header(decode_header(str(mail["Subject"])))).startswith(MARK), template
        assert mail[HEADER] == "yes"
        assert "これは訓練です" in lines[1]
        assert "This is a drill" in lines[2]
        assert "これは訓練です" in lines[-1]
        assert text.strip() in mail.get_content().replace("\r\n", "\n")


class Anything:
    """A channel of somebody else's."""

    name = "anything"

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send(self, message: Message) -> str:
        self.sent.append(message)
        return "taken"

    async def close(self) -> None:
        self.sent.clear()


async def test_a_channel_of_somebody_elses_cannot_do_without() -> None:
    inner = Anything()
    channel = marked(inner)
    assert not isinstance(channel, Room)
    assert (await channel.send(Message("1", "x", "件名", "本文")), channel.name) == ("taken", "anything")
    assert inner.sent[0].subject == "【訓練】件名"
    await channel.close()
    assert inner.sent == []


def settings(drill: bool, slack: dict[str, Any]) -> Settings:
    return Settings.model_validate({
        "drill": {"on": drill}, "mail": {"host": "127.0.0.1"}, "channels": {"slack": slack},
    })  # fmt: skip


async def test_a_room_shows_a_marked_card_without_buttons(slack_simulator: type[Any], tmp_path: Path) -> None:
    slack = slack_simulator(tmp_path)
    try:
        room = build_channels(settings(True, slack.table("operator")))["slack"]
        assert isinstance(room, Room)
        assert not room.answers
        ask = Ask("隔離の承認", "11月25日 12:00", (Choice("承認", "signed", True),))
        card = Card("事案 1：感染", (("学校", "東小学校"),), (ask,), (Answered("受領", "受領", "教職員", "12:00"),))
        place = await room.show(card, "")
        await room.add(place, Message("1", "", "連絡", "本文です"))
        assert slack.buttons() == []
        (said,), (reply,) = slack.cards(), slack.replies()
        shown = json.dumps(said["blocks"], ensure_ascii=False)
        assert said["text"].startswith(MARK)
        assert all(words in shown for words in ("【訓練】事案 1", "これは訓練です", "隔離の承認", "東小学校"))
        assert reply["text"].startswith(f"*{MARK}連絡*")
        assert "これは訓練です" in reply["text"]
        assert await room.show(card, place) == place
    finally:
        slack.close()


async def test_in_a_drill_every_channel_is_wrapped_and_otherwise_none(slack_simulator: type[Any]) -> None:
    table = {"token": "t", "channel": "C1", "base_url": "http://127.0.0.1:1/api/", "roles": ["operator"]}
    wrapped, plain = (build_channels(settings(on, table)) for on in (True, False))
    assert set(wrapped) == set(plain) == {"mail", "slack"}
    assert {type(channel).__module__ for channel in wrapped.values()} == {marked.__module__}
    assert marked.__module__ not in {type(channel).__module__ for channel in plain.values()}
    assert "marked" not in channels  # the module is no channel of its own
