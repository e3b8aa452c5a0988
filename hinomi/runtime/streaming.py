"""A command without a server whose answer comes line by line: the same application beside it, waiting for its reader."""

import asyncio
import json
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hinomi.api.app import create_app
from hinomi.api.auth import local_caller
from hinomi.audit import head
from hinomi.audit.seals import Seals
from hinomi.runtime.parts import build_core, build_deps
from hinomi.settings import load_settings


def stream(config: Path, user: str, target: str, body: dict[str, Any]) -> Iterator[tuple[int, bytes]]:
    """Yield (status, line) of an answer that comes line by line."""
    core = build_core(load_settings(config))
    with core.state.read() as conn:
        before = head(conn)
    app = create_app(build_deps(core), local=local_caller(user))
    parts: queue.Queue[tuple[int, bytes] | BaseException | None] = queue.Queue(maxsize=16)
    thread = threading.Thread(target=asyncio.run, args=(_into(parts, app, target, body),), daemon=True)
    thread.start()
    status, rest = 0, b""
    try:
        while (part := parts.get()) is not None:
            if isinstance(part, BaseException):
                raise part
            status = part[0]
            *lines, rest = (rest + part[1]).split(b"\n")
            yield from ((status, line) for line in lines)
        if rest:
            yield status, rest
    finally:
        with core.state.read() as conn:
            after = head(conn)
        if after != before:  # what was only found is not vouched for
            Seals(core.settings.data).write(after, core.clock.now())


async def _into(parts: "queue.Queue[Any]", app: Any, target: str, body: dict[str, Any]) -> None:
    """Speak ASGI to the application, as a server would; httpx's own transport keeps a whole answer in memory."""
    content = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http", "path": target,
             "raw_path": target.encode(), "query_string": b"", "headers": headers, "server": ("local", 80), "client": None}  # fmt: skip
    asked, status = False, 0

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()  # nobody hangs up
        asked = True
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)
        if message.get("body"):
            await asyncio.to_thread(parts.put, (status, message["body"]))

    try:
        await app(scope, receive, send)
        parts.put(None)
    except BaseException as error:  # whatever it is: without a last part the reader waits for ever
        parts.put(error)
        raise
