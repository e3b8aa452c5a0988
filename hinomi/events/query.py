"""What people type: ``field=value field~part "two words"``, and windows such as 2h or 令和8年11月19日."""

import re
from datetime import UTC, datetime, timedelta

from hinomi.clock import JST, iso
from hinomi.errors import ConfigError
from hinomi.events import Term
from hinomi.text import ERAS

_FIELD = re.compile(r"(@?[A-Za-z_][\w.@-]*)(!=|>=|<=|=|~|>|<)")
_AGO = re.compile(r"(\d{1,6})([smhdw])")
_ERA = re.compile(r"(令和|平成|昭和)(元|\d{1,2})年(\d{1,2})月(\d{1,2})日")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse(query: str) -> tuple[Term, ...]:
    """Return the terms of a query.

    Raises:
        ConfigError: With the position of what cannot be read.
    """
    terms, place = [], 0
    while place < len(query):
        if query[place].isspace():
            place += 1
            continue
        match = _FIELD.match(query, place)
        field, op = (match[1], match[2]) if match else (None, "~")
        value, after = _value(query, match.end() if match else place)
        if match and value == "" and query[match.end() : match.end() + 1] != '"':
            raise ConfigError(
                f"no value after {field}{op} (position {place + 1})", hint='field=value, or field="two words"'
            )
        terms.append(Term(field, op, value))  # type: ignore[arg-type]  # one of the pattern's
        place = after
    return tuple(terms)


def _value(query: str, place: int) -> tuple[str, int]:
    if query[place : place + 1] != '"':
        end = place
        while end < len(query) and not query[end].isspace():
            end += 1
        return query[place:end], end
    found, index = [], place + 1
    while index < len(query):
        if query[index] == "\\" and query[index + 1 : index + 2] in ('"', "\\"):
            found.append(query[index + 1])
            index += 2
        elif query[index] == '"':
            return "".join(found), index + 1
        else:
            found.append(query[index])
            index += 1
    raise ConfigError(f"the quote at position {place + 1} is not closed", hint='"two words"')


def moment(words: str, now: datetime) -> datetime:
    """Return a time: ``now``, ``2h`` (ago), an ISO time, a date (JST), an era date.

    Raises:
        ConfigError: If it is none of these.
    """
    words = words.strip()
    if words in ("now", ""):
        return now
    try:
        if match := _AGO.fullmatch(words):
            return now - timedelta(seconds=int(match[1]) * _UNITS[match[2]])
        if match := _ERA.fullmatch(words):
            first = next(first for first, name in ERAS if name == match[1])
            year = first.year + (1 if match[2] == "元" else int(match[2])) - 1
            return datetime(year, int(match[3]), int(match[4]), tzinfo=JST)
        found = datetime.fromisoformat(words)
        found = (found if found.tzinfo else found.replace(tzinfo=JST)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"{words!r} is no time", hint="2h, 30d, 2026-11-19, 2026-11-19T08:00+09:00 or 令和8年11月19日"
        ) from error
    return found


def window(since: str, until: str, now: datetime) -> tuple[str, str]:
    """Return (since, until) as ISO times, until exclusive.

    Raises:
        ConfigError: If a time cannot be read, or the window is empty.
    """
    start, end = moment(since, now), moment(until, now)
    if start >= end:
        raise ConfigError(f"the window from {since} to {until} is empty", hint="--since lies before --until")
    return iso(start), iso(end)
