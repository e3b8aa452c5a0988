"""JSON that is wrong in a value only: read all the same, with that value replaced and named.

orjson refuses a whole line for a lone surrogate, NaN, or depth; a bad value must not be a hiding
place, so the slow path reads what a person would. Depth is bounded: what is deeper is kept as text.
"""

import json
import math
import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple

import orjson

INT64 = (-(2**63), 2**63 - 1)
DEEPEST = 64
MOST_TOKENS = 500_000
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[{\]}]', re.DOTALL)
"""A string, or a bracket outside of one; linear, whatever the text."""
LONGEST, HEAD, TAIL = 65_536, 49_152, 16_383
"""A longer string keeps its first HEAD and last TAIL characters, so that all executors see the same."""


_NESTING = frozenset((dict, list))


class Parsed(NamedTuple):
    """The value (None: not JSON), and the names of fields whose value was replaced."""

    value: Any
    repaired: list[str]


def loads(text: str) -> Parsed:
    """Read one JSON text, tolerating wrong values."""
    try:
        value = orjson.loads(text)
        if "\x00" not in text and "\\u0000" not in text and text.count('":') == _keys(value):
            return Parsed(value, [])  # as many keys as colons behind quotes: none stands twice
    except (orjson.JSONDecodeError, UnicodeEncodeError, RecursionError):
        pass
    repaired: list[str] = []
    if _brackets(text) > DEEPEST:
        text = _shallow(text, repaired)
    return _slow(text, repaired)


def _keys(value: Any) -> int:
    kind = type(value)
    count = len(value) if kind is dict else 0
    for item in value.values() if kind is dict else value if kind is list else ():
        if type(item) in _NESTING:
            count += _keys(item)
    return count


def _brackets(text: str) -> int:
    """Return a bound of the nesting (brackets in strings count too), cheaply."""
    return text.count("{") + text.count("[")


def _shallow(text: str, repaired: list[str]) -> str:
    """Return the text with each value that lies too deep replaced by one character, so that the rest can be read."""
    parts: list[str] = []
    depth = at = start = 0
    for token in islice(_TOKEN.finditer(text), MOST_TOKENS):
        if (sign := token[0][0]) == '"':
            continue
        if sign in "[{":
            depth += 1
            if depth == DEEPEST + 1:
                start = token.start()
        else:
            depth -= 1
            if depth == DEEPEST:
                parts += (text[at:start], '"\ufffd"')
                at = token.end()
    if parts:
        repaired.append("*")
    return "".join((*parts, text[at:]))


def _slow(text: str, repaired: list[str]) -> Parsed:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) == len(items):
            return found
        several: dict[str, list[Any]] = {}
        for key, value in items:
            several.setdefault(key, []).append(value)
        twice = {key: values for key, values in several.items() if len(values) > 1}
        repaired.extend(twice)
        return found | twice

    def number(digits: str) -> int | str:
        return int(digits) if len(digits) < 20 else digits

    def constant(name: str) -> str:
        repaired.append(name)
        return name

    decoder = json.JSONDecoder(object_pairs_hook=pairs, parse_int=number, parse_constant=constant, strict=False)
    try:
        value = decoder.decode(text.strip())
    except (ValueError, RecursionError):
        return Parsed(None, [])
    return Parsed(value, repaired)


def all_safe(values: Iterable[Any]) -> bool:
    """Tell whether `clean` would give every one of these back as it is, looking at all their text at once."""
    texts: list[str] = []
    for value in values:
        kind = type(value)
        if kind is str:
            texts.append(value)
        elif kind is list:
            if not value:
                return False
            texts += value
        elif kind is not bool and not (kind is int and INT64[0] <= value <= INT64[1]):
            return False
    try:
        whole = "".join(texts)
        return "\x00" not in whole and len(whole) <= LONGEST and (whole.isascii() or bool(whole.encode()))
    except (TypeError, UnicodeEncodeError):
        return False


def clean(value: Any, name: str, repaired: list[str], truncated: list[str]) -> Any:
    """Return a value as events hold it: bounded, without NUL, surrogates, NaN or huge integers."""
    if isinstance(value, str):
        return _clean_text(value, name, repaired, truncated)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        if INT64[0] <= value <= INT64[1]:
            return value
        repaired.append(name)
        return str(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        repaired.append(name)
        return str(value)
    if isinstance(value, list):
        items = (clean(item, name, repaired, truncated) for item in value)
        return [item for item in items if item is not None]
    return _clean_text(json.dumps(value, ensure_ascii=False, default=str), name, repaired, truncated)


def _clean_text(text: str, name: str, repaired: list[str], truncated: list[str]) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
            repaired.append(name)
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
        repaired.append(name)
    if len(text) > LONGEST:
        truncated.append(name)
        text = text[:HEAD] + "…" + text[-TAIL:]
    return text
