"""The simulator's journal: every request as it was received, in memory and as JSON lines.

A line: {"received_ns", "answered_ns", "method", "path", "query", "body", "status", "action", "shown", "error"};
``received_ns`` is the wall clock before the request is looked at, ``status`` null where no answer was given,
``action`` the action that was taken on, ``shown`` the statuses of actions that the answer told.
"""

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST = 65_536
SECRET = ("client_secret", "client_assertion")


class Journal:
    """Appends, flushes each line, and remembers all of them."""

    def __init__(self, path: Path):
        self.entries: list[dict[str, Any]] = []
        self._file = path.open("a", encoding="utf-8")

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, entry: dict[str, Any]) -> None:
        """Keep one line."""
        self.entries.append(entry)
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._file.flush()

    def unanswered(self, request: Request) -> None:
        """Keep a request now, whose answer is withheld."""
        entry = request.state.entry
        entry["action"] = getattr(request.state, "action", None)
        entry["held"] = True
        self.write(dict(entry))

    def kept(self, app: ASGIApp) -> ASGIApp:
        """Return the application with a line for every request."""

        async def keeping(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            entry = _entry(scope)
            scope.setdefault("state", {})["entry"] = entry
            body, answer = bytearray(), bytearray()

            async def reading() -> Message:
                message = await receive()
                if message["type"] == "http.request" and len(body) < LONGEST:
                    body.extend(message.get("body", b""))
                    entry["body"] = _shown(bytes(body))
                return message

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    entry["status"], entry["answered_ns"] = message["status"], time.time_ns()
                elif len(answer) < LONGEST:
                    answer.extend(message.get("body", b""))
                if message["type"] == "http.response.body" and not message.get("more_body"):
                    self._finish(entry, scope["state"], bytes(answer))
                await send(message)

            await app(scope, reading, sending)

        return keeping

    def _finish(self, entry: dict[str, Any], state: dict[str, Any], answer: bytes) -> None:
        if entry.get("held"):
            return
        for name in ("action", "shown"):
            if name in state:
                entry[name] = state[name]
        if entry["status"] >= 400:
            try:
                told = json.loads(answer)
                entry["error"] = told["error"] if "error" in told else told["errors"]
            except (ValueError, KeyError, TypeError):
                entry["error"] = answer.decode("utf-8", "replace")
        self.write(entry)


def _entry(scope: Scope) -> dict[str, Any]:
    return {
        "received_ns": time.time_ns(),
        "answered_ns": None,
        "method": scope["method"],
        "path": scope["path"],
        "query": unquote(scope["query_string"].decode("latin-1")),
        "body": None,
        "status": None,
    }


def _shown(body: bytes) -> Any:
    """Return a body as JSON, as a form without its secrets, or as text."""
    try:
        return json.loads(body)
    except ValueError:
        text = body.decode("utf-8", "replace")
    form = {name: values[0] for name, values in parse_qs(text).items()}
    return {name: "…" if name in SECRET else value for name, value in form.items()} if "grant_type" in form else text
