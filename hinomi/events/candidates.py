"""What a store is asked for a hunt: a superset of the events that a rule may match, as data.

The verdict on a candidate is the matcher's own, so a filter may say too much and never too little. Texts are ASCII
and in lower case; where a comparison cannot be said so, nothing is said (`ALL`).
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Kind = Literal["equals", "contains", "starts", "ends", "present"]


class Is(NamedTuple):
    """A value of the field, in lower case, compares so with ``text``."""

    field: str
    kind: Kind
    text: str = ""


class AllOf(NamedTuple):
    """Every part holds; no part: every event."""

    parts: "tuple[Filter, ...]" = ()


class AnyOf(NamedTuple):
    """One part holds; no part: no event."""

    parts: "tuple[Filter, ...]" = ()


Filter = Is | AllOf | AnyOf
ALL = AllOf()


def all_of(parts: list[Filter]) -> Filter:
    """Return the parts joined, without those that say nothing."""
    kept = tuple(part for part in parts if part != ALL)
    return kept[0] if len(kept) == 1 else AllOf(kept)


def any_of(parts: list[Filter]) -> Filter:
    """Return the parts as choices; one that says nothing makes all of them say nothing."""
    if ALL in parts:
        return ALL
    return parts[0] if len(parts) == 1 else AnyOf(tuple(dict.fromkeys(parts)))


def holds(found: Filter, event: Mapping[str, Any]) -> bool:
    """Tell whether an event is a candidate: what every store must at least return."""
    if isinstance(found, AllOf):
        return all(holds(part, event) for part in found.parts)
    if isinstance(found, AnyOf):
        return any(holds(part, event) for part in found.parts)
    value = event.get(found.field)
    texts = [_text(item) for item in (value if isinstance(value, list) else [value]) if item is not None]
    if found.kind == "present":
        return bool(texts)
    return any(not text.isascii() or _compares(found, text.lower()) for text in texts)


def _compares(found: Is, text: str) -> bool:
    if found.kind == "equals":
        return text == found.text
    if found.kind == "contains":
        return found.text in text
    return text.startswith(found.text) if found.kind == "starts" else text.endswith(found.text)


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
