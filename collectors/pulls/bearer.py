"""HTTP with a bearer token below one base URL, shared by pulls and adapters: RFC 6750.

A 401 is asked once more, with a new token where there is one to be had: it was certainly not taken.
"""

from typing import Any, Protocol, TypeVar

import httpx2
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hinomi.errors import ConfigError

TIMEOUT = 10.0


class BearerSettings(BaseModel):
    """What every vendor's table has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(pattern=r"^https?://", description="Address of the API.")
    timeout: float = Field(default=TIMEOUT, gt=0, description="Seconds an answer may take.")


class KeySettings(BearerSettings):
    """A table with a key that is made in the product's console."""

    api_key: str = Field(min_length=1, repr=False)


Table = TypeVar("Table", bound=BearerSettings)


def table_of(model: type[Table], table: dict[str, Any]) -> Table:
    """Validate a vendor's table; its ``product`` says only which model that is.

    Raises:
        ConfigError: Naming all that is wrong.
    """
    try:
        return model(**{key: value for key, value in table.items() if key != "product"})
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        needed = [name for name, field in model.model_fields.items() if field.is_required()]
        raise ConfigError(faults, hint=", ".join(needed)) from error


Own = TypeVar("Own", bound=BaseModel)


def own_of(model: type[Own], keys: dict[str, Any]) -> Own:
    """Validate the keys of a source that belong to its API.

    Raises:
        ConfigError: Naming all that is wrong.
    """
    try:
        return model(**keys)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigError(faults, hint=", ".join(model.model_fields)) from error


class TokenError(Exception):
    """No token was given. ``permanent``: the credentials were refused."""

    def __init__(self, message: str, *, permanent: bool):
        super().__init__(message)
        self.permanent = permanent


class Client(Protocol):
    """What pulls and adapters need of a client."""

    async def request(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """Send one request below the base URL.

        Raises:
            TokenError: If no token is given.
            httpx2.HTTPError: If the request or its answer fails on the way.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


class BearerClient:
    """One connection pool; how a token is come by is the subclass's."""

    def __init__(self, settings: BearerSettings):
        self._base, self._timeout = settings.base_url.rstrip("/"), settings.timeout
        self._http: httpx2.AsyncClient | None = None

    def _client(self) -> httpx2.AsyncClient:
        if self._http is None:
            limits = httpx2.Limits(max_connections=32, max_keepalive_connections=16)
            self._http = httpx2.AsyncClient(timeout=self._timeout, limits=limits, follow_redirects=False)
        return self._http

    async def request(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """Send one request below the base URL (see `Client`)."""
        response = await self._send(method, path, more)
        if response.status_code == 401:
            self._forget()
            response = await self._send(method, path, more)
        return response

    async def _send(self, method: str, path: str, more: dict[str, Any]) -> httpx2.Response:
        token = await self._bearer()
        return await self._client().request(
            method, self._base + path, headers={"Authorization": f"Bearer {token}"}, **more
        )

    async def _bearer(self) -> str:
        raise NotImplementedError

    def _forget(self) -> None:
        """Give up a token that was refused."""

    async def close(self) -> None:
        """Close connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None


class KeyClient(BearerClient):
    """The token is a key that lasts."""

    def __init__(self, settings: KeySettings):
        super().__init__(settings)
        self._key = settings.api_key

    async def _bearer(self) -> str:
        return self._key
