"""API keys: 256 random bits, kept as SHA-256, with scopes, a tenant's subtree, an end, and a role.

The secret is shown once. ``hnm_<id>_<secret>``: the id can be named in logs and revoked by.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from hinomi import audit
from hinomi.clock import iso
from hinomi.errors import AuthError, ConfigError, NotFoundError, RefusedError
from hinomi.state import t
from hinomi.tenancy import SCOPES, Grant, is_tenant, within

ROLES = ("", "operator", "operator_lead", "board", "auditor", "school", "admin", "system")


def digest(secret: str) -> str:
    """Return what is kept of a key."""
    return hashlib.sha256(secret.encode()).hexdigest()


def create(
    conn: Connection,
    now: datetime,
    grant: Grant,
    *,
    name: str,
    scopes: Sequence[str],
    tenant: str = "",
    role: str = "",
    sources: Sequence[str] | None = None,
    person: str | None = None,
    days: int | None = None,
) -> tuple[str, str]:
    """Make a key; return (id, the key itself, shown this once).

    Raises:
        ConfigError: If a scope, role or tenant does not exist.
        RefusedError: If the caller would hand out what they do not hold.
    """
    unknown = set(scopes) - SCOPES
    if unknown or not scopes:
        raise ConfigError(
            f"unknown scope {', '.join(sorted(unknown)) or '(none given)'}", hint=f"known: {', '.join(sorted(SCOPES))}"
        )
    if role not in ROLES:
        raise ConfigError(f"unknown role {role!r}", hint=f"known: {', '.join(r for r in ROLES if r)}")
    if not is_tenant(tenant):
        raise ConfigError(f"{tenant!r} is no tenant", hint="write prefecture/municipality/school")
    grant.demand("admin")
    if not within(tenant, grant.tenant):
        raise RefusedError(f"{grant.actor} may not make keys for tenant {tenant!r}")
    key_id = secrets.token_hex(4)
    secret = f"hnm_{key_id}_{secrets.token_urlsafe(32)}"
    conn.execute(
        insert(t.api_key).values(
            id=key_id,
            name=name,
            hash=digest(secret),
            scopes=sorted(set(scopes)),
            tenant=tenant,
            role=role,
            person=person,
            sources=list(sources) if sources is not None else None,
            created_at=iso(now),
            expires_at=iso(now + timedelta(days=days)) if days else None,
        )
    )
    detail = {"name": name, "scopes": sorted(set(scopes)), "role": role, "sources": list(sources or [])}
    audit.record(conn, now, actor=grant.actor, act="key.create", object=f"key:{key_id}", tenant=tenant, detail=detail)
    return key_id, secret


def check(conn: Connection, now: datetime, secret: str) -> tuple[Grant, str]:
    """Return the grant and the role of a key.

    Raises:
        AuthError: If there is no such key, or it is revoked or past its end.
    """
    row = conn.execute(select(t.api_key).where(t.api_key.c.hash == digest(secret))).first()
    if row is None or row.revoked_at:
        raise AuthError("this key is not known or was revoked", hint="hinomi key create makes one")
    if row.expires_at and row.expires_at <= iso(now):
        raise AuthError(f"this key ended at {row.expires_at}", hint="hinomi key create makes a new one")
    actor = f"person:{row.person}" if row.person else f"key:{row.id}"
    return Grant(actor, row.tenant, frozenset(row.scopes)), row.role


def list_keys(conn: Connection, grant: Grant) -> list[dict[str, Any]]:
    """Return the keys of the caller's subtree, without secrets."""
    grant.demand("admin")
    rows = conn.execute(select(t.api_key).order_by(t.api_key.c.created_at))
    hidden = {"hash"}
    return [
        {k: v for k, v in row._mapping.items() if k not in hidden} for row in rows if within(row.tenant, grant.tenant)
    ]


def revoke(conn: Connection, now: datetime, grant: Grant, key_id: str, reason: str) -> None:
    """Revoke a key; ingest may honour it for 5 more seconds (its cache)."""
    row = conn.execute(select(t.api_key).where(t.api_key.c.id == key_id)).first()
    if row is None or not within(row.tenant, grant.tenant):
        raise NotFoundError(f"no key {key_id!r}", hint="hinomi key list")
    grant.demand("admin", row.tenant)
    conn.execute(update(t.api_key).where(t.api_key.c.id == key_id).values(revoked_at=iso(now)))
    audit.record(
        conn,
        now,
        actor=grant.actor,
        act="key.revoke",
        object=f"key:{key_id}",
        tenant=row.tenant,
        detail={"reason": reason},
    )
