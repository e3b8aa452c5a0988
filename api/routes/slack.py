"""Clicks in Slack: signed by it, counted once, for the person of the directory whose account it is.

Format: https://docs.slack.dev/reference/interaction-payloads/block_actions-payload, signed as in
https://docs.slack.dev/authentication/verifying-requests-from-slack. Slack shows a warning unless it gets 200 within
three seconds, so why a click did not count is whispered to whoever clicked.
"""

import json
from typing import Annotated, NamedTuple
from urllib.parse import parse_qs

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from fastapi.responses import Response

from hinomi import audit, log
from hinomi.api.auth import Parts
from hinomi.errors import AuthError, ConfigError, HinomiError, NotFoundError
from hinomi.playbooks.channels import ChannelError
from hinomi.playbooks.channels.slack.channel import SlackChannel
from hinomi.playbooks.engine.answers import ReplayError

router = APIRouter(include_in_schema=False)
MOST_BYTES = 256 * 1024


class Click(NamedTuple):
    """What a click says: whose it is, where, on what, and its own number."""

    user: str
    channel: str
    value: str
    nonce: str


async def raw_body(request: Request) -> bytes:
    """Return the bytes that were signed.

    Raises:
        ConfigError: If there are too many.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise ConfigError("too large for a click")
    return bytes(body)


def read_click(body: bytes, signature: str) -> Click | None:
    """Return the click of a signed body; None if it is something else (a link was opened, a dialog closed).

    Raises:
        ConfigError: If it cannot be read.
    """
    try:
        payload = json.loads(parse_qs(body.decode())["payload"][0])
        if payload["type"] != "block_actions":
            return None
        action = payload["actions"][0]
        value = action["selected_option"]["value"] if "selected_option" in action else action["value"]
        channel = payload.get("channel", {}).get("id", "")
        click = Click(payload["user"]["id"], channel, value, payload.get("trigger_id") or signature)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ConfigError("not an interaction of Slack") from error
    if not all(isinstance(part, str) for part in click):
        raise ConfigError("not an interaction of Slack")
    return click


@router.post("/slack/interactions")
def interact(
    request: Request, parts: Parts, body: Annotated[bytes, Depends(raw_body)], after: BackgroundTasks
) -> Response:
    """Count a click."""
    room = parts.engine.channels.get("slack")
    if not isinstance(room, SlackChannel) or not room.answers:
        raise NotFoundError("Slack is not set up", hint="[channels.slack] signing_secret")
    signature = request.headers.get("x-slack-signature", "")
    timestamp = request.headers.get("x-slack-request-timestamp", "")
    if not room.signed(body, timestamp, signature, parts.clock.now()):
        raise AuthError("the request is not signed by Slack, or older than five minutes")
    click = read_click(body, signature)
    if click is None:
        return Response(status_code=200)
    try:
        with parts.state.write() as conn:
            parts.engine.answer(conn, f"slack:{click.user}", click.value, click.nonce, parts.clock.now())
    except ReplayError:
        raise
    except HinomiError as error:
        _refused(parts, click, error)
        after.add_task(_whisper, room, click, error.message)
    else:
        parts.poke()
    return Response(status_code=200)


def _refused(parts: Parts, click: Click, error: HinomiError) -> None:
    """Keep that somebody clicked and it did not count."""
    detail = {"via": "slack", "why": error.message}
    with parts.state.write() as conn:
        audit.record(conn, parts.clock.now(), actor=f"slack:{click.user}"[:64], act="answer.refused", detail=detail)


async def _whisper(room: SlackChannel, click: Click, text: str) -> None:
    try:
        await room.whisper(click.channel, click.user, text)
    except ChannelError as error:
        log.get().warning("slack.not_whispered", error=str(error))
