"""Sigma's values: what a rule compares a field with, as it is written and as modifiers make it."""

from dataclasses import dataclass
from typing import Any

from hinomi.detections.engine import text
from hinomi.detections.engine.predicates import Unsupported
from hinomi.detections.engine.text import Parts


@dataclass(frozen=True)
class Text:
    """A text with its wildcards and placeholders."""

    parts: Parts
    cased: bool = False


@dataclass(frozen=True)
class Encoded:
    """A text as bytes: UTF-16, on its way into Base64."""

    data: bytes
    cased: bool = False


@dataclass(frozen=True)
class Regex:
    """A regular expression; ``parts`` hold placeholders where it was expanded."""

    parts: Parts
    flags: frozenset[str] = frozenset()
    starts: bool = False
    ends: bool = False


@dataclass(frozen=True)
class Number:
    """A number; ``part`` of a time where a time modifier made it one."""

    number: int | float
    part: str = ""


@dataclass(frozen=True)
class Compare:
    """A number that a field is less or greater than."""

    sign: str
    number: Number


@dataclass(frozen=True)
class Truth:
    """True or false."""

    value: bool


@dataclass(frozen=True)
class Exists:
    """Whether the field is to be there."""

    wanted: bool


@dataclass(frozen=True)
class Null:
    """Nothing there."""


@dataclass(frozen=True)
class Network:
    """Addresses of one network."""

    cidr: str


@dataclass(frozen=True)
class Reference:
    """The value of another field."""

    field: str
    starts: bool = False
    ends: bool = False
    cased: bool = False


@dataclass(frozen=True)
class AnyOf:
    """Several values that one became; any of them counts, whatever ``all`` says."""

    values: tuple["Value", ...]


Value = Text | Encoded | Regex | Number | Compare | Truth | Exists | Null | Network | Reference | AnyOf


def value_of(plain: Any, *, raw: bool) -> Value:
    """Return a value of a rule's document; ``raw``: a regular expression follows, so a backslash is a backslash."""
    if plain is None:
        return Null()
    if isinstance(plain, bool):
        return Truth(plain)
    if isinstance(plain, int | float):
        return Number(plain)
    if isinstance(plain, str):
        return Text([plain] if raw and plain else text.read(plain))
    raise Unsupported(f"{type(plain).__name__} is no value; a text, a number, true, false or null is")


def number_text(number: float) -> str:
    """Return a number as an event's value reads."""
    return str(int(number)) if float(number).is_integer() else str(number)
