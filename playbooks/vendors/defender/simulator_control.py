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


def control_app(world: World, journal: Journal, secret: str) -> ASGIApp:
    """Return the application of the control port; without a secret nobody is let in."""

    async def machines(request: Request) -> Response:
        return JSONResponse([world.add_machine(item) for item in await _items(request)], 201)

    async def alerts(request: Request) -> Response:
        return JSONResponse([world.add_alert(item) for item in await _items(request)], 201)

    async def actions(request: Request) -> Response:
        asked = [
            Action(item["machine"], item["action"], "Full", "portal", PORTAL, time.time_ns())
            for item in await _items(request)
        ]
        return JSONResponse([world.show(world.start(action)) for action in asked], 201)

    async def cancel(request: Request) -> Response:
        found = [world.actions.get(str(item.get("id"))) for item in await _items(request)]
        done = [world.cancel(action, "portal", PORTAL) for action in found if action is not None]
        return JSONResponse(done, 200 if done and all(done) else 409)

    async def faults(request: Request) -> Response:
        if request.method == "DELETE":
            world.faults.clear()
        for item in await _items(request) if request.method == "POST" else ():
            if item.get("kind") not in KINDS:
                return JSONResponse({"error": f"kind is one of {', '.join(KINDS)}"}, 400)
            world.faults.append(Fault(**item))
        return JSONResponse([vars(fault) for fault in world.faults])

    async def read(request: Request) -> Response:
        since = int(request.query_params.get("since", "0"))
        return JSONResponse({"entries": journal.entries[since:], "next": len(journal.entries)})

    async def state(request: Request) -> Response:
        world.tick()
        actions = [world.show(action) for action in world.actions.values()]
        return JSONResponse({"isolated": sorted(world.isolated), "actions": actions, "alerts": len(world.alerts)})

    app = Starlette(
        routes=[
            Route("/machines", machines, methods=["POST"]),
            Route("/alerts", alerts, methods=["POST"]),
            Route("/actions", actions, methods=["POST"]),
            Route("/cancel", cancel, methods=["POST"]),
            Route("/faults", faults, methods=["GET", "POST", "DELETE"]),
            Route("/journal", read, methods=["GET"]),
            Route("/state", state, methods=["GET"]),
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
