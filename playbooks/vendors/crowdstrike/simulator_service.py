"""The simulated service: tokens, limits, devices, containment, scans, alerts, errors, as CrowdStrike's pages describe them.

Pages: developer.crowdstrike.com/api-reference/collections/{oauth2,hosts,ods,alerts}. Every answer holds ``meta``,
``resources`` and ``errors``; what was taken for some ids only is told in both lists.
"""

import json
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hinomi.playbooks.simulators.gate import Gate, Limits, Refusal, hold
from hinomi.playbooks.simulators.journal import Journal
from hinomi.playbooks.vendors.crowdstrike.simulator_fql import FqlError, compile_filter, sort
from hinomi.playbooks.vendors.crowdstrike.simulator_world import LEADS, World

ALERT_FIELDS = {
    "updated_timestamp": "time", "created_timestamp": "time", "timestamp": "time", "severity": "number", "status": "text",
    "product": "text", "type": "text", "agent_id": "text", "composite_id": "text", "cid": "text", "device.device_id": "text",
    "device.hostname": "text", "tactic": "text", "technique": "text",
}  # fmt: skip
SCAN_FIELDS = {"id": "text", "status": "text", "created_on": "time", "last_updated": "time", "initiated_from": "text", "severity": "number"}  # fmt: skip
SCAN_KEYS = {
    "hosts": list, "host_groups": list, "file_paths": list, "scan_exclusions": list, "scan_inclusions": list, "description": str,
    "initiated_from": str, "cpu_priority": int, "quarantine": bool, "endpoint_notification": bool, "max_duration": int,
    "max_file_size": int, "pause_duration": int, "sensor_ml_level_detection": int, "sensor_ml_level_prevention": int,
    "cloud_ml_level_detection": int, "cloud_ml_level_prevention": int, "cloud_pup_adware_level_detection": int,
    "cloud_pup_adware_level_prevention": int,
}  # fmt: skip
MOST_LISTED, MOST_ALERTS, MOST_IN_QUERY, MOST_IN_BODY = 10_000, 1000, 100, 5000


def answer(resources: list[Any] | None, errors: list[tuple[int, str]] = [], status: int = 200, **more: Any) -> Response:  # noqa: B006 - never changed
    """Return an answer in the service's shape."""
    meta = {"query_time": 0.01, "powered_by": "device-api", "trace_id": str(uuid.uuid4()), **more}
    told = [{"code": code, "message": message} for code, message in errors]
    return JSONResponse({"meta": meta, "resources": resources, "errors": told}, status)


def refusal(status: int, message: str, headers: dict[str, str] | None = None) -> Refusal:
    """Return a refusal in the service's shape."""
    meta = {"query_time": 0.0, "trace_id": str(uuid.uuid4())}
    return Refusal(status, {"meta": meta, "errors": [{"code": status, "message": message}]}, headers)


class Errors:
    """How Falcon says no."""

    def unauthorized(self) -> Refusal:
        """The token is missing or over."""
        return refusal(401, "access denied, invalid bearer token")

    def limited(self, seconds: int, reason: str) -> Refusal:
        """Too many calls; the header names the instant, in seconds since 1970."""
        headers = {"X-Ratelimit-Retryafter": str(int(time.time()) + seconds), "X-Ratelimit-Remaining": "0"}
        return refusal(429, f"API rate limit exceeded. {reason}", headers)

    def refused(self, status: int) -> Refusal:
        """The client lacks a scope, or the like."""
        return refusal(status, "access denied, authorization failed" if status == 403 else "refused")

    def failed(self, status: int) -> Refusal:
        """The service's own trouble."""
        return refusal(status, "Internal Server Error: Please provide trace-id to support")


@dataclass
class Service:
    """The running service."""

    client_id: str
    client_secret: str
    token_seconds: int
    world: World
    journal: Journal
    limits: Limits
    tokens: dict[str, float] = field(default_factory=dict)

    # --- tokens -----------------------------------------------------------------------------------

    async def token(self, request: Request) -> Response:
        """Give a token: 201; it lives for half an hour."""
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return refusal(400, "Bad Request").response()
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode("latin-1")).items()}
        if form.get("grant_type", "client_credentials") != "client_credentials":
            return refusal(400, "invalid grant_type").response()
        good = secrets.compare_digest(form.get("client_secret", "").encode(), self.client_secret.encode())
        if form.get("client_id") != self.client_id or not good:
            return refusal(403, "access denied, authorization failed").response()
        token, seconds = secrets.token_urlsafe(32), min(self.token_seconds, 1799)
        self.tokens[token] = time.monotonic() + seconds
        return JSONResponse({"access_token": token, "token_type": "bearer", "expires_in": seconds}, 201)

    def _let_in(self, request: Request) -> bool:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and self.tokens.get(token, 0.0) > time.monotonic()

    @staticmethod
    async def _what(request: Request) -> tuple[str | None, str | None]:
        if request.method == "GET" or "/entities/alerts/" in request.url.path:
            return "list", request.query_params.get("ids")
        body = await _body(request)
        named = body.get("ids") or body.get("hosts")
        machine = str(named[0]) if isinstance(named, list) and named else None
        return ("scan" if "/ods/" in request.url.path else request.query_params.get("action_name")), machine

    # --- devices ----------------------------------------------------------------------------------

    async def devices(self, request: Request) -> Response:
        """Return devices by id; unknown ones are errors beside the others."""
        self.world.tick()
        ids, most = request.query_params.getlist("ids"), MOST_IN_QUERY
        if request.method == "POST":
            ids, most = _ids(await _body(request), "ids"), MOST_IN_BODY
        if not 0 < len(ids) <= most:
            raise refusal(400, f"between 1 and {most} ids must be given")
        found = [self.world.devices[one] for one in ids if one in self.world.devices]
        errors = [(404, f"No matching device found for ID {one}") for one in ids if one not in self.world.devices]
        request.state.shown = {device["device_id"]: device["status"] for device in found[:20]}
        answered = answer([dict(device) for device in found], errors, 200 if found else 404)
        for device in found:
            self.world.looked_at(device["device_id"])
        return answered

    async def act(self, request: Request) -> Response:
        """Take containment of devices on: 202."""
        action = request.query_params.get("action_name", "")
        if action not in LEADS:
            raise refusal(400, f"Provided action name '{action}' is not supported")
        body = await _body(request)
        if set(body) - {"ids", "action_parameters"}:
            raise refusal(400, "invalid request body")
        ids = _ids(body, "ids")
        if not 0 < len(ids) <= MOST_IN_QUERY:
            raise refusal(400, f"between 1 and {MOST_IN_QUERY} ids must be given")
        known = [one for one in ids if one in self.world.devices]
        errors = [(404, f"No matching device found for ID {one}") for one in ids if one not in known]
        if not known:
            return answer([], errors, 404)
        for one in known:
            request.state.action = self.world.act(one, action).id
        await self._held(request, action, known[0])
        return answer([{"id": one, "path": f"/devices/entities/devices/v1?ids={one}"} for one in known], errors, 202)

    async def _held(self, request: Request, action: str, machine: str) -> None:
        if held := self.world.faults.strike("timeout-after-accept", action, machine):
            self.journal.unanswered(request)
            await hold(request, held.seconds)

    # --- scans ------------------------------------------------------------------------------------

    async def scan(self, request: Request) -> Response:
        """Create an on-demand scan: 201."""
        body = await _body(request)
        for name, value in body.items():
            kind = SCAN_KEYS.get(name)
            if kind is None or not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                raise refusal(400, f"invalid field {name}")
        hosts = _ids(body, "hosts")
        if not hosts or not (body.get("file_paths") or body.get("scan_inclusions")):
            raise refusal(400, "hosts and file_paths or scan_inclusions are required")
        if unknown := [one for one in hosts if one not in self.world.devices]:
            raise refusal(404, f"host {unknown[0]} not found")
        made = self.world.scan(hosts, body)
        request.state.action = made["id"]
        await self._held(request, "scan", hosts[0])
        return answer([made], status=201)

    async def scans(self, request: Request) -> Response:
        """Return scans by id."""
        self.world.tick()
        ids = request.query_params.getlist("ids")
        found = [self.world.scans[one] for one in ids if one in self.world.scans]
        errors = [(404, f"scan {one} not found") for one in ids if one not in self.world.scans]
        request.state.shown = {scan["id"]: scan["status"] for scan in found[:20]}
        return answer(found, errors, 200 if found else 404)

    async def scan_ids(self, request: Request) -> Response:
        """List scans."""
        self.world.tick()
        return self._listed(request, list(self.world.scans.values()), SCAN_FIELDS, "id", "created_on|desc", 500)

    # --- alerts -----------------------------------------------------------------------------------

    async def alert_ids(self, request: Request) -> Response:
        """List alerts' composite ids."""
        rows = list(self.world.alerts.values())
        return self._listed(request, rows, ALERT_FIELDS, "composite_id", "created_timestamp|desc", 100)

    async def alerts(self, request: Request) -> Response:
        """Return alerts by composite id."""
        ids = _ids(await _body(request), "composite_ids")
        if not 0 < len(ids) <= MOST_ALERTS:
            raise refusal(400, f"between 1 and {MOST_ALERTS} composite_ids must be given")
        found = [self.world.alerts[one] for one in ids if one in self.world.alerts]
        errors = [(404, f"alert {one} not found") for one in ids if one not in self.world.alerts]
        return answer(found, errors)

    @staticmethod
    def _listed(
        request: Request, rows: list[dict[str, Any]], fields: Mapping[str, str], key: str, order: str, limit: int
    ) -> Response:
        asked = request.query_params
        if unknown := set(asked) - {"filter", "sort", "limit", "offset", "q", "include_hidden"}:
            raise refusal(400, f"unknown parameter {sorted(unknown)[0]}")
        try:
            start, most = int(asked.get("offset", "0")), int(asked.get("limit", str(limit)))
            if start < 0 or not 0 < most <= MOST_LISTED or start + most > MOST_LISTED:
                raise FqlError(f"offset and limit must stay within {MOST_LISTED}")
            test = compile_filter(asked["filter"], fields) if asked.get("filter") else lambda row: True
            found = sort([row for row in rows if test(row)], asked.get("sort") or order, fields)
        except (FqlError, ValueError) as error:
            raise refusal(400, str(error)) from error
        pages = {"offset": start, "limit": most, "total": len(found)}
        return answer([row[key] for row in found[start : start + most]], pagination=pages)

    # --- putting together -------------------------------------------------------------------------

    def app(self) -> Starlette:
        """Return the application of the public port."""
        gate = Gate(self._let_in, self.limits, self.world.faults, Errors(), self._what)
        return Starlette(
            routes=[
                Route("/oauth2/token", self.token, methods=["POST"]),
                Route("/devices/entities/devices/v2", gate("api", self.devices), methods=["GET", "POST"]),
                Route("/devices/entities/devices-actions/v2", gate("api", self.act), methods=["POST"]),
                Route("/ods/entities/scans/v1", gate("api", self.scans), methods=["GET"]),
                Route("/ods/entities/scans/v1", gate("api", self.scan), methods=["POST"]),
                Route("/ods/queries/scans/v1", gate("api", self.scan_ids), methods=["GET"]),
                Route("/alerts/queries/alerts/v2", gate("api", self.alert_ids), methods=["GET"]),
                Route("/alerts/entities/alerts/v2", gate("api", self.alerts), methods=["POST"]),
            ]
        )


async def _body(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise refusal(415, "Content-Type must be application/json")
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise refusal(400, "invalid request body") from error
    if not isinstance(body, dict):
        raise refusal(400, "invalid request body")
    return body


def _ids(body: Mapping[str, Any], key: str) -> list[str]:
    ids = body.get(key)
    if not isinstance(ids, list) or not all(isinstance(one, str) and one for one in ids):
        raise refusal(400, f"{key} must be a list of ids")
    return ids
