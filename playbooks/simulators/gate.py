"""What every request passes before a simulated product answers it: credentials, limits, faults."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hinomi.playbooks.simulators.faults import Faults

Endpoint = Callable[[Request], Awaitable[Response]]
HOUR, MINUTE = 3600.0, 60.0


class Refusal(Exception):
    """An answer in the product's own error shape."""

    def __init__(self, status: int, body: dict[str, Any] | None, headers: dict[str, str] | None = None):
        super().__init__(f"{status} {body}")
        self.status, self.body, self.headers = status, body, headers

    def response(self) -> Response:
        """Return the answer."""
        return JSONResponse(self.body, self.status, self.headers)


class Errors(Protocol):
    """How a product says no."""

    def unauthorized(self) -> Refusal:
        """The credentials are missing, wrong or over."""
        ...

    def limited(self, seconds: int, reason: str) -> Refusal:
        """Too many requests; come again in so many seconds."""
        ...

    def refused(self, status: int) -> Refusal:
        """It may not, or cannot, be done: 400, 403, 404."""
        ...

    def failed(self, status: int) -> Refusal:
        """The product's own trouble: 500, 504."""
        ...


@dataclass
class Limits:
    """So many calls of each API a minute and an hour; 0 is no limit."""

    per_minute: int = 0
    per_hour: int = 0
    calls: dict[tuple[str, str], deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def count(self, api: str) -> tuple[int, str] | None:
        """Count a call; return how long to wait, and why, if there were too many."""
        now = time.monotonic()
        spans = (("minute", MINUTE, self.per_minute), ("hour", HOUR, self.per_hour))
        for name, seconds, most in spans:
            calls = self.calls[api, name]
            while calls and calls[0] <= now - seconds:
                calls.popleft()
            if most and len(calls) >= most:
                return int(calls[0] + seconds - now) + 1, f"maximum {most} per {name}"
        for name, _, most in spans:
            if most:
                self.calls[api, name].append(now)
        return None


@dataclass
class Gate:
    """Stands before every endpoint."""

    let_in: Callable[[Request], bool]
    limits: Limits
    faults: Faults
    errors: Errors
    what: Callable[[Request], Awaitable[tuple[str | None, str | None]]]
    """Request → the product's word for the action that is asked for (``list``: a look) and the machine."""

    def __call__(self, api: str, endpoint: Endpoint) -> Endpoint:
        """Wrap an endpoint."""

        async def served(request: Request) -> Response:
            try:
                if not self.let_in(request):
                    raise self.errors.unauthorized()
                if wait := self.limits.count(api):
                    raise self.errors.limited(*wait)
                await self._misbehave(request)
                return await endpoint(request)
            except Refusal as refusal:
                return refusal.response()

        return served

    async def _misbehave(self, request: Request) -> None:
        action, machine = await self.what(request)
        if slow := self.faults.strike("slow", action, machine):
            await asyncio.sleep(slow.seconds)
        if action == "list" and not any(fault.action == "list" for fault in self.faults):
            return
        if self.faults.strike("401", action, machine):
            raise self.errors.unauthorized()
        if limited := self.faults.strike("429", action, machine):
            raise self.errors.limited(int(limited.seconds), "")
        if lost := self.faults.strike("timeout-before-accept", action, machine):
            await hold(request, lost.seconds)
            raise self.errors.failed(504)
        if self.faults.strike("500", action, machine):
            raise self.errors.failed(500)
        if refused := self.faults.strike("refuse", action, machine):
            raise self.errors.refused(refused.status)


async def hold(request: Request, seconds: float) -> None:
    """Give no answer for so long, or until the other side has gone."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not await request.is_disconnected():  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0.05)
