"""Events to documents and back, exactly: what the index cannot hold in full is named, so that no search passes it by."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from hinomi.clock import parse_iso
from hinomi.event import Event
from hinomi.events.elasticsearch.mapping import (
    ASIDE,
    EGRESS,
    KEPT,
    LONGEST,
    LONGEST_NAME,
    OPAQUE,
    OWN,
    REFUSED,
    REST,
    RETENTION,
    TIME,
    WIDE,
)
from hinomi.events.types import fitting

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: What is indexed even of an event that Elasticsearch refuses, so that it is found by tenant, source and host.
IDENTITY = ("event.id", "event.module", "event.dataset", "hinomi.tenant", "hinomi.source", "hinomi.host.id")


def micros(moment: str) -> int:
    """Return microseconds since 1970; 0 of what is no time."""
    try:
        return (parse_iso(moment) - _EPOCH) // _MICROSECOND
    except (ValueError, TypeError, OverflowError):
        return 0


def moment_of(micros: int) -> datetime:
    """Return the time of microseconds since 1970."""
    return _EPOCH + micros * _MICROSECOND


def name_of(field: str) -> str:
    """Return a field's name as the index holds it."""
    return field[:LONGEST_NAME]


def document(event: Event, kinds: Mapping[str, str], retention: int) -> dict[str, Any]:
    """Return an event as it is indexed. ``kinds`` are the mapped fields."""
    made, rest, aside, wide = _frame(event, retention), {}, set(), set()
    for name, value in event.items():
        kind = kinds.get(name)
        if kind is None or value is None or fitting(kind, value) is None:
            rest[name] = value
            aside.add(name_of(name))
            continue
        made[name] = value
        if kind in ("text", "list") and name not in OPAQUE:
            for text in (value,) if isinstance(value, str) else value:
                if len(text) > LONGEST or not _folds(text):
                    aside.add(name)
                if not text.isascii():
                    wide.add(name)
    if rest:
        made[REST] = rest
    return made | {name: sorted(found) for name, found in ((ASIDE, aside), (WIDE, wide)) if found}


def _frame(event: Event, retention: int) -> dict[str, Any]:
    days = event.get("hinomi.retention", retention)
    return {
        "@timestamp": "1970-01-01T00:00:00Z", TIME: micros(event["@timestamp"]), EGRESS: "hinomi.egress.channel" in event,
        RETENTION: days if isinstance(days, int) and 0 <= days < 2**31 else retention,
    }  # fmt: skip


def _folds(text: str) -> bool:
    """Tell whether Elasticsearch's lower case and Python's case folding see one text here (ß, ſ and İ differ)."""
    return text.isascii() or (text.lower() == text.casefold() and len(text.lower()) == len(text))


def bare(event: Event, retention: int, reason: str, *, whole: bool = True) -> dict[str, Any]:
    """Return an event that was refused in a form that never is: whole, not looked into, marked with the reason."""
    made = _frame(event, retention)
    if fitting("time", event["@timestamp"]) is not None:
        made["@timestamp"] = event["@timestamp"]
    made |= {name: event[name] for name in IDENTITY if isinstance(event.get(name), str) and len(event[name]) <= LONGEST}
    made |= {ASIDE: sorted({name_of(name) for name in event}), REFUSED: reason[:1000]}
    return {**made, KEPT: orjson.dumps(event).decode()} if whole else made


def event_of(found: Mapping[str, Any]) -> Event:
    """Return the event of a document, as it was appended."""
    if kept := found.get(KEPT):
        event: Event = orjson.loads(kept)
        return event
    event = {name: value for name, value in found.items() if name != REST and not name.startswith(OWN)}
    event.update(found.get(REST, {}))
    return event


def lines(documents: Sequence[tuple[str, bytes]]) -> bytes:
    """Return a body of ``_bulk``: each is created, never written over."""
    return b"".join(b'{"create":{"_id":' + orjson.dumps(name) + b"}}\n" + body + b"\n" for name, body in documents)
