"""Clicks in Slack that come to an address of ours, signed by it.

Signed as in https://docs.slack.dev/authentication/verifying-requests-from-slack. Slack shows a warning unless it gets 200
within three seconds, so why a click did not count is whispered afterwards.
"""

import json
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from fastapi.responses import Response

from hinomi.api import clicks
from hinomi.api.auth import Parts
from hinomi.errors import AuthError, ConfigError, NotFoundError
from hinomi.playbooks.channels.slack.channel import SlackChannel

router = APIRouter(include_in_schema=False)
MOST_BYTES = 256 * 1024


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


def payload_of(body: bytes) -> Any:
    """Return what a form of Slack carries.

    Raises:
        ConfigError: If it cannot be read.
    """
    try:
        return json.loads(parse_qs(body.decode())["payload"][0])
    except (ValueError, KeyError, IndexError) as error:
        raise ConfigError("not an interaction of Slack") from error


@router.post("/slack/interactions")
def interact(
    request: Request, parts: Parts, body: Annotated[bytes, Depends(raw_body)], after: BackgroundTasks
) -> Response:
    """Count a click."""
    room = parts.engine.channels.get("slack")
    if not isinstance(room, SlackChannel) or not room.settings.signing_secret:
        raise NotFoundError("Slack is not set up", hint="[channels.slack] signing_secret")
    signature = request.headers.get("x-slack-signature", "")
    timestamp = request.headers.get("x-slack-request-timestamp", "")
    if not room.signed(body, timestamp, signature, parts.clock.now()):
        raise AuthError("the request is not signed by Slack, or older than five minutes")
    click = clicks.read(payload_of(body), signature)
    if click is not None and (refused := clicks.count(parts, click)):
        after.add_task(clicks.whisper, room, click, refused)
    return Response(status_code=200)
