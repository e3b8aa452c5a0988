"""Who asks: the Bearer key of a request becomes a `Caller`; without one, everything is refused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from hinomi.api import keys
from hinomi.api.deps import Deps
from hinomi.errors import AuthError
from hinomi.tenancy import SCOPES, Grant


@dataclass(frozen=True)
class Caller:
    """A grant, and the role its holder decides in."""

    grant: Grant
    role: str


def local_caller(user: str) -> Caller:
    """Return the caller of a command that holds the data folder itself."""
    return Caller(Grant(f"local:{user}", "", SCOPES), "admin")


def get_deps(request: Request) -> Deps:
    """Return the parts behind the API."""
    deps: Deps = request.app.state.deps
    return deps


def get_caller(request: Request) -> Caller:
    """Return who asks.

    Raises:
        AuthError: If there is no valid key.
    """
    local: Caller | None = getattr(request.app.state, "local", None)
    if local is not None:
        return local
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret:
        raise AuthError("a key is needed", hint="send Authorization: Bearer <key>")
    deps = get_deps(request)
    with deps.state.read() as conn:
        grant, role = keys.check(conn, deps.clock.now(), secret.strip())
    return Caller(grant, role)


Parts = Annotated[Deps, Depends(get_deps)]


def _holds(scope: str) -> Callable[[Request], Caller]:
    def caller(request: Request) -> Caller:
        found = get_caller(request)
        found.grant.demand(scope)
        return found

    return caller


#: A caller whose key holds the scope: asked before anything of the request is looked at. Which tenant is asked where the row is known.
Reads = Annotated[Caller, Depends(_holds("read"))]
Acts = Annotated[Caller, Depends(_holds("act"))]
Audits = Annotated[Caller, Depends(_holds("audit"))]
Admins = Annotated[Caller, Depends(_holds("admin"))]
