"""Tokens as Microsoft Entra ID gives them, for the simulators of products behind it.

Page: learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow (RFC 6749, 4.4).
"""

import secrets
import time
import uuid
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PATHS = ("/oauth2/token", "/oauth2/v2.0/token", "/{tenant}/oauth2/token", "/{tenant}/oauth2/v2.0/token")


class Tokens:
    """Gives tokens to one application, and knows which of them hold."""

    def __init__(self, client_id: str, client_secret: str, seconds: int = 3599):
        self._client_id, self._client_secret, self._seconds = client_id, client_secret, seconds
        self._ends: dict[str, float] = {}

    def routes(self) -> list[Route]:
        """Return where tokens are given."""
        return [Route(path, self._give, methods=["POST"]) for path in PATHS]

    def let_in(self, request: Request) -> bool:
        """Tell whether a request shows a token that holds."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return kind == "Bearer" and self._ends.get(token, 0.0) > time.monotonic()

    async def _give(self, request: Request) -> Response:
        """Give a token for client credentials, refuse as Entra ID does."""
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return _denied("invalid_request", "AADSTS900144: The request body must be form encoded.", 400)
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode("latin-1")).items()}
        missing = [name for name in ("grant_type", "client_id", "client_secret") if not form.get(name)]
        if missing:
            return _denied(
                "invalid_request",
                f"AADSTS900144: The request body must contain the following parameter: '{missing[0]}'.",
                400,
            )
        if form["grant_type"] != "client_credentials":
            return _denied("unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.", 400)
        scope, resource = form.get("scope", ""), form.get("resource", "")
        if not (scope.endswith("/.default") or resource.startswith("https://")):
            return _denied(
                "invalid_scope",
                "AADSTS1002012: The provided value for scope is not valid; it ends with /.default.",
                400,
            )
        if form["client_id"] != self._client_id:
            return _denied("unauthorized_client", "AADSTS700016: Application was not found in the directory.", 400)
        if not secrets.compare_digest(form["client_secret"].encode(), self._client_secret.encode()):
            return _denied("invalid_client", "AADSTS7000215: Invalid client secret provided.", 401)
        token = secrets.token_urlsafe(32)
        self._ends[token] = time.monotonic() + self._seconds
        told = {"token_type": "Bearer", "expires_in": self._seconds, "ext_expires_in": self._seconds}
        return JSONResponse({**told, "access_token": token})


def _denied(error: str, description: str, status: int) -> Response:
    body = {"error": error, "error_description": description, "error_codes": [int(description[6:].partition(":")[0])]}
    return JSONResponse(body | {"trace_id": str(uuid.uuid4()), "correlation_id": str(uuid.uuid4())}, status)
