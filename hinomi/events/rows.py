"""Events to Arrow rows and back, exactly: what is no column, or not of its type, is kept in ``hinomi.rest``."""

from collections.abc import Sequence
from typing import Any

import orjson
import pyarrow as pa

from hinomi.clock import iso
from hinomi.event import Event
from hinomi.events.types import fitting, kind_of

REST = "hinomi.rest"
_ARROW = {
    "time": pa.timestamp("us", "UTC"),
    "long": pa.int64(),
    "list": pa.list_(pa.string()),
    "bool": pa.bool_(),
    "text": pa.string(),
}
UNKNOWN: tuple[str, Any] = ("", None)


def schema_of(columns: Sequence[str]) -> pa.Schema:
    """Return the Arrow schema of the columns, the rest, and the partition."""
    fields = [(name, _ARROW[kind_of(name)]) for name in columns]
    return pa.schema([*fields, (REST, pa.string()), ("day", pa.string()), ("retention", pa.string())])


def batch_of(events: Sequence[Event], columns: Sequence[str], retention: int) -> pa.Table:
    """Return events as one Arrow table."""
    data: dict[str, list[Any]] = {name: [None] * len(events) for name in (*columns, REST, "day", "retention")}
    known = {name: (kind_of(name), data[name]) for name in columns}
    for index, event in enumerate(events):
        rest: Event = {}
        for name, value in event.items():
            kind, column = known.get(name, UNKNOWN)
            if kind == "text" and type(value) is str:
                column[index] = value  # nearly all
            elif column is None or value is None or (kept := fitting(kind, value)) is None:
                rest[name] = value
            else:
                column[index] = kept
        if rest:
            data[REST][index] = orjson.dumps(rest).decode()
        data["day"][index] = event["@timestamp"][:10] if data["@timestamp"][index] else "1970-01-01"
        data["retention"][index] = str(event.get("hinomi.retention", retention))
    return pa.table(data, schema=schema_of(columns))


def event_of(row: dict[str, Any]) -> Event:
    """Return the event of a row, as it was appended."""
    event: Event = {}
    for name, value in row.items():
        if value is None or name in (REST, "day", "retention"):
            continue
        event[name] = iso(value) if name == "@timestamp" else value
    if rest := row.get(REST):
        event |= orjson.loads(rest)
    return event
