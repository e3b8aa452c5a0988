"""Trees to predicates: one closure a rule over a `View` of an event. No text of a rule becomes code.

The reference of what each kind of atom (listed in `tree`) means: any element of a list counts; an empty list is
no value; text compares case-folded; regular expressions are RE2, linear in the value's length.
"""

import ipaddress
import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import re2

from hinomi.detections.engine.text import number
from hinomi.event import Event

Node = list[Any]


class Unsupported(ValueError):
    """Something in a rule that is refused, with the reason."""


#: Fields that hold the record again: unbound keywords are not looked for there.
UNSEARCHED = ("event.original", "hinomi.original.base64")
TOO_DEEP = "(nested too deeply)"
Virtual = Mapping[str, Callable[[Event], list[str]]]
Predicate = Callable[["View"], bool]
_SHORT = 64
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 64 << 20


class View:
    """One event as predicates see it: values as lists of text, folded once a field."""

    __slots__ = ("_folded", "_texts", "_virtual", "_words", "event")

    def __init__(self, event: Event, virtual: Virtual):
        self.event = event
        self._virtual = virtual
        self._texts: dict[str, list[str]] = {}
        self._folded: dict[str, list[str]] = {}
        self._words: list[str] | None = None

    def texts(self, name: str) -> list[str]:
        """Return a field's values as text, none if it is missing."""
        found = self._texts.get(name)
        if found is None:
            made = self._virtual.get(name)
            found = self._texts[name] = texts_of(made(self.event) if made else self.event.get(name))
        return found

    def folded(self, name: str) -> list[str]:
        """Return the same, case-folded."""
        found = self._folded.get(name)
        if found is None:
            found = self._folded[name] = [text.casefold() for text in self.texts(name)]
        return found

    def words(self, *, cased: bool = False) -> list[str]:
        """Return every value of the event, case-folded unless ``cased``, for unbound keywords."""
        if cased or self._words is None:
            own = [value for name, value in self.event.items() if name not in UNSEARCHED]
            words = [text for value in own for text in texts_of(value)]
            if cased:
                return words
            self._words = [text.casefold() for text in words]
        return self._words


def texts_of(value: Any) -> list[str]:
    """Return a field's values as text; nothing is none."""
    values = value if isinstance(value, list) else () if value is None else (value,)
    return [text_of(item) for item in values]


def text_of(value: Any) -> str:
    """Return a value as text: truth in lower case, whole numbers without a point."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    try:
        return str(value)
    except RecursionError:
        return TOO_DEEP


def compile_re(pattern: str | bytes) -> Any:
    """Return a compiled RE2 expression.

    Raises:
        Unsupported: If RE2 refuses it (look-around, back-references, nested counts).
    """
    try:
        return re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        said = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        hint = "there are no look-around, atomic groups or back-references, and at most 1000 repeats"
        raise Unsupported(f"regular expression refused by RE2: {said} ({hint})") from error


def searcher(pattern: str) -> Callable[[str], bool]:
    """Return whether an expression stands in a text; half a surrogate pair, which UTF-8 has not, is U+FFFD there."""
    search = compile_re(pattern.encode()).search  # of bytes: nobody asks at which character it stands

    def run(text: str) -> bool:
        try:
            return search(text.encode()) is not None
        except UnicodeEncodeError:
            return search(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()) is not None

    return run


def build(node: Node) -> Predicate:
    """Return the predicate of a tree."""
    kind = node[0]
    if kind == "and":
        return _all([build(child) for child in node[1]])
    if kind == "or":
        return _any([build(child) for child in node[1]])
    if kind == "not":
        inner = build(node[1])
        return lambda view: not inner(view)
    _, names, name, operand = node
    made = [_atom(field, name, operand) for field in names] if names else [_word(name, operand)]
    return (
        made[0]
        if len(made) == 1
        else _every(made)
        if name == "null" or (name == "exists" and not operand)
        else _any(made)
    )


def _all(parts: list[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]

    def run(view: View) -> bool:
        for part in parts:  # noqa: SIM110 - a loop is twice as fast as all() over a generator
            if not part(view):
                return False
        return True

    return run


_every = _all


def _any(parts: list[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]

    def run(view: View) -> bool:
        for part in parts:  # noqa: SIM110 - the same
            if part(view):
                return True
        return False

    return run


def _over(field: str, test: Callable[[str], bool], *, cased: bool = False) -> Predicate:
    if cased:
        return lambda view: any(test(text) for text in view.texts(field))

    def run(view: View) -> bool:
        for text in view.folded(field):  # noqa: SIM110 - the same
            if test(text):
                return True
        return False

    return run


def _atom(field: str, kind: str, operand: Any) -> Predicate:
    base, cased = kind.removesuffix("_cased"), kind.endswith("_cased")
    if base == "eq":
        return _over(field, operand.__eq__, cased=cased)
    if base == "contains":
        return _over(field, lambda text: operand in text, cased=cased)
    if base == "prefix":
        return _over(field, lambda text: text.startswith(operand), cased=cased)
    if base == "suffix":
        return _over(field, lambda text: text.endswith(operand), cased=cased)
    if base == "glob":
        return _regex(field, operand, cased=cased)
    if base == "ref":
        return _reference(field, operand, cased=cased)
    maker = _OTHERS.get(kind)
    if maker is None:
        raise Unsupported(f"comparison {kind!r} is not supported")
    return maker(field, operand)


def _regex(field: str, pattern: str, *, cased: bool = True) -> Predicate:
    return _over(field, searcher(pattern), cased=cased)


@lru_cache(256)
def _addresses(text: str) -> Sequence[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Return the address that a text is, and what it maps; none if it is none. Many networks ask about the same."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ()
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (address,) if mapped is None else (address, mapped)


def _cidr(field: str, network_text: str) -> Predicate:
    network = ipaddress.ip_network(network_text)

    def inside(text: str) -> bool:
        for address in _addresses(text) if len(text) < _SHORT else _addresses.__wrapped__(text):
            if address in network:
                return True
        return False

    return _over(field, inside, cased=True)


_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge, "eq": operator.eq,
}  # fmt: skip


def _compare(field: str, operand: list[Any]) -> Predicate:
    test, limit = _SIGNS[operand[0]], operand[1]

    def run(text: str) -> bool:
        found = number(text)
        return found is not None and test(found, limit)

    return _over(field, run, cased=True)


def _reference(field: str, operand: list[Any], *, cased: bool) -> Predicate:
    others, starts, ends = operand
    test: Callable[[str, str], bool] = (
        operator.contains if starts and ends else str.startswith if starts else str.endswith if ends else operator.eq
    )

    def run(view: View) -> bool:
        read = view.texts if cased else view.folded
        return any(test(text, other) for name in others for other in read(name) for text in read(field))

    return run


_PARTS: dict[str, Callable[[datetime], int]] = {
    "minute": lambda m: m.minute, "hour": lambda m: m.hour, "day": lambda m: m.day, "month": lambda m: m.month,
    "year": lambda m: m.year, "week": lambda m: m.isocalendar().week,
}  # fmt: skip


def _part(field: str, operand: list[Any]) -> Predicate:
    name, sign, number, zone = operand
    part, test, local = _PARTS[name], _SIGNS[sign], ZoneInfo(zone) if zone else None

    def run(text: str) -> bool:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return False
        if local is not None and moment.tzinfo is not None:
            moment = moment.astimezone(local)
        return test(part(moment), number)

    return _over(field, run, cased=True)


_OTHERS: dict[str, Callable[[str, Any], Predicate]] = {
    "re": _regex,
    "cidr": _cidr,
    "cmp": _compare,
    "part": _part,
    "null": lambda field, _: lambda view: not view.texts(field),
    "present": lambda field, _: lambda view: bool(view.texts(field)),
    "exists": lambda field, wanted: lambda view: bool(view.texts(field)) is wanted,
}


def _word(kind: str, operand: str) -> Predicate:
    base, cased = kind.removesuffix("_cased"), kind.endswith("_cased") or kind == "word_re"
    if base == "word":
        return lambda view: any(operand in text for text in view.words(cased=cased))
    if base not in ("word_re", "word_glob"):
        raise Unsupported(f"keyword comparison {kind!r} is not supported")
    search = searcher(operand)
    return lambda view: any(search(text) for text in view.words(cased=cased))
