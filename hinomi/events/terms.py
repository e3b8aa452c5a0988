"""The verdict: does an event fulfil a query's terms? The same in every store."""

from collections.abc import Sequence
from typing import Any

from hinomi.event import Event
from hinomi.events import Term


def _values(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: Any) -> str:
    return "true" if value is True else "false" if value is False else str(value)


def _one(event: Event, term: Term) -> bool:
    wanted = term.value.casefold()
    if term.field is None:
        return any(wanted in _text(item).casefold() for value in event.values() for item in _values(value))
    values = _values(event.get(term.field))
    if term.op == "=":
        return any(_text(item).casefold() == wanted for item in values)
    if term.op == "!=":
        return all(_text(item).casefold() != wanted for item in values)
    if term.op == "~":
        return any(wanted in _text(item).casefold() for item in values)
    return any(_compare(item, term.op, term.value) for item in values)


def _compare(value: Any, op: str, wanted: str) -> bool:
    try:
        left, right = float(value), float(wanted)
    except (ValueError, TypeError):
        left, right = _text(value), wanted  # type: ignore[assignment]  # both text: ISO times compare so
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[op]


def fits(event: Event, terms: Sequence[Term]) -> bool:
    """Tell whether all terms hold."""
    return all(_one(event, term) for term in terms)
