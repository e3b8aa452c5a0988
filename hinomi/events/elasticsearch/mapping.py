"""How Elasticsearch indexes an event: ECS types for the fields that rules and people ask, and nothing by guessing.

`subobjects: false` keeps an event what it is, flat: a name may be a value in one event and a parent in another.
Fields: elastic.co/docs/reference/ecs.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from hinomi.events.types import kind_of

#: What is written beside an event's own fields; an event that is read back does not have them.
OWN = "hinomi.index."
TIME, RETENTION, EGRESS = f"{OWN}time", f"{OWN}retention", f"{OWN}egress"
ASIDE, WIDE, REFUSED, KEPT = f"{OWN}aside", f"{OWN}wide", f"{OWN}refused", f"{OWN}kept"
#: Fields without a type of their own, and values of another type than their field's.
REST = "hinomi.rest"

LONGEST_NAME = 512
LONGEST = 8191
"""Characters of a value that are indexed: one more of four bytes each, and Lucene refuses the document."""
CASELESS = {"type": "keyword", "normalizer": "lowercase", "ignore_above": LONGEST, "doc_values": False}
KEYWORD = {"type": "keyword", "ignore_above": LONGEST}
UNREAD = {"type": "keyword", "index": False, "doc_values": False}

#: Kept and never looked into by the index: ECS says so of it.
OPAQUE = frozenset({"event.original"})

OWN_FIELDS: dict[str, dict[str, Any]] = {
    TIME: {"type": "long"},  # microseconds since 1970: a `date` counts milliseconds, a `date_nanos` ends in 2262
    RETENTION: {"type": "long"},
    EGRESS: {"type": "boolean"},
    ASIDE: KEYWORD,
    WIDE: KEYWORD,
    REFUSED: KEYWORD,
    KEPT: UNREAD,
    REST: {"type": "flattened", "ignore_above": LONGEST, "depth_limit": 20},
}


def indexable(names: Sequence[str]) -> list[str]:
    """Return the names that can be fields of an index; rules may name anything."""
    known = set(names)
    return [name for name in names if _is_field(name) and not _is_beside(name, known)]


def _is_field(name: str) -> bool:
    parts = name.split(".")
    own = name == REST or name.startswith(OWN)
    return (
        name.isprintable() and len(name) <= LONGEST_NAME and all(map(str.strip, parts)) and name[0] != "_" and not own
    )


def _is_beside(name: str, known: set[str]) -> bool:
    """Tell whether a field would stand where another is indexed a second time."""
    parent, _, last = name.rpartition(".")
    return last in ("caseless", "text") and parent in known


def is_ip(name: str) -> bool:
    """Tell whether a field holds addresses."""
    return name.endswith(".ip") or name == "dns.resolved_ip"


def field_of(name: str) -> dict[str, Any]:
    """Return the mapping of one field."""
    kind = kind_of(name)
    if name in OPAQUE:
        return UNREAD
    if kind == "time":
        return {"type": "date"}
    if kind in ("long", "bool"):
        return {"type": "long" if kind == "long" else "boolean"}
    if is_ip(name):
        return {"type": "ip", "ignore_malformed": True, "fields": {"caseless": CASELESS, "text": KEYWORD}}
    return {**KEYWORD, "fields": {"caseless": CASELESS}}


def mappings(names: Iterable[str]) -> dict[str, Any]:
    """Return the mappings of an index with these fields."""
    properties = {name: field_of(name) for name in names}
    return {"dynamic": False, "date_detection": False, "subobjects": False, "properties": {**properties, **OWN_FIELDS}}


def template(stream: str, names: Iterable[str], shards: int) -> dict[str, Any]:
    """Return the index template of the data stream.

    A flush becomes visible by a refresh of its own and not before, so no half of one is read.
    """
    index = {
        "mode": "standard", "codec": "best_compression", "number_of_shards": shards, "auto_expand_replicas": "0-1", "refresh_interval": "-1",
        "mapping.total_fields.limit": 2000, "query.default_field": ["message", "event.action", "host.name", "user.name", "process.command_line", "file.path"],
    }  # fmt: skip
    body = {"settings": {"index": index}, "mappings": mappings(names)}
    return {"index_patterns": [stream], "data_stream": {}, "priority": 500, "template": body, "_meta": {"made_by": "hinomi"}}  # fmt: skip
