"""The simulator's second door, for those who play the outside world: machines, alerts, faults, the journal.

Its own port and secret (``Authorization: Bearer <control secret>``); the product under test knows neither.
POST /machines, /alerts {an entity, or a list}; POST /actions {machine, action}, /cancel {id}: what an administrator does in the portal; GET|POST|DELETE /faults {kind, action, machine, times, status, seconds};
GET /journal?since=N, /state.
"""

import secrets
import time
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from hinomi.playbooks.vendors.defender.simulator_journal import Journal
from hinomi.playbooks.vendors.defender.simulator_world import KINDS, Action, Fault, World

PORTAL = "admin@portal"
#: What the players may say instead of the product's own word, the same for every product.
WORDS = {
    "endpoint.isolate": "Isolate", "endpoint.release": "Unisolate", "endpoint.scan": "RunAntiVirusScan",
    "endpoint.quarantine_file": "StopAndQuarantineFile",
}  # fmt: skip


class _Door:
    """What the players may do and see."""

    def __init__(self, world: World, journal: Journal):
        self.world, self.journal = world, journal

    async def machines(self, request: Request) -> Response:
        return JSONResponse([self.world.add_machine(item) for item in await _items(request)], 201)

    async def alerts(self, request: Request) -> Response:
        return JSONResponse([self.world.add_alert(item) for item in await _items(request)], 201)

    async def act(self, request: Request) -> Response:
        now = time.time_ns()
        asked = [Action(i["machine"], i["action"], "Full", "portal", PORTAL, now) for i in await _items(request)]
        return JSONResponse([self.world.show(self.world.start(action)) for action in asked], 201)

    async def cancel(self, request: Request) -> Response:
        found = [self.world.actions.get(str(item.get("id"))) for item in await _items(request)]
        done = [self.world.cancel(action, "portal", PORTAL) for action in found if action is not None]
        return JSONResponse(done, 200 if done and all(done) else 409)

    async def faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.world.faults.clear()
        for item in await _items(request) if request.method == "POST" else ():
            if item.get("kind") not in KINDS:
                return JSONResponse({"error": f"kind is one of {', '.join(KINDS)}"}, 400)
            self.world.faults.append(Fault(**item))
        return JSONResponse([vars(fault) for fault in self.world.faults])

    async def read(self, request: Request) -> Response:
        since = int(request.query_params.get("since", "0"))
        return JSONResponse({"entries": self.journal.entries[since:], "next": len(self.journal.entries)})

    async def state(self, request: Request) -> Response:
        self.world.tick()
        actions = [self.world.show(action) for action in self.world.actions.values()]
        return JSONResponse(
            {"isolated": sorted(self.world.isolated), "actions": actions, "alerts": len(self.world.alerts)}
        )


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


async def _items(request: Request) -> list[dict[str, Any]]:
    body = await request.json()
    items = body if isinstance(body, list) else [body]
    return [{**item, **({"action": WORDS[item["action"]]} if item.get("action") in WORDS else {})} for item in items]
