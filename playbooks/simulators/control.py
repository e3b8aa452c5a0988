"""The simulator's second door, for those who play the outside world: machines, alerts, faults, the journal.

Its own port and secret (``Authorization: Bearer <control secret>``); the product under test knows neither.
POST /machines, /alerts {an entity, or a list}; POST /actions {machine, action}, /cancel {id, or machine and action}: what an
administrator does in the console; GET|POST|DELETE /faults {kind, action, machine, times, status, seconds}; GET /journal?since=N,
/state. An action is the product's own word, or ours, which is the same for every product.
"""

import secrets
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from hinomi.playbooks.simulators import World
from hinomi.playbooks.simulators.faults import KINDS, Fault
from hinomi.playbooks.simulators.journal import Journal


class _Door:
    """What the players may do and see."""

    def __init__(self, world: World, journal: Journal):
        self.world, self.journal = world, journal

    async def machines(self, request: Request) -> Response:
        return JSONResponse([self.world.add_machine(item) for item in await self._items(request)], 201)

    async def alerts(self, request: Request) -> Response:
        return JSONResponse([self.world.add_alert(item) for item in await self._items(request)], 201)

    async def act(self, request: Request) -> Response:
        return JSONResponse([self.world.portal(i["machine"], i["action"]) for i in await self._items(request)], 201)

    async def cancel(self, request: Request) -> Response:
        done = [self.world.cancel(item) for item in await self._items(request)]
        return JSONResponse(done, 200 if done and all(done) else 409)

    async def faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.world.faults.clear()
        for item in await self._items(request) if request.method == "POST" else ():
            if item.get("kind") not in KINDS:
                return JSONResponse({"error": f"kind is one of {', '.join(KINDS)}"}, 400)
            self.world.faults.append(Fault(**item))
        return JSONResponse([vars(fault) for fault in self.world.faults])

    async def read(self, request: Request) -> Response:
        since = int(request.query_params.get("since", "0"))
        return JSONResponse({"entries": self.journal.entries[since:], "next": len(self.journal.entries)})

    async def state(self, request: Request) -> Response:
        return JSONResponse(self.world.state())

    async def _items(self, request: Request) -> list[dict[str, Any]]:
        body = await request.json()
        items = body if isinstance(body, list) else [body]
        words = self.world.words
        return [
            {**item, **({"action": words[item["action"]]} if item.get("action") in words else {})} for item in items
        ]


def control_app(world: World, journal: Journal, secret: str) -> ASGIApp:
    """Return the application of the control port; without a secret nobody is let in."""
    door = _Door(world, journal)
    app = Starlette(
        routes=[
            Route("/machines", door.machines, methods=["POST"]),
            Route("/alerts", door.alerts, methods=["POST"]),
            Route("/actions", door.act, methods=["POST"]),
            Route("/cancel", door.cancel, methods=["POST"]),
            Route("/faults", door.faults, methods=["GET", "POST", "DELETE"]),
            Route("/journal", door.read, methods=["GET"]),
            Route("/state", door.state, methods=["GET"]),
        ]
    )

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        given = dict(scope.get("headers", ())).get(b"authorization", b"")
        if secret and secrets.compare_digest(given, f"Bearer {secret}".encode()):
            await app(scope, receive, send)
        else:
            await JSONResponse({"error": "the control secret is missing or wrong"}, 401)(scope, receive, send)

    return guarded
