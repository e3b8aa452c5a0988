"""JSON documents of vendors' APIs: one object a record, any key of which may be missing, null or of another kind."""

from collections.abc import Mapping
from typing import Any

from hinomi.collectors.decoding import decode
from hinomi.collectors.values import loads
from hinomi.event import RawRecord

Document = Mapping[str, Any]


def document(record: RawRecord) -> tuple[dict[str, Any], list[str]]:
    """Return a record's object and the names of what was repaired in it; an empty one if it is anything else."""
    raw = record.raw.lstrip()
    if not raw.startswith((b"{", b"\xef\xbb\xbf{")):
        return {}, []
    value, repaired = loads(decode(raw, record.encoding).text.lstrip("\ufeff"))
    return (value, repaired) if isinstance(value, dict) else ({}, [])


def text(value: Any) -> str:
    """Return a value as text, empty for null, lists and objects."""
    return "" if value is None or isinstance(value, dict | list) else str(value)


def objects(value: Any) -> list[Document]:
    """Return the objects of a list, or the one that stands in a list's place."""
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]


def part(value: Document, key: str) -> Document:
    """Return an object inside, empty where it is missing or of another kind."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def number(value: Any) -> int | None:
    """Return a whole number that may be written as text."""
    digits = text(value)
    return int(digits) if digits.isdecimal() and len(digits) < 19 else None
