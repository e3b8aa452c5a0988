"""Sigma's value modifiers, each a function of one value; they apply in the order written.

Specification: Sigma modifiers appendix 2.1.0. ``all`` and ``neq`` are about a whole field and live in `tree`.
"""

import ipaddress
import re as _own_patterns
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product as _product

from hinomi.detections.engine import text
from hinomi.detections.engine.predicates import Unsupported
from hinomi.detections.engine.text import MANY, Part
from hinomi.detections.engine.values import (
    AnyOf,
    Compare,
    Encoded,
    Exists,
    Network,
    Number,
    Reference,
    Regex,
    Text,
    Truth,
    Value,
    number_text,
)

MOST_DASHES = 5
_DASHES = ("-", "/", "–", "—", "―")
_DASH = _own_patterns.compile(rf"\B[{''.join(_DASHES)}]\b")
PARTS: Mapping[str, tuple[int, int]] = {
    "minute": (0, 59), "hour": (0, 23), "day": (1, 31), "week": (1, 53), "month": (1, 12), "year": (1, 9999),
}  # fmt: skip


Modifier = Callable[[Value], Value]


def apply(value: Value, names: list[str]) -> Value:
    """Apply modifiers in order.

    Raises:
        Unsupported: For one that is unknown, or does not go with what is there.
    """
    for at, name in enumerate(names):
        modifier = MODIFIERS.get(name)
        if modifier is None:
            known = ", ".join(sorted([*MODIFIERS, "all", "neq"]))
            raise Unsupported(f"modifier {name!r} is unknown; known: {known}")
        if name in ALONE and at:
            raise Unsupported(f"modifier {name!r} takes the value as it is: write it first")
        value = _each(value, modifier, name)
    return _each(value, _settled, names[-1]) if names else value


def _each(value: Value, modifier: Modifier, name: str) -> Value:
    if isinstance(value, AnyOf):
        return AnyOf(tuple(_each(item, modifier, name) for item in value.values))
    try:
        return modifier(value)
    except _Unfit as unfit:
        raise Unsupported(f"modifier {name!r}: {unfit}") from None


class _Unfit(ValueError):
    """A modifier and a value do not go together."""


def _as_text(value: Value) -> Value:
    """Let numbers and truths be texts: all values of Sigma are."""
    if isinstance(value, Number) and not value.part:
        return Text([number_text(value.number)])
    if isinstance(value, Truth):
        return Text(["true" if value.value else "false"])
    return value


def _plain(value: Value) -> str:
    value = _as_text(value)
    if not isinstance(value, Text):
        raise _Unfit("takes a text")
    plain = text.literal(value.parts)
    if plain is None:
        raise _Unfit("takes a text without wildcards and placeholders; write \\* for the sign itself")
    return plain


def _around(before: bool, after: bool) -> Modifier:
    def run(value: Value) -> Value:
        value = _settled(_as_text(value))
        if isinstance(value, Text):
            parts = [*([MANY] if before else []), *value.parts, *([MANY] if after else [])]
            return replace(value, parts=text.joined(parts))
        if isinstance(value, Regex):
            return replace(value, starts=not before, ends=not after)
        if isinstance(value, Reference):
            return replace(value, starts=value.starts or after, ends=value.ends or before)
        raise _Unfit("takes a text, a regular expression or a field reference")

    return run


def _fieldref(value: Value) -> Value:
    return Reference(_plain(value), cased=isinstance(value, Text) and value.cased)


def _cased(value: Value) -> Value:
    value = _as_text(value)
    if isinstance(value, Text | Encoded | Reference):
        return replace(value, cased=True)
    if isinstance(value, Regex):
        return value  # it has case already
    raise _Unfit("takes a text or a field reference")


def _windash(value: Value) -> Value:
    value = _as_text(value)
    if not isinstance(value, Text):
        raise _Unfit("takes a text")
    choices: list[Sequence[Part]] = []
    for part in value.parts:
        first, *rest = _DASH.split(part) if isinstance(part, str) else [part]
        choices.append([first])
        for piece in rest:
            choices += [_DASHES, [piece]]
    count = sum(len(choice) > 1 for choice in choices)
    if count > MOST_DASHES:
        raise _Unfit(f"{count} dashes in one value are {len(_DASHES)}^{count} values; write several values")
    return AnyOf(tuple(replace(value, parts=text.joined(list(parts))) for parts in _product(*choices)))


def _wide(encoding: str, mark: bytes = b"") -> Modifier:
    def run(value: Value) -> Value:
        cased = isinstance(value, Text) and value.cased
        return Encoded(mark + _plain(value).encode(encoding, "surrogatepass"), cased)

    return run


def _settled(value: Value) -> Value:
    """Make a text of bytes that nothing encodes any further."""
    if not isinstance(value, Encoded):
        return value
    try:
        return Text([value.data.decode()], value.cased)
    except UnicodeDecodeError:
        raise _Unfit("UTF-16 of other than ASCII letters is no text: base64 or base64offset must follow") from None


def _data(value: Value) -> tuple[bytes, bool]:
    if isinstance(value, Encoded):
        return value.data, value.cased
    return _plain(value).encode("utf-8", "surrogatepass"), isinstance(value, Text) and value.cased


def _base64(value: Value) -> Value:
    data, cased = _data(value)
    return Text([b64encode(data).decode()], cased)


def _base64offset(value: Value) -> Value:
    """Encode at the three places that the bytes can have in a group of three, without what its neighbours decide."""
    data, cased = _data(value)
    starts, ends = (0, 2, 3), (None, -3, -2)
    found = [b64encode(b" " * n + data)[starts[n] : ends[(len(data) + n) % 3]].decode() for n in range(3)]
    if "" in found:
        raise _Unfit("so short a text leaves nothing that can be looked for")
    return AnyOf(tuple(Text([item], cased) for item in found))


def _regex(value: Value) -> Value:
    value = _as_text(value)
    if not isinstance(value, Text):
        raise _Unfit("takes a text")
    return Regex(value.parts)


def _flag(sign: str) -> Modifier:
    def run(value: Value) -> Value:
        if not isinstance(value, Regex):
            raise _Unfit("belongs to 're': write field|re|i")
        return replace(value, flags=value.flags | {sign})

    return run


def _cidr(value: Value) -> Value:
    try:
        return Network(str(ipaddress.ip_network(_plain(value), strict=False)))
    except ValueError as error:
        raise _Unfit(str(error)) from None


def _compare(sign: str) -> Modifier:
    def run(value: Value) -> Value:
        if isinstance(value, Text) and (number := text.number(_plain(value))) is not None:
            value = Number(number)
        if not isinstance(value, Number):
            raise _Unfit("takes a number")
        return Compare(sign, value)

    return run


def _exists(value: Value) -> Value:
    if isinstance(value, Text) and _plain(value).lower() in ("true", "false"):
        value = Truth(_plain(value).lower() == "true")
    if not isinstance(value, Truth):
        raise _Unfit("takes true or false")
    return Exists(value.value)


def _expand(value: Value) -> Value:
    if not isinstance(value, Text | Regex):
        raise _Unfit("takes a text with a %placeholder%")
    return replace(value, parts=text.with_placeholders(value.parts))


def _time_part(name: str) -> Modifier:
    low, high = PARTS[name]

    def run(value: Value) -> Value:
        if isinstance(value, Text) and _plain(value).isdecimal():
            value = Number(int(_plain(value)))
        if not isinstance(value, Number) or value.part or not isinstance(value.number, int):
            raise _Unfit("takes a whole number")
        if not low <= value.number <= high:
            raise _Unfit(f"{value.number} is not between {low} and {high}")
        return Number(value.number, name)

    return run


#: Those that need the value as it stands in the rule.
ALONE = frozenset({"re", "cidr", "exists"})
MODIFIERS: Mapping[str, Modifier] = {
    "contains": _around(True, True), "startswith": _around(False, True), "endswith": _around(True, False),
    "cased": _cased, "windash": _windash, "exists": _exists, "expand": _expand, "cidr": _cidr,
    "fieldref": _fieldref,
    "re": _regex, "i": _flag("i"), "m": _flag("m"), "s": _flag("s"),
    "ignorecase": _flag("i"), "multiline": _flag("m"), "dotall": _flag("s"),
    "base64": _base64, "base64offset": _base64offset, "wide": _wide("utf-16-le"), "utf16le": _wide("utf-16-le"),
    "utf16be": _wide("utf-16-be"), "utf16": _wide("utf-16-le", b"\xff\xfe"),
    **{sign: _compare(sign) for sign in ("lt", "lte", "gt", "gte")}, **{name: _time_part(name) for name in PARTS},
}  # fmt: skip
