"""What all adapters share: one call, its trouble as a `VendorError`, and the one machine that is meant."""

import asyncio
import re
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, Literal, TypeVar

import httpx2

from hinomi.clock import SystemClock, parse_iso
from hinomi.collectors.pulls.asking import retry_after
from hinomi.collectors.pulls.bearer import Client, TokenError
from hinomi.playbooks.vendors import VendorError

OPPOSITE = {"endpoint.isolate": "endpoint.release", "endpoint.release": "endpoint.isolate"}
OURS = "[hinomi:"
"""What every tag of ours begins with."""
MACHINE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")

LOOK = 2.0
"""Seconds a look before an act may take: it never holds up a cut-off for longer."""
SLACK = timedelta(minutes=5)
"""How far our clock and a vendor's may be apart."""

T = TypeVar("T")
Kind = Literal["retryable", "unknown", "busy", "permanent", "auth"]


def machine_of(target: dict[str, str]) -> str:
    """Return the one machine that is meant: never an empty id, a pattern, or something that ends a path or a filter."""
    machine = target.get("machine", "")
    if not MACHINE.fullmatch(machine):
        raise VendorError(f"{machine!r} is no machine id", "permanent")
    return machine


async def call(client: Client, method: str, path: str, *, sending: bool = False, **more: Any) -> httpx2.Response:
    """Return the answer of one request. ``sending``: it wants something done, so without an answer nobody knows."""
    try:
        return await client.request(method, path, **more)
    except TokenError as error:
        raise VendorError(str(error), "auth" if error.permanent else "retryable") from error
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        raise VendorError(f"not reached: {type(error).__name__}", "retryable") from error
    except httpx2.HTTPError as error:
        kind: Kind = "unknown" if sending else "retryable"
        raise VendorError(f"no answer: {type(error).__name__}", kind) from error


async def glance(look: Awaitable[T]) -> T | None:
    """Return what a look before an act finds; None if it fails: that does not keep a device on the network.

    Raises:
        VendorError: If the act itself would be refused for the same reason.
    """
    try:
        async with asyncio.timeout(LOOK):
            return await look
    except TimeoutError:
        return None
    except VendorError as error:
        if error.kind in ("permanent", "auth"):
            raise
        return None


def problem(response: httpx2.Response, told: str, *, status: int | None = None, sending: bool = False) -> VendorError:
    """Return what an answer other than success means. ``status``: of one item, where several were answered at once."""
    status = status or response.status_code
    text = f"{status} {told}"
    if status in (401, 403):
        return VendorError(text, "auth")
    if status in (408, 429) or status >= 500:
        kind: Kind = "unknown" if sending and status != 429 else "retryable"
        return VendorError(text, kind, retry_after=retry_after(response))
    return VendorError(text, "permanent")


def body_of(response: httpx2.Response) -> Any:
    """Return an answer's JSON; None if it is none."""
    try:
        return response.json()
    except ValueError:
        return None


def pause(since: str | None) -> float:
    """Return the seconds to the next look at what was asked for then: often at first, sparing the vendor's limits later."""
    if since is None:
        return 2.0
    age = (SystemClock().now() - parse_iso(since)).total_seconds()
    return 0.5 if age < 3 else 2.0 if age < 30 else 10.0
