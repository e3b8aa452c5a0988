"""The part of the Falcon Query Language that the lists understand; anything else is refused.

Page: falconpy.io/Usage/Falcon-Query-Language: ``field:'value'``, ``field:>'value'``, ``+`` and, ``,`` or, brackets.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Row = Mapping[str, Any]
Test = Callable[[Row], bool]
_WORDS = re.compile(
    r"\s*(?:(?P<term>(?P<name>[a-z_]+(?:\.[a-z_]+)*):(?P<sign>!|>=|<=|>|<)?(?P<value>'(?:[^'\\]|\\.)*'|-?\d+|true|false))|(?P<mark>[+,()]))"
)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")


class FqlError(Exception):
    """A filter or a sort that the service does not understand."""


def value_of(row: Row, name: str) -> Any:
    """Return a field of a row, by its path."""
    found: Any = row
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _comparable(text: Any) -> Any:
    """Return a value as it is compared: times to the nanosecond, the rest as it is."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if not found:
        return text
    whole = int(datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp())
    return whole * 10**9 + int((found[2] or "").ljust(9, "0"))


def compile_filter(text: str, fields: Mapping[str, str]) -> Test:
    """Return the test of a filter; ``fields``: name → text, time or number.

    Raises:
        FqlError: Naming what is not understood.
    """
    words, place = [], 0
    while place < len(text.rstrip()):
        found = _WORDS.match(text, place)
        if not found:
            raise FqlError(f"Invalid filter expression supplied near '{text[place : place + 20]}'")
        words.append(found)
        place = found.end()
    rest = list(reversed(words))
    test = _either(rest, fields)
    if rest:
        raise FqlError("Invalid filter expression supplied")
    return test


def _either(rest: list[re.Match[str]], fields: Mapping[str, str]) -> Test:
    return _chain(rest, ",", lambda: _chain(rest, "+", lambda: _one(rest, fields), all), any)


def _chain(
    rest: list[re.Match[str]], mark: str, part: Callable[[], Test], how: Callable[[Iterator[bool]], bool]
) -> Test:
    tests = [part()]
    while rest and rest[-1]["mark"] == mark:
        rest.pop()
        tests.append(part())
    return lambda row: how(test(row) for test in tests)


def _one(rest: list[re.Match[str]], fields: Mapping[str, str]) -> Test:
    if not rest:
        raise FqlError("Invalid filter expression supplied")
    word = rest.pop()
    if word["mark"] == "(":
        test = _either(rest, fields)
        if not rest or rest.pop()["mark"] != ")":
            raise FqlError("Invalid filter expression supplied")
        return test
    if word["term"] is None:
        raise FqlError("Invalid filter expression supplied")
    return _term(word["name"], word["sign"] or "", word["value"], fields)


def _term(name: str, sign: str, text: str, fields: Mapping[str, str]) -> Test:
    kind = fields.get(name)
    if kind is None:
        raise FqlError(f"Unknown filter property '{name}'")
    if sign in (">", ">=", "<", "<=") and kind == "text":
        raise FqlError(f"'{name}' cannot be compared")
    wanted: Any = text[1:-1].replace("\\'", "'").replace("\\\\", "\\") if text.startswith("'") else text
    if kind == "time" and not _TIME.fullmatch(wanted):
        raise FqlError(f"Invalid time '{wanted}'")
    wanted = int(wanted) if kind == "number" else _comparable(wanted)
    compare: dict[str, Callable[[Any], bool]] = {
        "": lambda value: bool(value == wanted), "!": lambda value: bool(value != wanted), ">": lambda value: bool(value > wanted),
        ">=": lambda value: bool(value >= wanted), "<": lambda value: bool(value < wanted), "<=": lambda value: bool(value <= wanted),
    }  # fmt: skip

    def test(row: Row) -> bool:
        value = _comparable(value_of(row, name))
        return value is not None and compare[sign](value)

    return test


def sort(rows: Sequence[Row], text: str, fields: Mapping[str, str]) -> list[Row]:
    """Return rows in the order of ``field|asc`` or ``field|desc``."""
    name, _, way = text.replace(".asc", "|asc").replace(".desc", "|desc").partition("|")
    if name not in fields or way not in ("asc", "desc"):
        raise FqlError(f"Invalid sort '{text}'")
    return sorted(rows, key=lambda row: _comparable(value_of(row, name)) or 0, reverse=way == "desc")
