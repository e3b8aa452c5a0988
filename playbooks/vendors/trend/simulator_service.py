"""The simulated service: key, limits, response tasks, endpoints, Workbench alerts, errors, as Trend Micro's pages describe them.

Pages: automation.trendmicro.com/xdr/api-v3. Acts on several endpoints answer 207 with a status for each; a page of a list
names the next one in ``nextLink``.
"""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hinomi.playbooks.simulators.gate import Gate, Limits, Refusal, hold
from hinomi.playbooks.simulators.journal import Journal
from hinomi.playbooks.vendors.trend.simulator_world import SCAN, Task, World

#: Last part of the path → the word of its tasks.
CALLS = {"isolate": "isolate", "restore": "restoreIsolate", "startMalwareScan": SCAN}
TASK_TIMES, ALERT_TIMES = ("createdDateTime", "lastActionDateTime"), ("createdDateTime", "updatedDateTime")
TOPS, ALERTS_A_PAGE = ("50", "100", "200"), 50
LONGEST_DESCRIPTION = 1024


def refusal(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Refusal:
    """Return a refusal in the service's shape."""
    return Refusal(status, {"error": {"code": code, "message": message}}, headers)


class Errors:
    """How Vision One says no."""

    def unauthorized(self) -> Refusal:
        """The key is missing, wrong or over."""
        return refusal(401, "Unauthorized", "Invalid or expired API key")

    def limited(self, seconds: int, reason: str) -> Refusal:
        """Too many calls."""
        return refusal(429, "TooManyRequests", f"Too many requests. {reason}", {"Retry-After": str(seconds)})

    def refused(self, status: int) -> Refusal:
        """The key's role does not allow it, or the like."""
        code = {403: "AccessDenied", 404: "NotFound"}.get(status, "BadRequest")
        return refusal(status, code, "Access denied. No sufficient privileges.")

    def failed(self, status: int) -> Refusal:
        """The service's own trouble."""
        return refusal(status, "InternalServerError", "Internal server error")


@dataclass
class Service:
    """The running service."""

    api_key: str
    world: World
    journal: Journal
    limits: Limits
    links: dict[str, Callable[[], tuple[list[dict[str, Any]], int]]] = field(default_factory=dict)

    def _let_in(self, request: Request) -> bool:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        return kind == "Bearer" and secrets.compare_digest(key.encode(), self.api_key.encode())

    @staticmethod
    async def _what(request: Request) -> tuple[str | None, str | None]:
        if request.method == "GET":
            return "list", request.path_params.get("machine")
        items = _items(await _body(request))
        return CALLS.get(request.url.path.rpartition("/")[2]), str(items[0].get("agentGuid", "")) if items else None

    # --- acting -----------------------------------------------------------------------------------

    async def act(self, request: Request) -> Response:
        """Take isolations, or their end, on: 207."""
        body = await _body(request)
        if not isinstance(body, list) or not body:
            raise refusal(400, "BadRequest", "The request body must be a list of endpoints")
        answers = [self._one(request, item) for item in body]
        await self._held(request, body)
        return JSONResponse(answers, 207)

    def _one(self, request: Request, item: Any) -> dict[str, Any]:
        try:
            task = self._started(request, item)
        except Refusal as no:
            return {"status": no.status, "body": no.body}
        return {"status": 202, "headers": [{"name": "Operation-Location", "value": self._location(request, task)}]}

    def _started(self, request: Request, item: Any) -> Task:
        machine = self._machine(item)
        call = request.url.path.rpartition("/")[2]
        task = self.world.start(Task(machine, CALLS[call], str(item.get("description", "")), "hinomi"))
        request.state.action = task.id
        return task

    def _machine(self, item: Any) -> str:
        if not isinstance(item, dict) or set(item) - {"agentGuid", "endpointName", "description"}:
            raise refusal(400, "BadRequest", "Invalid item")
        if len(str(item.get("description", ""))) > LONGEST_DESCRIPTION:
            raise refusal(400, "BadRequest", "The description is too long")
        if (guid := item.get("agentGuid")) is not None:
            if guid not in self.world.endpoints:
                raise refusal(404, "NotFound", "Endpoint not found")
            return str(guid)
        named = [ref for ref, one in self.world.endpoints.items() if one["endpointName"] == item.get("endpointName")]
        if len(named) != 1:
            raise refusal(400, "BadRequest", "agentGuid or the name of one endpoint must be given")
        return named[0]

    @staticmethod
    def _location(request: Request, task: Task) -> str:
        return f"{request.url.scheme}://{request.url.netloc}/v3.0/response/tasks/{task.id}"

    async def _held(self, request: Request, items: Sequence[Any]) -> None:
        word, machine = CALLS[request.url.path.rpartition("/")[2]], items[0].get("agentGuid")
        if held := self.world.faults.strike("timeout-after-accept", word, machine):
            self.journal.unanswered(request)
            await hold(request, held.seconds)

    async def scan(self, request: Request) -> Response:
        """Take a malware scan on: 202, one task."""
        body = await _body(request)
        items = body.get("endpoints") if isinstance(body, dict) and set(body) == {"endpoints"} else None
        if not isinstance(items, list) or not items:
            raise refusal(400, "BadRequest", "endpoints must be a list of endpoints")
        tasks = [self._started(request, item) for item in items]
        await self._held(request, items)
        return Response(status_code=202, headers={"Operation-Location": self._location(request, tasks[0])})

    # --- looking ----------------------------------------------------------------------------------

    async def task(self, request: Request) -> Response:
        """Return one task."""
        self.world.tick()
        for task in self.world.tasks:
            if task.id == request.path_params["task"]:
                request.state.shown = {task.id: task.status}
                return JSONResponse(self.world.show(task))
        raise refusal(404, "NotFound", "Task not found")

    async def tasks(self, request: Request) -> Response:
        """List tasks, newest first."""
        self.world.tick()
        top = request.query_params.get("top", "50")
        if top not in TOPS:
            raise refusal(400, "BadRequest", f"top must be one of {', '.join(TOPS)}")
        rows = [self.world.show(task) for task in reversed(self.world.tasks)]
        return self._listed(request, rows, TASK_TIMES, ("top",), int(top))

    async def endpoint(self, request: Request) -> Response:
        """Return one endpoint."""
        self.world.tick()
        found = self.world.endpoints.get(request.path_params["machine"])
        if found is None:
            raise refusal(404, "NotFound", "Endpoint not found")
        return JSONResponse(found)

    async def alerts(self, request: Request) -> Response:
        """List Workbench alerts."""
        name, _, way = request.query_params.get("orderBy", "createdDateTime desc").partition(" ")
        if name not in (*ALERT_TIMES, "score", "severity") or way not in ("asc", "desc", ""):
            raise refusal(400, "BadRequest", "Invalid orderBy")
        rows = sorted(self.world.alerts.values(), key=lambda one: one[name], reverse=way == "desc")
        return self._listed(request, rows, ALERT_TIMES, ("orderBy",), ALERTS_A_PAGE)

    def _listed(
        self, request: Request, rows: list[dict[str, Any]], times: Sequence[str], own: Sequence[str], top: int
    ) -> Response:
        asked = request.query_params
        if token := asked.get("skipToken"):
            if set(asked) != {"skipToken"} or token not in self.links:
                raise refusal(400, "BadRequest", "Invalid skipToken")
            found, top = self.links[token]()
        else:
            found = _between(rows, dict(asked), times, own)
        page, rest = found[:top], found[top:]
        answered: dict[str, Any] = {"items": page, "count": len(page), "totalCount": len(found)}
        if rest:
            token = secrets.token_hex(8)
            self.links[token] = lambda: (rest, top)
            answered["nextLink"] = f"{request.url.scheme}://{request.url.netloc}{request.url.path}?skipToken={token}"
        request.state.shown = {row["id"]: row["status"] for row in page[:20]}
        return JSONResponse(answered)

    # --- putting together -------------------------------------------------------------------------

    def app(self) -> Starlette:
        """Return the application of the public port."""
        gate = Gate(self._let_in, self.limits, self.world.faults, Errors(), self._what)
        return Starlette(
            routes=[
                Route("/v3.0/response/endpoints/isolate", gate("isolate", self.act), methods=["POST"]),
                Route("/v3.0/response/endpoints/restore", gate("restore", self.act), methods=["POST"]),
                Route("/v3.0/response/endpoints/startMalwareScan", gate("scan", self.scan), methods=["POST"]),
                Route("/v3.0/response/tasks", gate("tasks", self.tasks), methods=["GET"]),
                Route("/v3.0/response/tasks/{task}", gate("task", self.task), methods=["GET"]),
                Route("/v3.0/endpointSecurity/endpoints/{machine}", gate("endpoint", self.endpoint), methods=["GET"]),
                Route("/v3.0/workbench/alerts", gate("alerts", self.alerts), methods=["GET"]),
            ]
        )


def _between(
    rows: list[dict[str, Any]], asked: dict[str, str], times: Sequence[str], own: Sequence[str]
) -> list[dict[str, Any]]:
    if unknown := set(asked) - {"startDateTime", "endDateTime", "dateTimeTarget", *own}:
        raise refusal(400, "BadRequest", f"Unknown parameter {sorted(unknown)[0]}")
    target = asked.get("dateTimeTarget", times[0])
    if target not in times:
        raise refusal(400, "BadRequest", "Invalid dateTimeTarget")
    for name in ("startDateTime", "endDateTime"):
        try:
            datetime.strptime(asked.get(name, "2026-01-01T00:00:00Z"), "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007 - only its form
        except ValueError as error:
            raise refusal(400, "BadRequest", f"Invalid {name}") from error
    first, last = asked.get("startDateTime", ""), asked.get("endDateTime", "9")
    return [row for row in rows if first <= row[target] <= last]


def _items(body: Any) -> list[dict[str, Any]]:
    found = body.get("endpoints") if isinstance(body, dict) else body
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


async def _body(request: Request) -> Any:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise refusal(415, "UnsupportedMediaType", "Content-Type must be application/json")
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise refusal(400, "BadRequest", "The request body is no JSON") from error
