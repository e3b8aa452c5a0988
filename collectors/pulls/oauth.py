"""OAuth 2 client credentials, shared by pulls and adapters: RFC 6749, section 4.4."""

import time

import httpx2
from pydantic import Field

from hinomi.collectors.pulls.bearer import BearerClient, BearerSettings, TokenError


class OAuthSettings(BearerSettings):
    """A vendor's table: where it is, and who we are."""

    token_url: str = Field(pattern=r"^https?://", description="Where tokens are given.")
    client_id: str = Field(min_length=1)
    client_secret: str = Field(min_length=1, repr=False)
    scope: str = Field(default="")


class OAuthClient(BearerClient):
    """The token is cached, renewed before its end, and once on a 401."""

    def __init__(self, settings: OAuthSettings):
        super().__init__(settings)
        self._settings = settings
        self._token, self._ends = "", 0.0

    def _forget(self) -> None:
        self._ends = 0.0

    async def _bearer(self) -> str:
        if time.monotonic() < self._ends:
            return self._token
        form = {
            "grant_type": "client_credentials", "client_id": self._settings.client_id, "client_secret": self._settings.client_secret,
            **({"scope": self._settings.scope} if self._settings.scope else {}),
        }  # fmt: skip
        try:
            response = await self._client().post(self._settings.token_url, data=form)
        except httpx2.HTTPError as error:
            raise TokenError(f"the token server does not answer: {type(error).__name__}", permanent=False) from error
        if response.status_code not in (200, 201):
            refused = response.status_code in (400, 401, 403)
            raise TokenError(f"the token server answers {response.status_code}", permanent=refused)
        try:
            body = response.json()
            self._token, lives = str(body["access_token"]), float(body.get("expires_in", 3600))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TokenError("the token server's answer holds no token", permanent=False) from error
        self._ends = time.monotonic() + max(lives - 60, 1.0)
        return self._token
