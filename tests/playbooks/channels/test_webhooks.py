"""Teams and Google Chat: what is posted, read back by a server on loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from hinomi.playbooks.channels import Card, ChannelError, Message, channels
from hinomi.settings import Settings

pytestmark = pytest.mark.anyio
MESSAGE = Message("m1", "", "【取扱注意】承認をお願いします", "本文 [click](http://evil.test) <users/all>\n二行目")


class Hook(ThreadingHTTPServer):
    """Takes posts; answers as told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posts: list[tuple[str, Any]] = []
        self.answer: tuple[int, dict[str, str]] = (200, {})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?sig=s3cret"


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, json.loads(body)))
        status, headers = self.server.answer
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    thread = threading.Thread(target=made.serve_forever, args=(0.05,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def room(name: str, hook: Hook) -> Any:
    return channels.get(name)(Settings(channels={name: {"url": hook.url, "roles": ["operator"]}}))


async def test_teams_gets_an_adaptive_card(hook: Hook) -> None:
    teams = room("teams", hook)
    await teams.add(await teams.show(Card("事案 12"), ""), MESSAGE)
    ((path, body),) = hook.posts
    assert path == "/hook?sig=s3cret"
    (attachment,) = body["attachments"]
    assert (body["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    title, text = attachment["content"]["body"]
    assert (title["text"], attachment["content"]["version"]) == (MESSAGE.subject, "1.4")
    assert "](" not in text["text"]
    assert attachment["content"]["actions"][0]["url"] == "http://127.0.0.1:8400"


async def test_google_chat_gets_a_text_in_the_incidents_thread(hook: Hook) -> None:
    chat = room("google_chat", hook)
    place = await chat.show(Card("事案 12"), "")
    await chat.add(place, MESSAGE)
    await chat.add(await chat.show(Card("事案 12（更新）"), place), MESSAGE)
    assert [body["thread"]["threadKey"] for _, body in hook.posts] == ["事案 12"] * 2
    path, body = hook.posts[0]
    assert "messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD" in path
    assert "sig=s3cret" in path
    assert MESSAGE.subject in body["text"]
    assert "<users/all>" not in body["text"]


@pytest.mark.parametrize("name", ["teams", "google_chat"])
async def test_refusals_say_whether_they_pass_and_never_the_address(hook: Hook, name: str) -> None:
    for answer, permanent, after in (
        ((429, {"Retry-After": "7"}), False, 7.0), ((503, {}), False, None), ((404, {}), True, None),
    ):  # fmt: skip
        hook.answer = answer
        with pytest.raises(ChannelError) as refused:
            await room(name, hook).add("x", MESSAGE)
        assert (refused.value.permanent, refused.value.after) == (permanent, after)
        assert "s3cret" not in str(refused.value)
