"""Commands without a server: the same application in this process, then the engine until it has settled."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from hinomi.api.app import create_app
from hinomi.api.auth import local_caller
from hinomi.audit import Head, head
from hinomi.audit.seals import Seals
from hinomi.playbooks.engine.outbox import Executor
from hinomi.runtime.parts import Core, build_core, build_deps, owner_of
from hinomi.settings import load_settings
from hinomi.state import t

SETTLE = 60.0
"""Longest time in seconds that a command drives the engine."""

#: Routes whose acts have effects outside: the engine is driven until they are verified, waiting or timed out.
_EFFECTS = ("/hosts/", "/approvals/", "/decisions/", "/runs/", "/receipts/", "/reports/", "/incidents")


@dataclass(frozen=True)
class Answer:
    """What the application answered."""

    status: int
    content: bytes


async def answer(
    config: Path, user: str, method: str, target: str, body: dict[str, Any] | None, driving: Callable[[], None]
) -> Answer:
    """Ask the application in this process, and carry out what it was asked for; ``driving`` is told when that begins."""
    settings = load_settings(config)
    core = build_core(settings)
    before = _head(core)
    app = create_app(build_deps(core), local=local_caller(user))
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://local") as client:
        content = json.dumps(body).encode() if body is not None else None
        response = await client.request(method, target, content=content, headers={"content-type": "application/json"})
    if method != "GET" and response.status_code < 400 and any(part in target for part in _EFFECTS):
        await _drive(core, driving)
    for adapter in core.engine.adapters.values():
        await adapter.close()
    after = _head(core)
    if after is not None and after != before:  # what this command did; what it only found is not vouched for
        Seals(settings.data).write(after, core.clock.now())
    core.state.close()
    return Answer(response.status_code, response.content)


def _head(core: Core) -> Head | None:
    """Return the chain's head; None if the database is too damaged to say."""
    try:
        with core.state.read() as conn:
            return head(conn)
    except DBAPIError:
        return None


def _open_effects(core: Core) -> int:
    with core.state.read() as conn:
        asked = select(func.count()).where(t.outbox.c.state.in_(["waiting", "leased"]))
        return int(conn.execute(asked).scalar_one())


async def _drive(core: Core, driving: Callable[[], None]) -> None:
    """Run due effects until none is due soon."""
    executor = Executor(core.state, core.engine, core.clock, owner=owner_of(core.settings))
    deadline = time.monotonic() + SETTLE
    if _open_effects(core):
        driving()
    while time.monotonic() < deadline:
        wait = await executor.run_due()
        with core.state.write() as conn:
            core.engine.tick(conn, core.clock.now())
        if not _open_effects(core) or wait is None or wait > 5.0:
            break
        await asyncio.sleep(min(wait, 1.0))
