r"""The canonical line: an event as the JSON that *we* write, case-folded, and how a literal stands in it.

Foreign escapes (``\u005c`` for a backslash) would evade a search, so the line is written anew from the event.
"""

import json
import re
from functools import lru_cache

import orjson

from hinomi.detections.engine.literals import END, START, WHOLE, WITHIN, Literal
from hinomi.detections.engine.predicates import UNSEARCHED, texts_of
from hinomi.event import Event

_NUMBER = re.compile(r"-?[1-9][0-9]{0,14}")  # not 0, which is also the text of -0.0
_OPTIONS = (
    orjson.OPT_INDENT_2
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_LIKE_NUMBER = frozenset("0123456789.e+-infa")
_LIKE_TRUTH = "true\0false"
#: Where these stand, a value is more than text, numbers, truth or a list of them; its text JSON writes otherwise.
MARKERS = (b"\n  {", b"\n    {", b"\n    [", b"\n    null")
_ASCII = bytes(range(128))
_SHORT = 64
_ORIGINAL, _BASE64 = UNSEARCHED
_REGISTERED = "®".encode()


def canonical(event: Event) -> bytes:
    """Return the event's line: compact JSON in UTF-8, its members in the event's order."""
    try:
        return orjson.dumps(event)
    except TypeError:  # a surrogate, an integer over 64 bits, a type that JSON has not
        return json.dumps(event, ensure_ascii=False, separators=(",", ":"), default=str).encode(
            "utf-8", "surrogatepass"
        )


def searched(event: Event) -> bytes:
    """Return the event's values, one a line, in which `pattern` finds every literal that a predicate would find."""
    if _ORIGINAL in event or _BASE64 in event:
        event = event.copy()
        event.pop(_ORIGINAL, None)
        event.pop(_BASE64, None)
    try:
        line = orjson.dumps([*event.values()], option=_OPTIONS)
    except (TypeError, RecursionError):  # what JSON has not, or not so deep
        return texts(event)
    return line if line.isascii() else _folded(line)


def _folded(line: bytes) -> bytes:
    """Fold a line that is not ASCII, if anything in it has a case."""
    if line.replace(_REGISTERED, b"").isascii():  # as what Microsoft calls its products
        return line
    foreign = line.translate(None, _ASCII)
    if len(foreign) <= _SHORT and not _has_case(foreign):
        return line
    return line.decode().casefold().encode()


@lru_cache(1024)
def _has_case(foreign: bytes) -> bool:
    text = foreign.decode()
    return text != text.casefold()


def texts(event: Event) -> bytes:
    """Return the same of an event whose values JSON would write otherwise: every value as its texts."""
    found = [texts_of(value) for name, value in event.items() if value is not None and name not in UNSEARCHED]
    return json.dumps(found, ensure_ascii=False, indent=2).casefold().encode("utf-8", "surrogatepass")


def pattern(literal: Literal) -> list[bytes]:
    """Return what stands in the line where a literal stands in a value; none where that cannot be said."""
    text = literal.text
    if UNSEARCHED[0] in literal.fields or UNSEARCHED[1] in literal.fields:
        return []
    try:
        inner = orjson.dumps(text)[1:-1]
    except TypeError:  # a surrogate
        return []
    if literal.how == WHOLE:
        bare = _bare(text)
        return [] if bare is None else [b'"' + inner + b'"', *([b"  " + bare] if bare else [])]
    if _LIKE_NUMBER.issuperset(text) or (literal.how != WITHIN and text in _LIKE_TRUTH):
        return []  # JSON writes some numbers otherwise, and neither numbers nor truth have quotes
    return [{WITHIN: inner, END: inner + b'"', START: b'"' + inner}[literal.how]]


def _bare(text: str) -> bytes | None:
    """Return how a value that is no text stands in the line, empty if it cannot be one, None if nobody knows."""
    if text in ("true", "false") or _NUMBER.fullmatch(text):
        return text.encode()
    return None if _LIKE_NUMBER.issuperset(text) else b""
