"""Who may see what: a tree of tenants and grants on its subtrees.

A tenant is a path ``prefecture/municipality/school``; the empty path is the root (the operator).
"""

import re
from dataclasses import dataclass, field

from hinomi.errors import RefusedError

_PART = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
DEPTH = 3


def is_tenant(path: str) -> bool:
    """Tell whether ``path`` is a well-formed tenant: one to three lower-case names, or the root."""
    parts = path.split("/") if path else []
    return len(parts) <= DEPTH and all(_PART.fullmatch(part) for part in parts)


def within(tenant: str, subtree: str) -> bool:
    """Tell whether ``tenant`` is ``subtree`` or lies below it; the empty subtree holds all."""
    return not subtree or tenant == subtree or tenant.startswith(subtree + "/")


def ancestors(tenant: str) -> list[str]:
    """Return the tenant, then what is above it, down to the root ``""``."""
    parts = tenant.split("/") if tenant else []
    return ["/".join(parts[:n]) for n in range(len(parts), -1, -1)]


def municipality(tenant: str) -> str:
    """Return the municipality's part of a tenant's path."""
    return "/".join(tenant.split("/")[:2])


#: What a key or a role may be allowed to do. Ingest is not read, read is not act, act is not audit.
SCOPES = frozenset({"ingest", "read", "act", "audit", "admin"})


@dataclass(frozen=True)
class Grant:
    """Who asks, for which subtree, with which scopes."""

    actor: str
    tenant: str = ""
    scopes: frozenset[str] = field(default_factory=frozenset)

    def allows(self, scope: str, tenant: str | None = None) -> bool:
        """Tell whether the scope is held, and the tenant (if one is named) lies in the subtree."""
        held = scope in self.scopes or ("admin" in self.scopes and scope != "ingest")
        return held and (tenant is None or within(tenant, self.tenant))

    def demand(self, scope: str, tenant: str | None = None) -> None:
        """Return if allowed.

        Raises:
            RefusedError: If not; says which scope or subtree is missing.
        """
        if not self.allows(scope):
            raise RefusedError(f"{self.actor} lacks the scope {scope!r}", hint="hinomi key create --scope …")
        if not self.allows(scope, tenant):
            raise RefusedError(f"{self.actor} may not act on tenant {tenant!r}")
