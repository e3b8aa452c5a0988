"""The part of OData that Defender for Endpoint's lists understand; anything else is refused.

Pages: learn.microsoft.com/defender-endpoint/api/exposed-apis-odata-samples, OData 4.01 URL conventions 5.1.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

TOP = 10_000
_WORDS = re.compile(
    r"""\s*(?:
    (?P<text>'(?:[^']|'')*')
  | (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,12})?)?(?:Z|[+-]\d\d:\d\d))
  | (?P<number>-?\d+(?:\.\d+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_/]*)
  | (?P<sign>[(),])
  )""",
    re.VERBOSE,
)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "gt": lambda a, b: bool(a > b),
    "ge": lambda a, b: bool(a >= b),
    "lt": lambda a, b: bool(a < b),
    "le": lambda a, b: bool(a <= b),
}

Test = Callable[[Mapping[str, Any]], bool]


class ODataError(Exception):
    """A query that the service does not understand."""


@dataclass(frozen=True)
class Fields:
    """What may be asked of one list: name → kind (text, time, number)."""

    filters: Mapping[str, str]
    newest_by: str
    expands: frozenset[str] = frozenset()

    def find(self, name: str) -> tuple[str, str]:
        """Return a property's own spelling and kind; the pages spell names either way, so case does not count."""
        for known, kind in self.filters.items():
            if known.lower() == name.lower():
                return known, kind
        raise ODataError(f"The property '{name}' cannot be used in the $filter query option.")


def ticks(text: str) -> int:
    """Return a time as 100-nanosecond ticks since 1970; the service keeps seven digits.

    Raises:
        ODataError: If it is no time with a zone.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ODataError(f"'{text}' is not an Edm.DateTimeOffset.")
    try:
        whole = datetime.fromisoformat(match[1] + match[3]).astimezone(UTC)
    except ValueError as error:
        raise ODataError(f"'{text}' is not an Edm.DateTimeOffset.") from error
    return int(whole.timestamp()) * 10_000_000 + int(f"{match[2] or '':0<7.7}")


def query(rows: Iterable[dict[str, Any]], options: Mapping[str, str], fields: Fields) -> list[dict[str, Any]]:
    """Answer one list request; ``$top`` caps the total, there is no next link, newest come first.

    Raises:
        ODataError: Naming what is not understood.
    """
    known = {"$filter", "$orderby", "$top", "$skip"} | ({"$expand"} if fields.expands else set())
    if unknown := set(options) - known:
        raise ODataError(f"The query option '{min(unknown)}' is not supported.")
    expands = {part.strip() for part in options.get("$expand", "").split(",") if part.strip()}
    if wrong := expands - fields.expands:
        raise ODataError(f"The property '{min(wrong)}' cannot be expanded.")
    found = list(rows)
    if "$filter" in options:
        found = list(filter(_Parser(options["$filter"], fields).whole(), found))
    for name, descending in reversed(_order(options.get("$orderby"), fields)):
        found.sort(key=lambda row: _value(row, name, fields.filters[name]), reverse=descending)
    skip, top = _count(options, "$skip", 0, 1 << 31), _count(options, "$top", TOP, TOP)
    return found[skip : skip + top]


def _count(options: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = options.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or int(text) > most:
        raise ODataError(f"Invalid value '{text}' for {name}; the maximum is {most}.")
    return int(text)


def _order(text: str | None, fields: Fields) -> list[tuple[str, bool]]:
    if text is None:
        return [(fields.newest_by, True)]
    found = []
    for part in text.split(","):
        name, _, direction = part.strip().partition(" ")
        if direction.strip() not in ("", "asc", "desc"):
            raise ODataError(f"Syntax error in $orderby at '{part.strip()}'.")
        found.append((fields.find(name)[0], direction.strip() == "desc"))
    return found


def _value(row: Mapping[str, Any], name: str, kind: str) -> Any:
    value = row.get(name)
    if kind == "time":
        return ticks(value) if value else -1
    return value if value is not None else (-1 if kind == "number" else "")


class _Parser:
    """Recursive descent over ``or``, ``and``, ``not``, parentheses and comparisons."""

    def __init__(self, text: str, fields: Fields):
        self._fields = fields
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(text.rstrip()):
            match = _WORDS.match(text, place)
            if match is None:
                raise ODataError(f"Syntax error at position {place} in '{text}'.")
            self._tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
            place = match.end()
        self._next = 0

    def whole(self) -> Test:
        """Parse all of it."""
        test = self._either()
        if self._next != len(self._tokens):
            self._fail()
        return test

    def _fail(self) -> None:
        raise ODataError(f"Syntax error in '{self._text}'.")

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("end", "")

    def _take(self) -> tuple[str, str]:
        token = self._peek()
        self._next += 1
        return token

    def _either(self) -> Test:
        tests = [self._both()]
        while self._peek() == ("name", "or"):
            self._take()
            tests.append(self._both())
        return lambda row: any(test(row) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._peek() == ("name", "and"):
            self._take()
            tests.append(self._one())
        return lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        if self._peek() == ("name", "not"):
            self._take()
            inner = self._one()
            return lambda row: not inner(row)
        if self._peek() == ("sign", "("):
            self._take()
            group = self._either()
            if self._take() != ("sign", ")"):
                self._fail()
            return group
        return self._comparison()

    def _comparison(self) -> Test:
        kind, written = self._take()
        if kind != "name":
            self._fail()
        name, wanted = self._fields.find(written)
        sign, operator = self._take()
        if sign == "name" and operator == "in":
            values = self._list(wanted)
            return lambda row: _value(row, name, wanted) in values
        if sign != "name" or operator not in _COMPARE:
            self._fail()
        compare, value = _COMPARE[operator], self._literal(wanted)
        return lambda row: compare(_value(row, name, wanted), value)

    def _list(self, wanted: str) -> list[Any]:
        if self._take() != ("sign", "("):
            self._fail()
        values = [self._literal(wanted)]
        while self._peek() == ("sign", ","):
            self._take()
            values.append(self._literal(wanted))
        if self._take() != ("sign", ")"):
            self._fail()
        return values

    def _literal(self, wanted: str) -> Any:
        kind, text = self._take()
        if wanted == "time" and kind == "time":
            return ticks(text)
        if wanted == "text" and kind == "text":
            return text[1:-1].replace("''", "'")
        if wanted == "number" and kind == "number":
            return float(text)
        raise ODataError(f"'{text}' does not fit a property of this type ({wanted}).")
