"""The simulated service: tokens, limits, lists, machine actions, errors, as Microsoft's pages describe them.

Pages: learn.microsoft.com/defender-endpoint/api/ get-alerts, get-machines, get-machine-by-id, isolate-machine,
unisolate-machine, run-av-scan, stop-and-quarantine-file, get-machineactions-collection, cancel-machine-action,
common-errors. Tokens: `hinomi.playbooks.simulators.entra`.
"""

import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hinomi.playbooks.simulators.entra import Tokens
from hinomi.playbooks.simulators.gate import Endpoint, Gate, Limits, Refusal, hold
from hinomi.playbooks.simulators.journal import Journal
from hinomi.playbooks.vendors.defender.simulator_odata import Fields, ODataError, query
from hinomi.playbooks.vendors.defender.simulator_world import Action, World

#: URL word → (type of the action, required body keys → allowed values or None, optional ones).
CALLS: dict[str, tuple[str, dict[str, tuple[str, ...] | None]]] = {
    "isolate": ("Isolate", {"Comment": None, "IsolationType": ("Full", "Selective", "UnManagedDevice")}),
    "unisolate": ("Unisolate", {"Comment": None}),
    "runAntiVirusScan": ("RunAntiVirusScan", {"Comment": None, "ScanType": ("Quick", "Full")}),
    "StopAndQuarantineFile": ("StopAndQuarantineFile", {"Comment": None, "Sha1": None}),
}
OPTIONAL = {"ExternalId", "ExternalID"}
ALERTS = Fields(
    {
        "alertCreationTime": "time", "lastUpdateTime": "time", "lastEventTime": "time", "incidentId": "number",
        "investigationId": "number", "id": "text", "assignedTo": "text", "detectionSource": "text", "status": "text",
        "severity": "text", "category": "text",
    },
    "alertCreationTime",
    frozenset({"evidence"}),
)  # fmt: skip
MACHINES = Fields(
    {
        "id": "text", "computerDnsName": "text", "lastSeen": "time", "healthStatus": "text", "osPlatform": "text",
        "onboardingStatus": "text", "riskScore": "text", "exposureLevel": "text", "rbacGroupId": "number", "lastIpAddress": "text",
    },
    "lastSeen",
)  # fmt: skip
ACTIONS = Fields(
    {
        "id": "text",
        "status": "text",
        "machineId": "text",
        "type": "text",
        "requestor": "text",
        "creationDateTimeUtc": "time",
    },
    "creationDateTimeUtc",
)


@dataclass(frozen=True)
class Manner:
    """How the simulator behaves."""

    client_id: str
    client_secret: str
    token_seconds: int = 3599
    repeat: str = "error"
    """What a second request gets while one is open: error (400) or pending (the open action)."""


class Errors:
    """The error shape of the pages; ``target`` is the correlation id."""

    @staticmethod
    def of(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Refusal:
        """Return an answer."""
        error = {"code": code, "message": message, "target": str(uuid.uuid4())}
        return Refusal(status, {"error": error}, headers)

    def unauthorized(self) -> Refusal:
        """The token is missing or over."""
        headers = {"WWW-Authenticate": "Bearer"}
        return self.of(401, "Unauthorized", "Invalid or expired authorization header", headers)

    def limited(self, seconds: int, reason: str) -> Refusal:
        """Too many calls."""
        return self.of(429, "TooManyRequests", f"API calls quota exceeded, {reason}", {"Retry-After": str(seconds)})

    def refused(self, status: int) -> Refusal:
        """Not on this machine."""
        code = {403: "DisallowedOperation", 404: "ResourceNotFound"}.get(status, "BadRequest")
        return self.of(status, code, "The action is not allowed on this machine")

    def failed(self, status: int) -> Refusal:
        """The service's own trouble."""
        return self.of(status, "GatewayTimeout" if status == 504 else "InternalServerError", "")


refusal = Errors.of


@dataclass
class Service:
    """The running service: what it knows, how it behaves, who is let in."""

    manner: Manner
    world: World
    journal: Journal
    limits: Limits

    @staticmethod
    async def _what(request: Request) -> tuple[str | None, str | None]:
        call = CALLS.get(request.path_params.get("call", ""))
        action = call[0] if call else ("list" if request.method == "GET" else None)
        return action, request.path_params.get("machine")

    # --- lists ------------------------------------------------------------------------------------

    @staticmethod
    def _query(request: Request, rows: Iterable[dict[str, Any]], fields: Fields) -> list[dict[str, Any]]:
        pairs = parse_qsl(request.url.query, keep_blank_values=True)
        try:
            if len({name for name, _ in pairs}) != len(pairs):
                raise ODataError("A query option is given twice.")
            return query(rows, dict(pairs), fields)
        except ODataError as error:
            raise refusal(400, "ODataError", str(error)) from error

    def _context(self, request: Request, name: str) -> str:
        return f"{request.url.scheme}://{request.url.netloc}/api/$metadata#{name}"

    async def alerts(self, request: Request) -> Response:
        """List alerts; without $expand=evidence they come without it."""
        rows = self._query(request, self.world.alerts.values(), ALERTS)
        if "evidence" not in request.query_params.get("$expand", ""):
            rows = [{**row, "evidence": []} for row in rows]
        return JSONResponse({"@odata.context": self._context(request, "Alerts"), "value": rows})

    async def alert(self, request: Request) -> Response:
        """Return one alert."""
        found = self.world.alerts.get(request.path_params["alert"])
        if found is None:
            raise refusal(404, "ResourceNotFound", f"Alert {request.path_params['alert']} was not found")
        return JSONResponse({"@odata.context": self._context(request, "Alerts/$entity")} | found)

    async def machines(self, request: Request) -> Response:
        """List machines."""
        rows = self._query(request, self.world.machines.values(), MACHINES)
        return JSONResponse({"@odata.context": self._context(request, "Machines"), "value": rows})

    def _machine(self, ref: str) -> dict[str, Any]:
        found = self.world.machines.get(ref)
        if found is None:
            found = next((m for m in self.world.machines.values() if m["computerDnsName"].lower() == ref.lower()), None)
        if found is None:
            raise refusal(404, "ResourceNotFound", f"Machine {ref} was not found")
        return found

    async def machine(self, request: Request) -> Response:
        """Return one machine, by its id or computer name."""
        return JSONResponse(
            {"@odata.context": self._context(request, "Machine")} | self._machine(request.path_params["machine"])
        )

    async def actions(self, request: Request) -> Response:
        """List machine actions."""
        self.world.tick()
        rows = self._query(request, [self.world.show(action) for action in self.world.actions.values()], ACTIONS)
        request.state.shown = {row["id"]: row["status"] for row in rows[:20]}
        return JSONResponse({"@odata.context": self._context(request, "MachineActions"), "value": rows})

    def _action(self, request: Request) -> Action:
        found = self.world.actions.get(request.path_params["action"])
        if found is None:
            raise refusal(404, "ResourceNotFound", f"MachineAction {request.path_params['action']} was not found")
        return found

    def _shown(self, request: Request, action: Action, status: int = 200) -> Response:
        request.state.shown = {action.id: action.status}
        return JSONResponse(
            {"@odata.context": self._context(request, "MachineActions/$entity")} | self.world.show(action), status
        )

    async def action(self, request: Request) -> Response:
        """Return one machine action."""
        self.world.tick()
        return self._shown(request, self._action(request))

    # --- doing ------------------------------------------------------------------------------------

    async def act(self, request: Request) -> Response:
        """Take a machine action on: 201, or 400 while one is open."""
        received = time.time_ns()
        kind, keys = CALLS[request.path_params["call"]]
        body = await _body(request)
        machine = self._machine(request.path_params["machine"])["id"]
        _check(body, keys)
        if kind == "StopAndQuarantineFile" and not _is_sha1(body["Sha1"]):
            raise refusal(400, "InvalidHashValue", f"Hash value {body['Sha1']} is invalid")
        if busy := self.world.busy(machine, kind):
            if self.manner.repeat == "pending" and busy.type == kind:
                return self._shown(request, busy, 201)
            raise refusal(400, "ActiveRequestAlreadyExists", "Action is already in progress")
        scope = body.get("IsolationType") or body.get("ScanType")
        external = body.get("ExternalId") or body.get("ExternalID")
        action = Action(
            machine, kind, scope, body["Comment"], self.manner.client_id, received, body.get("Sha1"), external
        )
        self.world.start(action)
        request.state.action = action.id
        if held := self.world.faults.strike("timeout-after-accept", kind, machine):
            self.journal.unanswered(request)
            await hold(request, held.seconds)
        return self._shown(request, action, 201)

    async def cancel(self, request: Request) -> Response:
        """Cancel an action that is not over."""
        body = await _body(request)
        action = self._action(request)
        _check(body, {"Comment": None})
        if not self.world.stop(action, body["Comment"], self.manner.client_id):
            raise refusal(400, "BadRequest", f"Machine action {action.id} is in its final state")
        return self._shown(request, action)

    # --- putting together -------------------------------------------------------------------------

    def app(self) -> Starlette:
        """Return the application of the public port."""
        tokens = Tokens(self.manner.client_id, self.manner.client_secret, self.manner.token_seconds)
        gate = Gate(tokens.let_in, self.limits, self.world.faults, Errors(), self._what)
        routes = [
            *tokens.routes(),
            Route("/api/alerts", gate("alerts", self.alerts), methods=["GET"]),
            Route("/api/alerts/{alert}", gate("alert", self.alert), methods=["GET"]),
            Route("/api/machines", gate("machines", self.machines), methods=["GET"]),
            Route("/api/machines/{machine}", gate("machine", self.machine), methods=["GET"]),
            *(
                Route(f"/api/machines/{{machine}}/{name}", _named(gate(name, self.act), name), methods=["POST"])
                for name in CALLS
            ),
            Route("/api/machineactions", gate("machineactions", self.actions), methods=["GET"]),
            Route("/api/machineactions/{action}", gate("machineaction", self.action), methods=["GET"]),
            Route("/api/machineactions/{action}/cancel", gate("cancel", self.cancel), methods=["POST"]),
        ]
        return Starlette(routes=routes)


def _named(endpoint: Endpoint, call: str) -> Endpoint:
    async def named(request: Request) -> Response:
        request.path_params["call"] = call
        return await endpoint(request)

    return named


async def _body(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise refusal(415, "UnsupportedMediaType", "Content-Type must be application/json")
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise refusal(400, "InvalidRequestBody", "Request body is incorrect") from error
    if not isinstance(body, dict):
        raise refusal(400, "InvalidRequestBody", "Request body is incorrect")
    return body


def _check(body: dict[str, Any], keys: dict[str, tuple[str, ...] | None]) -> None:
    """Check keys (their case counts) and values."""
    for name, allowed in keys.items():
        if name not in body:
            raise refusal(400, "MissingRequiredParameter", f"Parameter {name} is missing")
        if not isinstance(body[name], str) or not body[name] or (allowed and body[name] not in allowed):
            raise refusal(400, "InvalidInput", f"Invalid input {name}")
    if set(body) - set(keys) - OPTIONAL:
        raise refusal(400, "InvalidRequestBody", "Request body is incorrect")


def _is_sha1(text: str) -> bool:
    return len(text) == 40 and all(c in "0123456789abcdefABCDEF" for c in text)
