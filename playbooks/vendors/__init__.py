"""Vendors: one folder per product with ``adapter.py`` and ``simulator.py``. Entry points ``hinomi.vendors``.

An adapter knows only base URL, token URL and credentials, and speaks CONTRACTS 7: an intent is planned,
applied, looked for, verified. State is desired and observed; "sent" is never shown as "done". What adapters share is in
`calls`, what simulators share in `hinomi.playbooks.simulators`.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from hinomi.registry import Registry

#: state: may be sent again; job: only after `find_own` said no twice; once: never sent again (wipe, quarantine).
Capability = Literal["state", "job", "once"]


@dataclass(frozen=True)
class Intent:
    """One wanted effect.

    ``target`` holds ids as the vendor knows them (``machine``, ``file`` …);
    ``tag`` is ``[hinomi:tenant/incident/run:step:visit]``, written where the vendor keeps a comment.
    """

    action: str
    target: dict[str, str]
    tag: str
    params: dict[str, Any] = field(default_factory=dict)
    sent_at: str | None = None


@dataclass(frozen=True)
class Request:
    """The exact HTTP request of an intent, for dry runs and approval pages (no credentials in it)."""

    method: str
    url: str
    body: dict[str, Any] | list[dict[str, Any]] | None = None


@dataclass(frozen=True)
class Accepted:
    """The vendor took it. ``adopted``: it was so (or pending) before, by another's request."""

    vendor_id: str | None = None
    adopted: bool = False


State = Literal[
    "isolated", "released", "pending_isolation", "pending_release", "clean", "done", "pending", "failed", "unknown"
]


@dataclass(frozen=True)
class Observation:
    """What the vendor says is so. ``observed_at`` is ISO; ``next_poll_after`` in seconds."""

    state: State
    observed_at: str
    detail: str = ""
    vendor_id: str | None = None
    next_poll_after: float = 2.0


class VendorError(Exception):
    """An act that the vendor did not take.

    ``kind``: retryable (429, refused connection: certainly not taken), unknown (no answer or 5xx after send: ask before
    a retry), busy (another action is open), permanent (4xx), auth. A look that fails is retryable whatever it was.
    """

    def __init__(
        self,
        message: str,
        kind: Literal["retryable", "unknown", "busy", "permanent", "auth"],
        *,
        retry_after: float | None = None,
    ):
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after


class Adapter(Protocol):
    """One product. All calls are async, time out (10 s), and raise `VendorError`."""

    name: str

    def capabilities(self) -> dict[str, Capability]:
        """Return action → how it may be repeated: endpoint.isolate, endpoint.release, endpoint.scan, endpoint.quarantine_file."""
        ...

    def plan(self, intent: Intent) -> Request:
        """Return the exact request; sends nothing."""
        ...

    async def apply(self, intent: Intent) -> Accepted:
        """Send it once."""
        ...

    async def find_own(self, intent: Intent) -> Accepted | None:
        """Return our own earlier request if the vendor has it (by tag; else by state after our send time)."""
        ...

    async def read_state(self, target: dict[str, str]) -> Observation:
        """Return the containment state of a device: isolated, released, pending_…; unknown if it cannot be told."""
        ...

    async def verify(self, intent: Intent, vendor_id: str | None) -> Observation:
        """Return how far the intent is: for isolate/release the device's state, for jobs done, clean, pending, failed.

        ``vendor_id`` None: the state is all there is to look at.
        """
        ...

    async def undo(self, intent: Intent) -> Accepted:
        """Cancel what hinomi has pending of this intent's kind, if the vendor can, else send the opposite; the tag is the new wish's."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


class VendorType(Protocol):
    """What is registered: makes an adapter from the vendor's table in the settings, or raises ConfigError/Faults."""

    def __call__(self, settings: dict[str, Any]) -> Adapter:
        """Make one."""
        ...


vendors: Registry[VendorType] = Registry("vendor", __name__, submodule="adapter")
