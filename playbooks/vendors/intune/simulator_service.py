"""The simulated service: managed devices, remote lock, wipe, errors, as Microsoft Graph's pages describe them.

Pages: learn.microsoft.com/graph/api/intune-devices-manageddevice-get, -list, -remotelock, -wipe; learn.microsoft.com/graph/errors,
/graph/throttling. Tokens: `hinomi.playbooks.simulators.entra`. Names of query options and of body keys count in their case.
"""

import json
import re
import time
import uuid
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hinomi.playbooks.simulators.entra import Tokens
from hinomi.playbooks.simulators.gate import Gate, Limits, Refusal, hold
from hinomi.playbooks.simulators.journal import Journal
from hinomi.playbooks.vendors.intune.simulator_world import World, stamp

DEVICES = "/v1.0/deviceManagement/managedDevices"
WIPE_KEYS: dict[str, type] = {
    "keepEnrollmentData": bool, "keepUserData": bool, "macOsUnlockCode": str, "persistEsimDataPlan": bool, "obliterationBehavior": str,
}  # fmt: skip
FILTER = re.compile(r"(deviceName|serialNumber|azureADDeviceId) eq '((?:[^']|'')*)'")


def refusal(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Refusal:
    """Return a refusal in Graph's shape."""
    inner = {"date": stamp(time.time())[:19], "request-id": str(uuid.uuid4()), "client-request-id": str(uuid.uuid4())}
    return Refusal(status, {"error": {"code": code, "message": message, "innerError": inner}}, headers)


class Errors:
    """How Graph says no."""

    def unauthorized(self) -> Refusal:
        """The token is missing or over."""
        return refusal(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")

    def limited(self, seconds: int, reason: str) -> Refusal:
        """Too many calls."""
        return refusal(429, "TooManyRequests", f"Too many requests. {reason}", {"Retry-After": str(seconds)})

    def refused(self, status: int) -> Refusal:
        """The application lacks the permission, or the like."""
        code = {403: "Forbidden", 404: "ResourceNotFound"}.get(status, "BadRequest")
        return refusal(status, code, "Application is not authorized to perform this operation.")

    def failed(self, status: int) -> Refusal:
        """The service's own trouble."""
        return refusal(
            status,
            "InternalServerError" if status == 500 else "GatewayTimeout",
            "An internal server error has occurred",
        )


@dataclass
class Service:
    """The running service."""

    tokens: Tokens
    world: World
    journal: Journal
    limits: Limits

    @staticmethod
    async def _what(request: Request) -> tuple[str | None, str | None]:
        word = request.url.path.rpartition("/")[2] if request.method == "POST" else "list"
        return word, request.path_params.get("device")

    def _known(self, request: Request) -> str:
        self.world.tick()
        device = str(request.path_params["device"])
        if device not in self.world.devices:
            raise refusal(404, "ResourceNotFound", f"An error has occurred - managedDevice {device} was not found")
        return device

    # --- looking ----------------------------------------------------------------------------------

    async def devices(self, request: Request) -> Response:
        """List managed devices; lists never show the results of acts."""
        asked = request.query_params
        if unknown := set(asked) - {"$filter", "$select", "$top"}:
            raise refusal(400, "BadRequest", f"The query specified in the URI is not valid: {sorted(unknown)[0]}")
        self.world.tick()
        rows = [{**row, "deviceActionResults": []} for row in self.world.devices.values()]
        if "$filter" in asked:
            match = FILTER.fullmatch(asked["$filter"])
            if match is None:
                raise refusal(400, "BadRequest", "Invalid filter clause")
            rows = [row for row in rows if str(row[match[1]]).lower() == match[2].replace("''", "'").lower()]
        rows = [_selected(row, asked.get("$select")) for row in rows[: int(asked.get("$top", "1000"))]]
        return JSONResponse({"@odata.context": self._context(request), "@odata.count": len(rows), "value": rows})

    async def device(self, request: Request) -> Response:
        """Return one managed device."""
        shown = self.world.show(self._known(request))
        request.state.shown = {one["actionName"]: one["actionState"] for one in shown["deviceActionResults"]}
        row = _selected(shown, request.query_params.get("$select"))
        return JSONResponse({"@odata.context": f"{self._context(request)}/$entity", **row})

    @staticmethod
    def _context(request: Request) -> str:
        return f"{request.url.scheme}://{request.url.netloc}/v1.0/$metadata#deviceManagement/managedDevices"

    # --- doing ------------------------------------------------------------------------------------

    async def lock(self, request: Request) -> Response:
        """Take a remote lock on: 204. It has no parameters."""
        device = self._known(request)
        if await request.body():
            raise refusal(400, "BadRequest", "This action takes no request body")
        return await self._taken(request, device, "remoteLock")

    async def wipe(self, request: Request) -> Response:
        """Take a wipe on: 204."""
        device = self._known(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise refusal(415, "UnsupportedMediaType", "Content-Type must be application/json")
        try:
            body = json.loads(await request.body())
        except ValueError as error:
            raise refusal(400, "BadRequest", "Unable to read JSON request payload.") from error
        wrong = not isinstance(body, dict) or any(
            name not in WIPE_KEYS or not isinstance(value, WIPE_KEYS[name]) for name, value in body.items()
        )
        if wrong:
            raise refusal(400, "BadRequest", "The parameters of the action 'wipe' are not valid.")
        return await self._taken(request, device, "wipe", keeps=bool(body.get("keepEnrollmentData")))

    async def _taken(self, request: Request, device: str, name: str, **more: Any) -> Response:
        request.state.action = self.world.ask(device, name, **more).id
        if held := self.world.faults.strike("timeout-after-accept", name, device):
            self.journal.unanswered(request)
            await hold(request, held.seconds)
        return Response(status_code=204)

    # --- putting together -------------------------------------------------------------------------

    def app(self) -> Starlette:
        """Return the application of the public port."""
        gate = Gate(self.tokens.let_in, self.limits, self.world.faults, Errors(), self._what)
        return Starlette(
            routes=[
                *self.tokens.routes(),
                Route(DEVICES, gate("devices", self.devices), methods=["GET"]),
                Route(f"{DEVICES}/{{device}}", gate("device", self.device), methods=["GET"]),
                Route(f"{DEVICES}/{{device}}/remoteLock", gate("remoteLock", self.lock), methods=["POST"]),
                Route(f"{DEVICES}/{{device}}/wipe", gate("wipe", self.wipe), methods=["POST"]),
            ]
        )


def _selected(row: dict[str, Any], select: str | None) -> dict[str, Any]:
    if not select:
        return row
    names = select.split(",")
    if unknown := [name for name in names if name not in row]:
        raise refusal(
            400,
            "BadRequest",
            f"Could not find a property named '{unknown[0]}' on type 'microsoft.graph.managedDevice'.",
        )
    return {name: row[name] for name in names}
