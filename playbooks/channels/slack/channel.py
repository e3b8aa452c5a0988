"""Slack: one message an incident with the buttons that count, what happens in its thread.

Web API https://docs.slack.dev/apis/web-api/ through slack-sdk, which is imported at the first call. A message a second
a channel (https://docs.slack.dev/apis/web-api/rate-limits); 429 is taken at its word.
"""

import asyncio
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from hinomi.playbooks.channels import Card, ChannelError, Message, channels, room_settings
from hinomi.playbooks.channels.slack import blocks

if TYPE_CHECKING:
    from slack_sdk import WebClient

TIMEOUT = 10
PACE = 1.0
LONGEST_PAUSE = 3.0
"""A pause that is slept through; a longer one is said, so that others are carried out meanwhile."""
PASSING = ("ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout")
"""Errors that say nothing about the next try (https://docs.slack.dev/reference/methods/chat.postMessage#errors)."""
WINDOW = 300


class SlackSettings(room_settings.RoomSettings):
    """``[channels.slack]``."""

    token: str = Field(min_length=1, repr=False, description="Bot token (xoxb-…) with the scope chat:write.")
    signing_secret: str = Field(
        default="", repr=False, description="Signing secret of clicks that come to /slack/interactions."
    )
    app_token: str = Field(
        default="", repr=False,
        description="App-level token (xapp-…) with the scope connections:write: clicks come over Socket Mode, no address is needed.",
    )  # fmt: skip
    channel: str = Field(min_length=1, description="Id of the channel (C…) that is told.")
    base_url: str = Field(default="https://slack.com/api/", description="Address of the Web API.")

    @field_validator("base_url")
    @classmethod
    def _is_private(cls, value: str) -> str:
        return room_settings.private(value).rstrip("/") + "/"


class SlackChannel:
    """One channel of one workspace."""

    name = "slack"

    def __init__(self, settings: SlackSettings):
        """Take the settings; nothing is asked of Slack yet."""
        self.settings = settings
        self.answers = bool(settings.signing_secret or settings.app_token)
        self._client: WebClient | None = None
        self._not_before = 0.0
        self._shown: dict[str, list[dict[str, Any]]] = {}

    async def show(self, card: Card, place: str) -> str:
        """Post a card, or update the one at ``place`` if it says something else by now; return where it is."""
        what = blocks.of_card(card, buttons=self.answers)
        if place and self._shown.get(place) == what:
            return place
        channel, _, ts = place.partition("/")
        said = {"text": blocks.inert(card.title), "blocks": what}
        try:
            answer = (
                await self._paced("chat.update", channel=channel, ts=ts, **said)
                if ts
                else await self._paced("chat.postMessage", channel=self.settings.channel, **said, **blocks.QUIET)
            )
        except ChannelError as error:
            if not ts or "message_not_found" not in str(error):
                raise
            return await self.show(card, "")  # somebody has deleted it
        place = f"{answer['channel']}/{answer['ts']}"
        self._shown[place] = what
        return place

    async def add(self, place: str, message: Message) -> str:
        """Reply in the thread of a card; return the reply's place."""
        channel, _, ts = place.partition("/")
        text = f"*{blocks.inert(message.subject)}*\n{blocks.inert(message.text)}"[: blocks.LONGEST_TEXT]
        answer = await self._paced("chat.postMessage", channel=channel, thread_ts=ts, text=text, **blocks.QUIET)
        return f"{answer['channel']}/{answer['ts']}"

    async def whisper(self, channel: str, user: str, text: str) -> None:
        """Say something to one member alone, as an answer to their click."""
        await self._call("chat.postEphemeral", channel=channel, user=user, text=blocks.inert(text))

    async def who(self) -> str:
        """Return which workspace and bot the token is for."""
        answer = await self._call("auth.test")
        return f"{answer.get('team')} as {answer.get('user')}"

    def signed(self, body: bytes, timestamp: str, signature: str, now: datetime) -> bool:
        """Tell whether Slack has signed a request, at most five minutes ago."""
        from slack_sdk.signature import SignatureVerifier

        if not self.settings.signing_secret or not timestamp.isdecimal() or not signature.isascii():
            return False
        if abs(now.timestamp() - int(timestamp)) > WINDOW:
            return False
        expected = SignatureVerifier(self.settings.signing_secret).generate_signature(timestamp=timestamp, body=body)
        return expected is not None and blocks.same(expected, signature)

    async def close(self) -> None:
        """Hold nothing open."""

    async def _paced(self, method: str, **said: Any) -> Any:
        """Call when the channel may have another message."""
        pause = self._not_before - time.monotonic()
        if pause > LONGEST_PAUSE:
            raise ChannelError("Slack has asked for a pause", after=pause)
        self._not_before = max(time.monotonic(), self._not_before) + PACE
        if pause > 0:
            await asyncio.sleep(pause)
        try:
            return await self._call(method, **said)
        except ChannelError as error:
            if error.after is not None:
                self._not_before = time.monotonic() + error.after
            raise

    async def _call(self, method: str, **said: Any) -> Any:
        from slack_sdk import WebClient
        from slack_sdk.errors import SlackApiError, SlackClientError

        if self._client is None:
            s = self.settings
            self._client = WebClient(s.token, base_url=s.base_url, timeout=TIMEOUT, retry_handlers=[])
        try:
            return (await asyncio.to_thread(self._client.api_call, method, json=said)).data
        except SlackApiError as error:
            raise _refusal(method, error.response) from error
        except (SlackClientError, OSError, ValueError) as error:
            raise ChannelError(f"{method}: {type(error).__name__}: {error}") from error


def _refusal(method: str, response: Any) -> ChannelError:
    """Return what an error of the Web API means for who has sent."""
    data = response.data if isinstance(response.data, dict) else {}
    why = str(data.get("error") or f"status {response.status_code}")
    if response.status_code == 429:
        headers = {name.lower(): value for name, value in response.headers.items()}
        wait = str(headers.get("retry-after", "1"))
        return ChannelError(f"{method}: {why}", after=float(wait) if wait.isdecimal() else PACE)
    return ChannelError(f"{method}: {why}", permanent=response.status_code < 500 and why not in PASSING)


channels.register("slack")(room_settings.RoomType("slack", SlackSettings, lambda own, _: SlackChannel(own)))
