import asyncio
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from hinomi.cli.acting.ports import free_port
from hinomi.playbooks.channels import ChannelError, Message, channels, smtp
from hinomi.settings import Mail, Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Box:
    """Takes mail; refuses addresses as told."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.answers: dict[str, str] = {}
        self.data_answer = "250 taken as 42"
        self.peers: list[Any] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.peers.append(session.peer)
        if self.data_answer.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content, policy=default))
            self.recipients.append(list(envelope.rcpt_tos))
        return self.data_answer


@pytest.fixture
def box() -> Iterator[tuple[Box, int]]:
    handler = Box()
    server = Controller(handler, hostname="127.0.0.1", port=free_port())
    server.start()
    yield handler, server.port
    server.stop()


def channel(port: int, **more: Any) -> Any:
    mail = Mail(host="127.0.0.1", port=port, sender="hinomi@soc.example.jp", **more)
    return channels.get("mail")(Settings(mail=mail))


MESSAGE = Message(
    "receipt-1",
    "sensei@example.jp",
    "【取扱注意】端末を切り離しました（事案 12）",
    "本文です。\n一行\n",
    mark="TLP:AMBER+STRICT",
)


async def test_a_message_arrives_as_it_was_written(box: tuple[Box, int]) -> None:
    handler, port = box
    assert "42" in await channel(port).send(MESSAGE)
    mail = handler.mails[0]
    assert mail["Subject"] == MESSAGE.subject
    assert mail["Message-ID"] == "<receipt-1@soc.example.jp>"
    assert mail["To"] == "sensei@example.jp"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Hinomi-Mark"] == "TLP:AMBER+STRICT"
    assert mail.get_content().splitlines() == ["本文です。", "一行"]
    assert not list(mail.iter_attachments())


async def test_a_second_try_has_the_same_message_id(box: tuple[Box, int]) -> None:
    handler, port = box
    for _ in range(2):
        await channel(port).send(MESSAGE)
    assert handler.mails[0]["Message-ID"] == handler.mails[1]["Message-ID"]


async def test_messages_one_after_another_go_over_one_connection(box: tuple[Box, int]) -> None:
    handler, port = box
    mail = channel(port)
    await mail.send(MESSAGE)
    handler.answers = {"sensei@example.jp": "550 no such box"}
    with pytest.raises(ChannelError):
        await mail.send(MESSAGE)
    handler.answers = {}
    await mail.send(replace(MESSAGE, id="receipt-2"))
    assert [m["Message-ID"] for m in handler.mails] == ["<receipt-1@soc.example.jp>", "<receipt-2@soc.example.jp>"]
    assert handler.recipients == [["sensei@example.jp"]] * 2
    assert len(set(handler.peers)) == 1


async def test_messages_at_the_same_time_do_not_wait_for_each_other(box: tuple[Box, int]) -> None:
    handler, port = box
    mail = channel(port)
    await asyncio.gather(mail.send(MESSAGE), mail.send(MESSAGE))
    assert len(set(handler.peers)) == 2


async def test_a_server_sees_no_more_connections_at_one_time_than_is_set(box: tuple[Box, int]) -> None:
    handler, port = box
    mail = channel(port, connections=2)
    await asyncio.gather(*(mail.send(replace(MESSAGE, id=f"receipt-{n}")) for n in range(8)))
    assert len(handler.mails) == 8
    assert len(set(handler.peers)) == 2


async def test_a_connection_that_the_server_has_closed_meanwhile_is_opened_again() -> None:
    handler, port = Box(), free_port()
    mail = channel(port)
    for _ in range(2):
        server = Controller(handler, hostname="127.0.0.1", port=port)
        server.start()
        await mail.send(MESSAGE)
        server.stop()
    assert len(handler.mails) == 2


async def test_nothing_is_held_open_after_a_moment(box: tuple[Box, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "REST", 0.01)
    mail = channel(box[1])
    await mail.send(MESSAGE)
    await asyncio.gather(*mail._lines._resting.values())
    assert not mail._lines._resting
    await mail.send(MESSAGE)
    assert len(set(box[0].peers)) == 2


@pytest.mark.parametrize(
    "subject", ["x" * 200, "長い件名" * 40, "=?utf-8?b?5Lu2?=", "half =?utf-8?q?", "a " * 100 + "b"]
)
async def test_any_subject_arrives_as_it_was_written(box: tuple[Box, int], subject: str) -> None:
    handler, port = box
    await channel(port).send(Message("m", "sensei@example.jp", subject, "t"))
    assert handler.mails[0]["Subject"] == subject


async def test_a_copy_refused_does_not_fail_the_message(box: tuple[Box, int]) -> None:
    handler, port = box
    handler.answers = {"gone@example.jp": "550 no such box"}
    copies = ("kocho@example.jp", "gone@example.jp")
    said = await channel(port).send(Message("m", "sensei@example.jp", "s", "t", cc=copies))
    assert "1 of 2 copies refused" in said
    assert handler.recipients == [["sensei@example.jp", "kocho@example.jp"]]


@pytest.mark.parametrize(("answer", "permanent"), [("550 no such box", True), ("450 try again later", False)])
async def test_a_refused_address_is_permanent_only_with_5xx(box: tuple[Box, int], answer: str, permanent: bool) -> None:
    handler, port = box
    handler.answers = {"sensei@example.jp": answer}
    with pytest.raises(ChannelError, match=answer[:3]) as error:
        await channel(port).send(MESSAGE)
    assert error.value.permanent is permanent
    with pytest.raises(ChannelError) as error:
        await channel(port).send(Message("m", "sensei@example.jp", "s", "t", cc=("kocho@example.jp",)))
    assert error.value.permanent is permanent


@pytest.mark.parametrize(("answer", "permanent"), [("554 policy", True), ("451 busy", False)])
async def test_a_refused_text_is_permanent_only_with_5xx(box: tuple[Box, int], answer: str, permanent: bool) -> None:
    handler, port = box
    handler.data_answer = answer
    with pytest.raises(ChannelError) as error:
        await channel(port).send(MESSAGE)
    assert error.value.permanent is permanent


async def test_no_server_is_temporary() -> None:
    with pytest.raises(ChannelError) as error:
        await channel(free_port()).send(MESSAGE)
    assert not error.value.permanent


@pytest.mark.parametrize("to", ["", "no address", "a@b\r\nBcc: x@y", "@example.jp", "a@"])
async def test_what_is_no_address_is_refused_for_good(box: tuple[Box, int], to: str) -> None:
    with pytest.raises(ChannelError) as error:
        await channel(box[1]).send(Message("m", to, "s", "t"))
    assert error.value.permanent


async def test_no_header_can_be_injected(box: tuple[Box, int]) -> None:
    handler, port = box
    message = Message(
        "m\r\nBcc: a@b",
        "sensei@example.jp",
        "件名\r\nBcc: a@b\n\nbody",
        "text",
        headers={"X-Step": "a\r\nBcc: c@d", "subject": "other"},
    )
    await channel(port).send(message)
    mail = handler.mails[0]
    assert mail["Bcc"] is None
    assert mail["Subject"] == "件名 Bcc: a@b body"
    assert mail["X-Step"] == "a Bcc: c@d"


async def test_it_logs_in_where_a_user_is_set() -> None:
    handler = Box()
    seen: list[Any] = []

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        seen.append((mechanism, data.login, data.password))
        return AuthResult(success=data.password == b"secret")

    server = Controller(handler, hostname="127.0.0.1", port=free_port(), authenticator=check, auth_require_tls=False)
    server.start()
    try:
        await channel(server.port, user="hinomi", password="secret").send(MESSAGE)
        with pytest.raises(ChannelError) as error:
            await channel(server.port, user="hinomi", password="wrong").send(MESSAGE)
    finally:
        server.stop()
    assert len(handler.mails) == 1
    assert not error.value.permanent
    assert "secret" not in str(error.value)


async def test_starttls_is_demanded_where_set(box: tuple[Box, int]) -> None:
    with pytest.raises(ChannelError, match="STARTTLS") as error:
        await channel(box[1], tls="starttls").send(MESSAGE)
    assert not error.value.permanent
    assert box[0].mails == []


def test_without_a_server_there_is_no_channel() -> None:
    assert channels.get("mail")(Settings()) is None
