"""OAuth 2 client credentials over HTTP, shared by pulls and adapters: RFC 6749, section 4.4."""

import time
from typing import Any

import httpx2
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hinomi.errors import ConfigError

TIMEOUT = 10.0


class OAuthSettings(BaseModel):
    """A vendor's table: where it is, and who we are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(pattern=r"^https?://", description="Address of the API.")
    token_url: str = Field(pattern=r"^https?://", description="Where tokens are given.")
    client_id: str = Field(min_length=1)
    client_secret: str = Field(min_length=1, repr=False)
    scope: str = Field(default="https://api.securitycenter.microsoft.com/.default")
    timeout: float = Field(default=TIMEOUT, gt=0, description="Seconds an answer may take.")


def settings_of(table: dict[str, Any]) -> OAuthSettings:
    """Validate a vendor's table.

    Raises:
        ConfigError: Naming all that is wrong.
    """
    try:
        return OAuthSettings(**table)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigError(faults, hint="base_url, token_url, client_id, client_secret") from error


class TokenError(Exception):
    """No token was given. ``permanent``: the credentials were refused."""

    def __init__(self, message: str, *, permanent: bool):
        super().__init__(message)
        self.permanent = permanent


class OAuthClient:
    """An HTTP client that carries a token: cached, renewed before its end, and once on a 401."""

    def __init__(self, settings: OAuthSettings):
        self._settings = settings
        self._http: httpx2.AsyncClient | None = None
        self._token, self._ends = "", 0.0

    def _client(self) -> httpx2.AsyncClient:
        if self._http is None:
            limits = httpx2.Limits(max_connections=32, max_keepalive_connections=16)
            self._http = httpx2.AsyncClient(timeout=self._settings.timeout, limits=limits, follow_redirects=False)
        return self._http

    async def request(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """Send one request below the base URL.

        Raises:
            TokenError: If no token is given.
            httpx2.HTTPError: If the request or its answer fails on the way.
        """
        response = await self._send(method, path, more)
        if response.status_code == 401:
            self._ends = 0.0
            response = await self._send(method, path, more)
        return response

    async def _send(self, method: str, path: str, more: dict[str, Any]) -> httpx2.Response:
        token = await self._bearer()
        url = self._settings.base_url.rstrip("/") + path
        return await self._client().request(method, url, headers={"Authorization": f"Bearer {token}"}, **more)

    async def _bearer(self) -> str:
        if time.monotonic() < self._ends:
            return self._token
        form = {
            "grant_type": "client_credentials", "client_id": self._settings.client_id, "client_secret": self._settings.client_secret,
            "scope": self._settings.scope,
        }  # fmt: skip
        try:
            response = await self._client().post(self._settings.token_url, data=form)
        except httpx2.HTTPError as error:
            raise TokenError(f"the token server does not answer: {type(error).__name__}", permanent=False) from error
        if response.status_code != 200:
            refused = response.status_code in (400, 401, 403)
            raise TokenError(f"the token server answers {response.status_code}", permanent=refused)
        try:
            body = response.json()
            self._token, lives = str(body["access_token"]), float(body.get("expires_in", 3600))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TokenError("the token server's answer holds no token", permanent=False) from error
        self._ends = time.monotonic() + max(lives - 60, 1.0)
        return self._token

    async def close(self) -> None:
        """Close connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None
