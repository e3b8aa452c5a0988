"""The application: every module of `hinomi.api.routes`, one way to say errors, strict headers."""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from hinomi import __version__, log
from hinomi.api import routes
from hinomi.api.auth import Caller
from hinomi.api.deps import Deps
from hinomi.api.exercise import mark_pages
from hinomi.errors import HinomiError

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def problem(status: int, title: str, *, hint: str | None = None, **more: Any) -> JSONResponse:
    """Return an RFC 9457 problem; ``hint`` says what to do next."""
    body = {"type": "about:blank", "status": status, "title": title, **({"hint": hint} if hint else {}), **more}
    return JSONResponse(body, status, media_type="application/problem+json")


def create_app(deps: Deps, *, local: Caller | None = None) -> FastAPI:
    """Build the application; ``local`` is the caller of in-process commands, who needs no key."""
    app = FastAPI(title="hinomi", version=__version__, docs_url=None, redoc_url=None)
    app.state.deps = deps
    app.state.local = local
    for module in pkgutil.iter_modules(routes.__path__, f"{routes.__name__}."):
        app.include_router(importlib.import_module(module.name).router)
    app.add_exception_handler(HinomiError, _refuse)
    app.add_exception_handler(OperationalError, _away)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.middleware("http")(_headers)
    if deps.settings.drill.on:
        app.middleware("http")(mark_pages)
    return app


async def _headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, HinomiError)  # noqa: S101 - registered for nothing else
    return problem(error.status, error.message, hint=error.hint, exit_code=error.exit_code)


async def _away(_: Request, error: Exception) -> Response:
    log.get().error("api.state_away", error=str(error))
    answer = problem(503, "the state store does not answer now", hint="send it again in a few seconds")
    answer.headers["Retry-After"] = "5"
    return answer


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for nothing else
    faults = [{"where": ".".join(map(str, e["loc"])), "what": e["msg"]} for e in error.errors()]
    return problem(400, "; ".join(f"{f['where']}: {f['what']}" for f in faults), exit_code=2, faults=faults)


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    return problem(error.status_code, str(error.detail))
