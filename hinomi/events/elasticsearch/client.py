"""HTTP to Elasticsearch, and no more of it than is used here: one request at a time, the next node when one is away.

API: elastic.co/docs/api/doc/elasticsearch. Answers are JSON; a shard that fails makes an answer an error, never a short one.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hinomi.errors import ConfigError, HinomiError
from hinomi.settings import LOOPBACK, Settings

CONNECT = 5.0
"""Seconds a connection may take: a node that is gone must not hold the next one up."""


class Keys(BaseModel):
    """What ``[store]`` says beside what every store knows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: tuple[str, ...] = Field(min_length=1, description="Address of the cluster, or a list of its nodes.")
    api_key: str = Field(default="", repr=False, description="Encoded API key; it is a secret.")
    user: str = Field(default="", description="User, where there is no API key.")
    password: str = Field(default="", repr=False, description="Password of that user.")
    ca: Path | None = Field(default=None, description="PEM file of the CA that signed the nodes' certificates.")
    prefix: str = Field(
        default="hinomi", pattern=r"^[a-z0-9][a-z0-9_.]{0,60}$", description="Events: logs-PREFIX.events-default."
    )
    shards: int = Field(default=1, ge=1, le=64, description="Primary shards of a new index.")
    timeout: float = Field(default=30.0, gt=0, description="Seconds an answer may take.")

    @field_validator("url", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("url")
    @classmethod
    def _private(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for url in value:
            parts = urlsplit(url)
            if not parts.hostname or parts.scheme not in ("http", "https"):
                raise ValueError(f"{parts.hostname or url!r} is no address: write https://HOST:9200")
            if parts.scheme == "http" and parts.hostname not in LOOPBACK:
                raise ValueError("events leave this machine over https:// only")
            if parts.username or parts.password:
                raise ValueError("write user and password as keys of their own, not into the address")
        return tuple(url.rstrip("/") for url in value)

    @model_validator(mode="after")
    def _one_way_in(self) -> "Keys":
        if bool(self.user) != bool(self.password) or (self.user and self.api_key):
            raise ValueError("give api_key, or user and password")
        return self


class ElasticError(HinomiError):
    """No answer, or one that is no success; ``code`` is its HTTP status, 0 without an answer."""

    status = 503

    def __init__(self, message: str, code: int, *, where: str, hint: str | None = None):
        super().__init__(message, where=where, hint=hint)
        self.code = code

    @property
    def busy(self) -> bool:
        """Whether the same may succeed in a moment."""
        return self.code in (429, 503)


class Client:
    """Asks one cluster."""

    def __init__(self, keys: Keys, settings: Settings):
        """Connect to nothing yet.

        Raises:
            ConfigError: If the CA's file cannot be used.
        """
        self._urls = list(keys.url)
        self.timeout = keys.timeout
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if keys.api_key:
            headers["Authorization"] = f"ApiKey {keys.api_key}"
        auth = httpx2.BasicAuth(keys.user, keys.password) if keys.user else None
        self._http = httpx2.Client(verify=_trust(keys, settings), headers=headers, auth=auth, trust_env=False)

    @property
    def where(self) -> str:
        """The node that is asked at present."""
        return self._urls[0]

    def call(
        self, method: str, path: str, body: Any = None, *, params: Mapping[str, str] | None = None, timeout: float = 0.0
    ) -> Any:
        """Return an answer's JSON; of several nodes the next one is asked where one does not answer.

        Raises:
            ElasticError: If no node answers, or the answer is no success.
        """
        content = body if isinstance(body, bytes) else None if body is None else orjson.dumps(body)
        patience = httpx2.Timeout(timeout or self.timeout, connect=min(CONNECT, self.timeout))
        trouble = ElasticError("no node", 0, where="")
        for url in list(self._urls):
            try:
                answer = self._http.request(method, f"{url}{path}", content=content, params=params, timeout=patience)
            except httpx2.HTTPError as error:
                why = f"Elasticsearch does not answer: {type(error).__name__} {error}".rstrip()
                trouble = ElasticError(
                    why, 0, where=url, hint="is it running, and may this machine reach it? (hinomi doctor)"
                )
            else:
                if answer.status_code not in (502, 504):  # a proxy before it, without a node behind
                    return self._content(answer, url)
                trouble = ElasticError(f"answers {answer.status_code}", answer.status_code, where=url)
            self._urls = [*(other for other in self._urls if other != url), url]
        raise trouble

    def _content(self, answer: httpx2.Response, url: str) -> Any:
        if answer.is_success:
            try:
                return orjson.loads(answer.content) if answer.content else {}
            except orjson.JSONDecodeError as error:
                raise ElasticError("the answer is no JSON: is this Elasticsearch?", 0, where=url) from error
        hints = {
            401: "mend [store] api_key, or user and password",
            403: "docs/howto/connect-elasticsearch.md lists the privileges",
        }
        raise ElasticError(
            f"Elasticsearch answers {answer.status_code}: {reason_of(answer.content)}", answer.status_code, where=url,
            hint=hints.get(answer.status_code),
        )  # fmt: skip

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def reason_of(content: bytes) -> str:
    """Return why something was refused, in a few words."""
    try:
        told = orjson.loads(content)["error"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return content[:200].decode("utf-8", "replace")
    return told_reason(told)


def told_reason(told: Any) -> str:
    """Return the innermost reason of an error of Elasticsearch."""
    if not isinstance(told, dict):
        return str(told)[:500]
    cause = told.get("caused_by") or next(iter(told.get("root_cause") or ()), None) or {}
    inner = cause.get("reason") if cause.get("reason") != told.get("reason") else None
    return ": ".join(str(part) for part in (told.get("type"), told.get("reason"), inner) if part)[:500]


def _trust(keys: Keys, settings: Settings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(settings.resolve(keys.ca)) if keys.ca else None)
    except (OSError, ssl.SSLError) as error:
        hint = "a PEM file, such as the node's config/certs/http_ca.crt"
        raise ConfigError(f"[store] ca: {error}", where=settings.resolve(keys.ca or ""), hint=hint) from error
