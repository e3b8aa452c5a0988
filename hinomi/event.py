"""The two shapes that travel: a raw record as it was received, and an event made of it.

An event is a flat dict of ECS names with dots; our own fields live under ``hinomi.*``
(field names: elastic.co/docs/reference/ecs). It is nested only at the edges.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

Value = str | int | float | bool | list[Any]
Event = dict[str, Any]


class RawRecord(msgspec.Struct, frozen=True, gc=False):
    """One record as received.

    ``place`` says where it came from (``<file id>:<offset>``, ``<batch id>:<index>``,
    ``<cursor>:<index>``); ``context`` is what it needs from its file (a CSV header);
    ``received`` is in microseconds since 1970; ``encoding`` and ``zone`` are those declared for its source.
    ``facts`` are what its envelope said (a syslog header), as fields of an event.
    """

    raw: bytes
    source: str
    place: str
    received: int
    context: str | None = None
    encoding: str = ""
    zone: str = "Asia/Tokyo"
    facts: Event | None = None


class Block(msgspec.Struct, frozen=True):
    """Records of one source in one spool row: parallel lists, one context for all."""

    source: str
    received: int
    places: list[str]
    raws: list[bytes]
    context: str | None = None
    backfill: bool = False

    def records(self, *, encoding: str = "", zone: str = "Asia/Tokyo", header: str = "") -> list[RawRecord]:
        """Return the block's records, with what is declared for their source (a header only where they have none)."""
        context = self.context or header or None
        return [
            RawRecord(raw, self.source, place, self.received, context, encoding, zone)
            for place, raw in zip(self.places, self.raws, strict=True)
        ]


def event_id(source: str, identity: str, raw: bytes, index: int) -> str:
    """Return BLAKE2b-128 of (source, vendor id or place, raw bytes, index in record) in hex.

    Deterministic, so that a replay gives the same id and an updated vendor alert another one.
    """
    parts = (source.encode(), identity.encode("utf-8", "surrogatepass"), raw, str(index).encode())
    whole = b"".join(piece for part in parts for piece in (len(part).to_bytes(8, "big"), part))
    return hashlib.blake2b(whole, digest_size=16).hexdigest()


def nested(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event with its dotted names unfolded: ``{"a.b": 1}`` → ``{"a": {"b": 1}}``.

    A name that is both a value and a parent keeps its children beside it under the dotted name.
    """
    tree: dict[str, Any] = {}
    for name in sorted(event):
        *parents, leaf = name.split(".")
        node = tree
        for parent in parents:
            child = node.setdefault(parent, {})
            if not isinstance(child, dict):
                break
            node = child
        else:
            node[leaf] = event[name]
            continue
        tree[name] = event[name]
    return tree


def flat(tree: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Yield (dotted name, value) of a nested mapping; lists are values."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
