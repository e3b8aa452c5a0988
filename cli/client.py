"""One way to ask for anything: over HTTP while `serve` runs, else the same application in this process.

CONTRACTS 9: a lock held by `serve` means HTTP only, and no answer in 5 s is a failure; a lock held by
another command is waited for; with the lock free, the command acts as ``local:<user>``.
"""

import getpass
import json
import os
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from hinomi.cli.output import say
from hinomi.errors import AuthError, ConfigError, ConflictError, HinomiError
from hinomi.runtime.lock import DataLock, holder
from hinomi.text import _

ANSWER = 5.0
"""Seconds a server has to answer."""
PATIENCE = 30.0
"""Seconds that another command is waited for."""
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open  # the server is on this machine
BATCH = 600.0
"""Seconds between two lines of an answer that comes bit by bit."""


def find_config(given: str | None) -> Path:
    """Return the settings file: --config, $HINOMI_CONFIG, ./hinomi.toml, ~/.config/hinomi/hinomi.toml.

    Raises:
        ConfigError: If there is none; says where it looked.
    """
    if given:
        path = Path(given)
        if not path.exists():
            raise ConfigError("no such settings file", where=path, hint="hinomi init DIR makes one")
        return path
    places = [Path("hinomi.toml"), Path.home() / ".config/hinomi/hinomi.toml"]
    for place in places:
        if place.exists():
            return place
    raise ConfigError(
        "no settings file",
        hint=f"give --config FILE, or make one: hinomi init DIR (looked at {', '.join(map(str, places))})",
    )


def data_folder(config: Path) -> Path:
    """Return the data folder without reading all settings: most commands only need the lock in it."""
    try:
        named = tomllib.loads(config.read_text(encoding="utf-8")).get("data", "data")
    except (OSError, ValueError) as error:
        raise ConfigError(f"not TOML: {error}", where=config) from error
    return (config.resolve().parent / os.environ.get("HINOMI_DATA", str(named))).resolve()


class Client:
    """Asks the API of one data folder."""

    def __init__(self, config: str | None):
        """Find the settings file and its data folder."""
        self.config = find_config(config)
        self.data = data_folder(self.config)

    def get(self, path: str, **params: Any) -> Any:
        """Return the JSON answer of a GET; parameters that are None are left out."""
        return self.call("GET", path, params=params)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON answer of a POST."""
        return self.call("POST", path, body=body or {})

    def call(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
        raw: bool = False,
    ) -> Any:
        """Ask; return the JSON (``raw``: the bytes) of the answer.

        Raises:
            HinomiError: With the server's own message, hint and exit code.
        """
        query = urlencode(
            [
                (k, v)
                for k, vs in (params or {}).items()
                for v in (vs if isinstance(vs, list | tuple) else [vs])
                if v is not None
            ]
        )
        target = f"/api/v1/{quote(path)}" + (f"?{query}" if query else "")
        held = self._lock(f"hinomi {path}", shared=method == "GET" and not raw)  # a file taken out is audited
        if isinstance(held, str):
            status, content = self._over_http(held, method, target, body)
        else:
            with held:
                status, content = self._in_process(method, target, body)
        if status >= 400:
            raise _error(status, content)
        return content if raw else json.loads(content) if content else None

    def _lock(self, what: str, *, shared: bool) -> DataLock | str:
        """Return the data folder's lock, or the address of `serve`, which has it; another command is waited for."""
        began, said = time.monotonic(), False
        while True:
            try:
                return DataLock(self.data, what=what, shared=shared)
            except ConflictError:
                about = holder(self.data)
                if address := about.get("address"):
                    return str(address)
                if time.monotonic() >= began + PATIENCE:
                    raise
            if not said and time.monotonic() >= began + 0.5:
                who = f"{about['what']} (process {about['pid']})" if "pid" in about else _("another command")
                say(_("waiting for {who}, which holds the data folder …").format(who=who))
                said = True
            time.sleep(0.1)

    def stream(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the JSON lines of a POST's answer as they come.

        Raises:
            HinomiError: As `call`; also where the answer breaks off.
        """
        target = f"/api/v1/{path}"
        held = self._lock(f"hinomi {path}", shared=False)
        if not isinstance(held, str):
            from hinomi.runtime.streaming import stream

            with held:
                yield from self._checked(stream(self.config, getpass.getuser(), target, body))
            return
        try:
            with _open(self._request(held, "POST", target, body), timeout=BATCH) as answer:
                yield from map(json.loads, answer)
        except urllib.error.HTTPError as error:
            with error:
                raise _error(error.code, error.read()) from error
        except (OSError, HTTPException) as error:
            raise HinomiError(
                f"hinomi serve at {held} does not answer: {error}", hint=_("hinomi doctor says more")
            ) from error

    @staticmethod
    def _checked(lines: "Iterator[tuple[int, bytes]]") -> Iterator[dict[str, Any]]:
        for status, line in lines:
            if status >= 400:
                raise _error(status, line)
            yield json.loads(line)

    def _request(self, address: str, method: str, target: str, body: dict[str, Any] | None) -> urllib.request.Request:
        request = urllib.request.Request(address + target, method=method)  # noqa: S310 - the address is the lock's
        request.add_header("Authorization", f"Bearer {self._key()}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        return request

    def _over_http(self, address: str, method: str, target: str, body: dict[str, Any] | None) -> tuple[int, bytes]:
        request = self._request(address, method, target, body)
        try:
            with _answer(request) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except (OSError, HTTPException) as error:
            hint = _("look at its log; hinomi doctor says more")
            if method != "GET":
                hint = _("it may still do what was asked: look before you ask again")
            raise HinomiError(f"hinomi serve at {address} does not answer: {error}", hint=hint) from error

    def _key(self) -> str:
        if key := os.environ.get("HINOMI_KEY"):
            return key
        path = self.data / "keys" / "admin.key"
        try:
            return path.read_text().strip()
        except OSError as error:
            raise AuthError("no key", hint=f"set HINOMI_KEY, or let {path} be readable") from error

    def _in_process(self, method: str, target: str, body: dict[str, Any] | None) -> tuple[int, bytes]:
        import asyncio

        from hinomi.runtime.local import answer

        def driving() -> None:
            say(_("hinomi serve does not run: this command carries out what was asked for …"))

        result = asyncio.run(answer(self.config, getpass.getuser(), method, target, body, driving))
        return result.status, result.content


def _answer(request: urllib.request.Request) -> Any:
    """Send; a server that does not listen yet gets as long as one that does not answer."""
    deadline = time.monotonic() + ANSWER
    while True:
        try:
            return _open(request, timeout=ANSWER)
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError) or time.monotonic() >= deadline:
                raise
        time.sleep(0.1)


def _error(status: int, content: bytes) -> HinomiError:
    try:
        body = json.loads(content)
    except ValueError:
        return HinomiError(f"answer {status} of the server", hint="look at its log")
    hint = body.get("hint") or (_("the lists (hinomi … list) show what there is") if status in (404, 405) else None)
    error = HinomiError(body.get("title", f"answer {status}"), hint=hint)
    codes = {400: 2, 401: 4, 403: 5}
    error.exit_code = int(body.get("exit_code") or codes.get(status, 1))
    return error
