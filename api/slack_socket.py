"""Slack's Socket Mode: clicks come over a connection that goes out, so that nothing has to be reachable from outside.

Page: https://docs.slack.dev/apis/events-api/using-socket-mode/, spoken by slack-sdk's own client, which needs nothing beside
it. That client keeps the connection alive and takes a new one when Slack asks for it. A click that is not acknowledged
within three seconds shows its member a warning, so it is acknowledged once it is counted, or refused.
"""

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from hinomi import log
from hinomi.api import clicks
from hinomi.api.deps import Deps
from hinomi.errors import ConfigError, HinomiError
from hinomi.playbooks.channels.slack.channel import SlackChannel, SlackSettings
from hinomi.playbooks.engine.answers import ReplayError
from hinomi.settings import LOOPBACK

if TYPE_CHECKING:
    from slack_sdk.socket_mode.builtin import SocketModeClient
    from slack_sdk.socket_mode.client import BaseSocketModeClient
    from slack_sdk.socket_mode.request import SocketModeRequest

PING = 3.0
"""Seconds between two looks whether the connection lives."""
RETRY = 10.0
"""Seconds between two tries to connect for the first time."""


def listen(deps: Deps) -> "Listener | None":
    """Begin to listen for clicks, if Slack is set up for it."""
    room = deps.engine.channels.get("slack")
    if not isinstance(room, SlackChannel) or not room.settings.app_token:
        return None
    return Listener(deps, room)


class Noticing:
    """A socket that says when the other end has gone: slack-sdk's client takes the end for silence, and reads it for ever."""

    def __init__(self, inner: Any):
        self._inner = inner

    def recv(self, size: int) -> bytes:
        """Receive; the end is an error."""
        if not (data := self._inner.recv(size)):
            raise ConnectionError("Slack has closed the connection")
        return bytes(data)

    def __getattr__(self, name: str) -> Any:
        """Do everything else as it does."""
        return getattr(self._inner, name)


class Listener:
    """The connection, and who counts what comes over it."""

    def __init__(self, deps: Deps, room: SlackChannel):
        self._deps, self._room, self._stop = deps, room, threading.Event()
        self._client = _client(room.settings)
        self._client.socket_mode_request_listeners.append(self._take)
        self._thread = threading.Thread(target=self._connect, name="slack-socket", daemon=True)
        self._thread.start()

    def _connect(self) -> None:
        """Connect for the first time; from then on the client sees to it."""
        from slack_sdk.errors import SlackClientError

        while not self._stop.is_set():
            try:
                self._client.connect_to_new_endpoint()
                if self._client.is_connected():
                    log.get().info("slack.socket_open")
                    return
                log.get().error("slack.socket_not_open", error="no connection", again_in=RETRY)
            except (SlackClientError, HinomiError, OSError, ValueError) as error:
                log.get().error("slack.socket_not_open", error=str(error), again_in=RETRY)
            self._stop.wait(RETRY)

    def _take(self, client: "BaseSocketModeClient", request: "SocketModeRequest") -> None:
        from slack_sdk.socket_mode.response import SocketModeResponse

        try:
            self._count(request)
        except SQLAlchemyError as error:  # not counted: its member is to see that, and to click again
            log.get().error("slack.not_counted", error=str(error))
        else:
            client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))

    def _count(self, request: "SocketModeRequest") -> None:
        if request.type != "interactive":
            return
        try:
            click = clicks.read(request.payload, request.envelope_id)
            if click is not None and (refused := clicks.count(self._deps, click)):
                threading.Thread(target=asyncio.run, args=(clicks.whisper(self._room, click, refused),)).start()
        except ReplayError:
            log.get().warning("slack.replayed")
        except ConfigError as error:
            log.get().warning("slack.not_read", error=str(error))

    def close(self) -> None:
        """Let go of the connection."""
        self._stop.set()
        self._client.close()


def _client(settings: SlackSettings) -> "SocketModeClient":
    """Return slack-sdk's client, which speaks TLS on port 443 alone: any other address is refused but this machine's."""
    from slack_sdk import WebClient
    from slack_sdk.socket_mode.builtin import SocketModeClient

    class Client(SocketModeClient):
        def issue_new_wss_url(self) -> str:
            url = super().issue_new_wss_url()
            parts = urlsplit(url)
            sealed = parts.scheme == "wss" and parts.port in (None, 443)
            if not sealed and parts.hostname not in LOOPBACK:
                raise ConfigError("Slack's Socket Mode gave an address that is not wss:// on port 443")
            return url

        def connect(self) -> None:
            super().connect()
            session = self.current_session
            if session is not None and session.sock is not None:
                session.sock = Noticing(session.sock)  # type: ignore[assignment]  # it does all that a socket does

    quiet = logging.getLogger("hinomi.slack")
    quiet.setLevel(logging.CRITICAL)  # it would log addresses that open a connection
    web = WebClient(base_url=settings.base_url, timeout=10, retry_handlers=[])
    return Client(settings.app_token, logger=quiet, web_client=web, concurrency=2, ping_interval=PING)
