"""Slack's Web API, simulated: a real HTTP server on loopback, written from Slack's pages and not from the channel.

``python -m hinomi.playbooks.channels.slack.simulator --journal FILE --token … --signing-secret … --interactions URL``
prints one JSON line {"port", "control_port"} when ready. Web API: https://docs.slack.dev/apis/web-api/ (auth.test,
chat.postMessage, chat.update, chat.postEphemeral; a message a second a channel with short bursts, then 429). Second
port, with its own secret, for those who play the members: POST /click {user, label}, /replay, /faults, /refresh, /drop;
GET /journal, /state. With ``--app-token`` the app is in Socket Mode: clicks go over its connection.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import secrets
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from hinomi.playbooks.channels.slack.simulator_socket import Sockets

BURST = 4
LIMITS = {"header": 150, "button": 75, "option": 75}
MOST_BLOCKS, MOST_OPTIONS, BUTTON_VALUE, OPTION_VALUE = 50, 5, 2000, 150
Said = dict[str, Any]


class ApiError(Exception):
    """An answer with ``ok: false``."""


class Workspace:
    """One workspace with one app in it: its messages, its limits, its journal."""

    def __init__(self, args: argparse.Namespace):
        self.args = args
        self.messages: dict[tuple[str, str], Said] = {}
        self.whispers: list[Said] = []
        self.faults: list[Said] = []
        self.journal: list[Said] = []
        self.clicks: list[tuple[Said, bytes, dict[str, str]]] = []
        self.sockets = Sockets()
        self._spent: dict[str, list[float]] = {}
        self._count = 0

    # --- the Web API ---------------------------------------------------------------------------------

    async def call(self, request: Request) -> Response:
        """Answer one method, and keep it in the journal."""
        method = request.path_params["method"]
        body = await request.body()
        form = {k: v[0] for k, v in parse_qs(body.decode()).items()} if b"=" in body and body[:1] != b"{" else {}
        said: Said = form or json.loads(body or b"{}")
        entry: Said = {"received_ns": time.time_ns(), "method": method, "body": said}
        response = self._answer(request, method, said)
        entry |= {"status": response.status_code, "answer": json.loads(bytes(response.body))}
        self._keep(entry)
        return response

    def _keep(self, entry: Said) -> None:
        self.journal.append(entry)
        with Path(self.args.journal).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def _answer(self, request: Request, method: str, said: Said) -> Response:
        if fault := self._fault(method):
            headers = {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else {}
            return JSONResponse(
                {"ok": False, "error": fault.get("error", "ratelimited")}, fault.get("status", 200), headers
            )
        methods: dict[str, Callable[[Said], Said]] = {
            "auth.test": self.auth_test, "chat.postMessage": self.post, "chat.update": self.update,
            "chat.postEphemeral": self.whisper, "apps.connections.open": self.connect,
        }  # fmt: skip
        token = self.args.app_token if method == "apps.connections.open" else self.args.token
        if not token or request.headers.get("authorization") != f"Bearer {token}":
            return JSONResponse({"ok": False, "error": "invalid_auth"})
        if method not in methods:
            return JSONResponse({"ok": False, "error": "unknown_method"})
        if method == "chat.postMessage" and not self._may_post(str(said.get("channel"))):
            return JSONResponse({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "1"})
        try:
            return JSONResponse({"ok": True, **methods[method](said)})
        except ApiError as error:
            return JSONResponse({"ok": False, "error": str(error)})

    def _fault(self, method: str) -> Said | None:
        for fault in self.faults:
            if fault.get("method", method) != method or fault.get("times", 1) <= 0:
                continue
            fault["skip"] = fault.get("skip", 0) - 1
            if fault["skip"] < 0:
                fault["times"] = fault.get("times", 1) - 1
                return fault
        return None

    def _may_post(self, channel: str) -> bool:
        now = time.monotonic()
        spent = [moment for moment in self._spent.get(channel, []) if moment > now - BURST]
        self._spent[channel] = spent
        if len(spent) > BURST:
            return False
        spent.append(now)
        return True

    def auth_test(self, _: Said) -> Said:
        """Say whose the token is."""
        return {"url": "https://sim.slack.test/", "team": "sim", "user": "hinomi", "team_id": "T1", "user_id": "U0BOT"}

    def connect(self, _: Said) -> Said:
        """Give an address for Socket Mode."""
        return {"url": self.sockets.ticket()}

    def post(self, said: Said) -> Said:
        """Post a message, or a reply in a thread."""
        channel = self._channel(said)
        if said.get("thread_ts") and (channel, said["thread_ts"]) not in self.messages:
            raise ApiError("thread_not_found")
        self._check(said)
        self._count += 1
        ts = f"{int(time.time())}.{self._count:06d}"
        self.messages[channel, ts] = {**said, "ts": ts, "channel": channel}
        return {"channel": channel, "ts": ts, "message": {"text": said.get("text", ""), "ts": ts}}

    def update(self, said: Said) -> Said:
        """Change a message that this app has posted."""
        channel = self._channel(said)
        if (channel, said.get("ts")) not in self.messages:
            raise ApiError("message_not_found")
        self._check(said)
        self.messages[channel, said["ts"]] |= {**said, "edited": True}
        return {"channel": channel, "ts": said["ts"], "text": said.get("text", "")}

    def whisper(self, said: Said) -> Said:
        """Show something to one member."""
        self._channel(said)
        if not said.get("user"):
            raise ApiError("user_not_in_channel")
        self.whispers.append(said)
        return {"message_ts": f"{int(time.time())}.999999"}

    def _channel(self, said: Said) -> str:
        if said.get("channel") != self.args.channel:
            raise ApiError("channel_not_found")
        return str(said["channel"])

    def _check(self, said: Said) -> None:
        blocks = said.get("blocks", [])
        if not said.get("text") and not blocks:
            raise ApiError("no_text")
        ids = [element.get("action_id") for element in elements(blocks)]
        fits = len(blocks) <= MOST_BLOCKS and len(ids) == len(set(ids)) and all(map(_block_fits, blocks))
        if not fits:
            raise ApiError("invalid_blocks")

    # --- its members ---------------------------------------------------------------------------------

    async def click(self, request: Request) -> Response:
        """A member clicks the newest button (or menu entry) whose text begins with ``label``.

        ``age`` seconds old, signed with another ``secret``, if that is asked for.
        """
        wish = await request.json()
        found = self._button(wish["label"])
        if found is None:
            return JSONResponse({"error": f"no button {wish['label']!r}"}, 404)
        message, action = found
        payload = {
            "type": "block_actions", "team": {"id": "T1"}, "user": {"id": wish["user"], "team_id": "T1"},
            "channel": {"id": message["channel"]}, "message": {"ts": message["ts"]}, "actions": [action],
            "container": {"type": "message", "message_ts": message["ts"], "channel_id": message["channel"]},
            "trigger_id": f"{time.time_ns()}.{secrets.token_hex(8)}", "response_url": "https://hooks.slack.test/none",
        }  # fmt: skip
        body = urlencode({"payload": json.dumps(payload)}).encode()
        headers = self._signed(body, int(time.time()) - int(wish.get("age", 0)), wish.get("secret"))
        self.clicks.append((payload, body, headers))
        return await self._deliver(payload, body, headers)

    async def replay(self, _: Request) -> Response:
        """Somebody who has overheard the last click sends it again, byte for byte."""
        return await self._deliver(*self.clicks[-1])

    def _button(self, label: str) -> tuple[Said, Said] | None:
        for message in reversed(self.messages.values()):
            for element in elements(message.get("blocks", [])):
                common = {"action_id": element["action_id"], "block_id": "b", "type": element["type"]}
                if element["type"] == "button" and element["text"]["text"].startswith(label):
                    return message, {**common, "value": element["value"], "action_ts": str(time.time())}
                for option in element.get("options", ()):
                    if option["text"]["text"].startswith(label):
                        return message, {**common, "selected_option": option, "action_ts": str(time.time())}
        return None

    def _signed(self, body: bytes, stamp: int, secret: str | None) -> dict[str, str]:
        key = (secret or self.args.signing_secret).encode()
        digest = hmac.new(key, b"v0:%d:%s" % (stamp, body), hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/x-www-form-urlencoded", "X-Slack-Request-Timestamp": str(stamp),
            "X-Slack-Signature": f"v0={digest}",
        }  # fmt: skip

    async def _deliver(self, payload: Said, body: bytes, headers: dict[str, str]) -> Response:
        if self.args.app_token:
            acknowledged = await self.sockets.deliver(payload)
            return JSONResponse({"status": 200 if acknowledged else 504, "body": ""})
        async with httpx2.AsyncClient(timeout=30) as client:
            answer = await client.post(self.args.interactions, content=body, headers=headers)
        return JSONResponse({"status": answer.status_code, "body": answer.text})

    # --- those who look on ---------------------------------------------------------------------------

    async def set_faults(self, request: Request) -> Response:
        """Have the next ``times`` calls (of a ``method``, after ``skip``) answered with a ``status``, ``error``, ``retry_after``."""
        if request.method == "DELETE":
            self.faults.clear()
        else:
            self.faults.append(await request.json())
        return JSONResponse(self.faults)

    async def read_journal(self, _: Request) -> Response:
        """Return every call."""
        return JSONResponse({"entries": self.journal})

    async def state(self, _: Request) -> Response:
        """Return what the channel shows now, and what was whispered."""
        sockets = {"connected": self.sockets.connected, "opened": self.sockets.opened}
        return JSONResponse({"messages": list(self.messages.values()), "whispers": self.whispers, "sockets": sockets})

    async def refresh(self, _: Request) -> Response:
        """Slack wants its connections anew."""
        await self.sockets.refresh()
        return JSONResponse({})

    async def drop(self, _: Request) -> Response:
        """The network cuts its connections."""
        self.sockets.drop()
        return JSONResponse({})


def elements(blocks: list[Said]) -> Iterator[Said]:
    """Yield what can be clicked."""
    for block in blocks:
        if block.get("type") == "actions":
            yield from block.get("elements", ())


def _block_fits(block: Said) -> bool:
    if block.get("type") == "header":
        return 0 < len(block["text"]["text"]) <= LIMITS["header"] and block["text"]["type"] == "plain_text"
    if block.get("type") != "actions":
        return block.get("type") in ("section", "context", "divider")
    return 0 < len(block["elements"]) <= 25 and all(map(_element_fits, block["elements"]))


def _element_fits(element: Said) -> bool:
    if element["type"] == "button":
        return len(element["text"]["text"]) <= LIMITS["button"] and len(element["value"]) <= BUTTON_VALUE
    options = element.get("options", ())
    fits = all(len(o["text"]["text"]) <= LIMITS["option"] and len(o["value"]) <= OPTION_VALUE for o in options)
    return element["type"] == "overflow" and 1 <= len(options) <= MOST_OPTIONS and fits


class Doors:
    """Both ports in one server: which one a request came through decides who answers."""

    def __init__(self, workspace: Workspace, control_port: int, secret: str):
        self._public = Starlette(routes=[Route("/api/{method}", workspace.call, methods=["POST", "GET"])])
        self._control = Starlette(
            routes=[
                Route("/click", workspace.click, methods=["POST"]),
                Route("/replay", workspace.replay, methods=["POST"]),
                Route("/refresh", workspace.refresh, methods=["POST"]),
                Route("/drop", workspace.drop, methods=["POST"]),
                Route("/faults", workspace.set_faults, methods=["POST", "DELETE"]),
                Route("/journal", workspace.read_journal),
                Route("/state", workspace.state),
            ]
        )
        self._port, self._secret = control_port, secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        app: ASGIApp | Callable[[Scope, Receive, Send], Awaitable[None]] = self._public
        if (scope.get("server") or ("", 0))[1] == self._port:
            given = dict(scope.get("headers", ())).get(b"authorization", b"")
            allowed = self._secret and secrets.compare_digest(given, f"Bearer {self._secret}".encode())
            app = self._control if allowed else JSONResponse({"error": "the control secret is missing or wrong"}, 401)
        await app(scope, receive, send)


def _listen(port: int) -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(("127.0.0.1", port))
    found.listen(128)
    return found


def main(argv: list[str] | None = None) -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="simulator", description="Slack's Web API, simulated on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--control-secret", default="")
    parser.add_argument("--token", required=True)
    parser.add_argument("--signing-secret", required=True)
    parser.add_argument("--app-token", default="", help="switches Socket Mode on")
    parser.add_argument("--channel", default="C1")
    parser.add_argument("--interactions", default="", help="address that clicks are sent to")
    parser.add_argument("--journal", required=True)
    args = parser.parse_args(argv)
    public, control = _listen(args.port), _listen(args.control_port)
    ports = {"port": public.getsockname()[1], "control_port": control.getsockname()[1]}
    workspace = Workspace(args)
    doors = Doors(workspace, ports["control_port"], args.control_secret)
    config = uvicorn.Config(doors, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    asyncio.run(_serve(workspace, uvicorn.Server(config), ports, [public, control]))


async def _serve(
    workspace: Workspace, server: uvicorn.Server, ports: dict[str, int], listening: list[socket.socket]
) -> None:
    async with await workspace.sockets.listen():
        sys.stdout.write(json.dumps(ports) + "\n")
        sys.stdout.flush()
        await server.serve(sockets=listening)


if __name__ == "__main__":
    main()
