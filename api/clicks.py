"""Clicks in Slack, however they come: read, counted once for the person of the directory whose account it is.

Format: https://docs.slack.dev/reference/interaction-payloads/block_actions-payload. Why a click did not count is whispered
to whoever clicked.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hinomi import audit, log
from hinomi.api.deps import Deps
from hinomi.errors import ConfigError, HinomiError
from hinomi.playbooks.channels import ChannelError
from hinomi.playbooks.channels.slack.channel import SlackChannel
from hinomi.playbooks.engine.answers import ReplayError


class Click(NamedTuple):
    """What a click says: whose it is, where, on what, and its own number."""

    user: str
    channel: str
    value: str
    nonce: str


def read(payload: Mapping[str, Any], nonce: str) -> Click | None:
    """Return the click of an interaction; None if it is something else (a link was opened, a dialog closed).

    Raises:
        ConfigError: If it cannot be read.
    """
    try:
        if payload["type"] != "block_actions":
            return None
        action = payload["actions"][0]
        value = action["selected_option"]["value"] if "selected_option" in action else action["value"]
        channel = payload.get("channel", {}).get("id", "")
        click = Click(payload["user"]["id"], channel, value, payload.get("trigger_id") or nonce)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ConfigError("not an interaction of Slack") from error
    if not all(isinstance(part, str) for part in click):
        raise ConfigError("not an interaction of Slack")
    return click


def count(deps: Deps, click: Click) -> str:
    """Count a click; return why it did not count, empty if it did.

    Raises:
        ReplayError: If this very click was answered before.
    """
    try:
        with deps.state.write() as conn:
            deps.engine.answer(conn, f"slack:{click.user}", click.value, click.nonce, deps.clock.now())
    except ReplayError:
        raise
    except HinomiError as error:
        detail = {"via": "slack", "why": error.message}
        with deps.state.write() as conn:
            audit.record(conn, deps.clock.now(), actor=f"slack:{click.user}"[:64], act="answer.refused", detail=detail)
        return error.message
    deps.poke()
    return ""


async def whisper(room: SlackChannel, click: Click, text: str) -> None:
    """Tell whoever clicked why it did not count."""
    try:
        await room.whisper(click.channel, click.user, text)
    except ChannelError as error:
        log.get().warning("slack.not_whispered", error=str(error))
