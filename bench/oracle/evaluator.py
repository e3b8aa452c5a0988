"""A reference evaluator: one rule on one event, as the specification's sentences say it, without any haste.

Specification 2.1.0: github.com/SigmaHQ/sigma-specification; what it leaves open: docs/reference/sigma.md. Only the field
maps are shared with the matcher (they are data); of `hinomi.detections.engine` nothing is imported.
"""

import base64
import codecs
import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from fractions import Fraction
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any
from zoneinfo import ZoneInfo

import re2
import yaml

from hinomi.detections.fieldmap import is_event_name, product_of, routes_of
from hinomi.event import Event

NUMBER = r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?"
DASHES = "-/–—―"
STAR, ONE = object(), object()
PARTS: Mapping[str, Callable[[datetime], int]] = {
    "minute": lambda t: t.minute, "hour": lambda t: t.hour, "day": lambda t: t.day, "week": lambda t: t.isocalendar().week,
    "month": lambda t: t.month, "year": lambda t: t.year,
}  # fmt: skip
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "lt": lambda a, b: a < b, "lte": lambda a, b: a <= b, "gt": lambda a, b: a > b, "gte": lambda a, b: a >= b, "is": lambda a, b: a == b,
}  # fmt: skip
UTF16 = {"wide": "utf-16-le", "utf16le": "utf-16-le", "utf16be": "utf-16-be", "utf16": "utf-16-le"}


class Loader(yaml.CSafeLoader):
    """YAML 1.2: `NO`, `12:30`, `0o7` of 1.1 and dates are texts."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the base class has it so


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]+|[0-9]\.)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


@dataclass(frozen=True)
class Atom:
    """One comparison: any value of any of the fields (``()``: any value of the event) compares so with the operand."""

    fields: tuple[str, ...]
    kind: str
    operand: Any
    cased: bool = False
    keyword: bool = False


@dataclass(frozen=True)
class Node:
    """``and``, ``or`` or ``not`` of others."""

    kind: str
    parts: "tuple[Node | Atom, ...]"


Tree = Node | Atom


@dataclass
class Rule:
    """One rule as the specification reads it."""

    document: Mapping[str, Any]
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the rule's log source, then its condition."""
        source = self.document["logsource"]
        self.id = str(self.document["id"])
        self.category, self.service = source.get("category"), source.get("service")
        self.product = product_of(source.get("product"), self.category, self.service)
        self.routes = routes_of(source.get("product"), self.category, self.service)
        self.virtual = self.product.virtual if self.product else {}
        self.ecs = self.document.get("taxonomy") == "ecs"
        self.zone = ZoneInfo(z) if (z := (self.document.get("hinomi") or {}).get("zone")) else None
        self.searches = {n: d for n, d in self.document["detection"].items() if n != "condition"}
        conditions = self.document["detection"]["condition"]
        texts = conditions if isinstance(conditions, list) else [conditions]
        self.silent = False
        self.tree: Tree = _joined("or", [_Condition(text, self).read() for text in texts])

    def routed(self, event: Event) -> bool:
        """Tell whether the event is of the rule's log source."""
        return any(all(_meets(event.get(n), wanted) for n, wanted in route) for route in self.routes or ())

    def matches(self, event: Event) -> bool:
        """Tell whether the rule matches the event."""
        return not self.silent and self.routed(event) and self.holds(self.tree, event)

    def holds(self, tree: Tree, event: Event) -> bool:
        """Tell whether a part of the rule is true of the event."""
        if isinstance(tree, Atom):
            return self._compares(tree, event)
        if tree.kind == "not":
            return not self.holds(tree.parts[0], event)
        return (all if tree.kind == "and" else any)(self.holds(part, event) for part in tree.parts)

    def values(self, name: str, event: Event) -> list[Any]:
        """Return a field's values: none, one, or each element of a list."""
        found = self.virtual[name](event) if name in self.virtual else event.get(name)
        return [v for v in (found if isinstance(found, list) else [found]) if v is not None]

    def _compares(self, atom: Atom, event: Event) -> bool:
        fields = tuple(event) if atom.keyword else atom.fields
        found = [value for name in fields for value in self.values(name, event)]
        if atom.kind in ("null", "present"):
            return bool(found) == (atom.kind == "present")
        if atom.kind == "fieldref":
            names, how = atom.operand
            others = [value for name in names for value in self.values(name, event)]
            return any(_glob(_padded(how, [text(o)]), text(v), atom.cased) for v in found for o in others)
        return any(COMPARISONS[atom.kind](atom.operand, value, atom.cased) for value in found)

    def search(self, name: str) -> Tree:
        """Return what a search identifier asks."""
        return self._definition(self.searches[name])

    def _definition(self, definition: Any) -> Tree:
        if isinstance(definition, list):
            return _joined("or", [self._definition(part) for part in definition])
        if isinstance(definition, dict):
            return _joined("and", [self._item(str(key), value) for key, value in definition.items()])
        return self._item("", definition)

    def _item(self, key: str, value: Any) -> Tree:
        name, *modifiers = key.split("|")
        values = value if isinstance(value, list) else [value]
        parts = [self._value(name, modifiers, single) for single in values]
        made = _joined("and" if "all" in modifiers else "or", parts)
        return Node("not", (made,)) if "neq" in modifiers else made

    def _value(self, name: str, modifiers: Sequence[str], value: Any) -> Tree:
        """Return what one value asks: modifiers are applied in the order in which they stand."""
        cased = "cased" in modifiers
        if value is None:
            return self._ask(name, "null", None)
        if "exists" in modifiers:
            return self._ask(name, "present" if value is True else "null", None)
        if "re" in modifiers:
            flags = "".join(m for m in modifiers if m in "ims")
            return self._ask(name, "re", re2.compile(f"(?{flags}){value}" if flags else str(value)))
        if "cidr" in modifiers:
            return self._ask(name, "cidr", ip_network(str(value), strict=False))
        how = next((m for m in modifiers if m in ("contains", "startswith", "endswith")), "")
        if "fieldref" in modifiers:
            return Atom(self._names(name), "fieldref", (self._names(str(value)), how), cased)
        if part := next((m for m in modifiers if m in PARTS), None):
            operator = next((m for m in modifiers if m in COMPARE), "is")
            return self._ask(name, "time", (part, operator, Fraction(str(value)), self.zone))
        if operator := next((m for m in modifiers if m in COMPARE), ""):
            return self._ask(name, "number", (operator, Fraction(str(value))))
        texts: list[list[Any]] = self._expanded(text(value)) if "expand" in modifiers else [tokens(text(value))]
        for modifier in modifiers:
            texts = [new for old in texts for new in _transformed(modifier, old)]
        texts = [[t.decode("latin-1") if isinstance(t, bytes) else t for t in each] for each in texts]
        return _joined("or", [self._text(name, each, cased) for each in texts])

    def _expanded(self, value: str) -> list[list[Any]]:
        names = re.findall(r"(?<!\\)%([^%\\]+)%", value)
        self.silent = self.silent or not all(self.lists.get(name) for name in names)
        choices = itertools.product(*(self.lists.get(name, ()) for name in names))
        made = []
        for chosen in choices:
            whole = value
            for name, entry in zip(names, chosen, strict=True):
                whole = whole.replace(f"%{name}%", str(entry), 1)
            made.append(tokens(whole.replace("\\%", "%")))
        return made

    def _text(self, name: str, found: list[Any], cased: bool) -> Tree:
        if not name:
            return Atom((), "glob", (STAR, *found, STAR), cased, keyword=True)
        begin, end = found[:1] == [STAR], len(found) > 1 and found[-1:] == [STAR]
        inner = found[begin : len(found) - end]
        plain = all(isinstance(token, str) for token in inner)
        kind = {(0, 0): "eq", (1, 1): "contains", (0, 1): "prefix", (1, 0): "suffix"}[begin, end] if plain else "glob"
        if not plain or cased:
            return self._ask(name, "glob", tuple(found), cased)
        return self._ask(name, kind, "".join(inner))

    def _ask(self, name: str, kind: str, operand: Any, cased: bool = False) -> Tree:
        """Return the comparison as the field map puts it: its names, and its values where it knows them."""
        if not name:
            return Atom((), kind, operand, cased, keyword=True)
        mapped = self.product if not self.ecs else None
        parts = mapped.parts(name, self.category, self.service, kind, operand) if mapped else []
        parts = parts or [(self._names(name), kind, operand)]
        return _joined("or", [Atom(tuple(names), how, what, cased) for names, how, what in parts])

    def _names(self, name: str) -> tuple[str, ...]:
        if self.ecs:
            return (name,)
        names = self.product.names(name, self.category, self.service) if self.product else ()
        return names or ((name,) if is_event_name(name) else ())


class _Condition:
    """``or`` binds least, then ``and``, ``not``, ``x of``, brackets."""

    def __init__(self, condition: str, rule: Rule):
        self.rule = rule
        self.words = re.findall(r"[()]|[^\s()]+", condition)

    def read(self) -> Tree:
        tree = self._whole()
        if self.words:
            raise ValueError(f"not understood: {self.words}")
        return tree

    def _whole(self) -> Tree:
        return self._chain("or", lambda: self._chain("and", self._negated))

    def _chain(self, word: str, inner: Callable[[], Tree]) -> Tree:
        parts = [inner()]
        while self.words and self.words[0].lower() == word:
            self.words.pop(0)
            parts.append(inner())
        return _joined(word, parts)

    def _negated(self) -> Tree:
        word = self.words.pop(0)
        if word.lower() == "not":
            return Node("not", (self._negated(),))
        if word == "(":
            tree = self._whole()
            self.words.pop(0)
            return tree
        if word.lower() in ("1", "any", "all") and self.words and self.words[0].lower() == "of":
            pattern = self.words[1]
            del self.words[:2]
            parts = [self.rule.search(name) for name in self.rule.searches if _named(name, pattern)]
            return _joined("and" if word.lower() == "all" else "or", parts)
        return self.rule.search(word)


def tokens(value: str) -> list[Any]:
    r"""Return a value's signs, with STAR and ONE for its wildcards; ``\`` escapes wildcards and itself, and else is itself."""
    signs = re.findall(r"\\[\\*?]|.", value, re.DOTALL)
    return [sign[1] if len(sign) == 2 else {"*": STAR, "?": ONE}.get(sign, sign) for sign in signs]


def text(value: Any) -> str:
    """Return a value as it is compared: true is ``true``, 4624.0 is ``4624``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return str(int(value))
    return str(value)


def _transformed(modifier: str, found: list[Any]) -> Iterator[list[Any]]:
    if modifier in ("contains", "startswith", "endswith"):
        yield _padded(modifier, found)
    elif modifier == "windash":
        yield from _windashes(found)
    elif modifier in UTF16:
        mark = codecs.BOM_UTF16_LE if modifier == "utf16" else b""
        yield [bytes([byte]) for byte in mark + "".join(found).encode(UTF16[modifier])]
    elif modifier == "base64":
        yield list(base64.b64encode(_bytes(found)).decode())
    elif modifier == "base64offset":
        for offset, begin in enumerate((0, 2, 3)):  # letters with bits of what stands before or after are cut
            whole = b" " * offset + _bytes(found)
            coded = base64.b64encode(whole).decode()
            yield list(coded[begin : len(coded) - (0, 3, 2)[len(whole) % 3]])
    else:
        yield found


def _bytes(found: list[Any]) -> bytes:
    """Return a value's bytes: what utf16 made is bytes already, a text is UTF-8."""
    return b"".join(token if isinstance(token, bytes) else token.encode() for token in found)


def _padded(how: str, found: list[Any]) -> list[Any]:
    begin = [STAR] if how in ("contains", "endswith") and found[:1] != [STAR] else []
    return begin + found + ([STAR] if how in ("contains", "startswith") and found[-1:] != [STAR] else [])


def _windashes(found: list[Any]) -> Iterator[list[Any]]:
    """Yield each choice of dashes where one begins a parameter: before it no letter, after it one."""

    def word(index: int) -> bool:
        sign = found[index] if 0 <= index < len(found) else None
        return isinstance(sign, str) and bool(re.match(r"\w", sign))

    places = [i for i, s in enumerate(found) if isinstance(s, str) and s in DASHES and not word(i - 1) and word(i + 1)]
    for chosen in itertools.product(DASHES, repeat=len(places)):
        made = list(found)
        for place, dash in zip(places, chosen, strict=True):
            made[place] = dash
        yield made


def _glob(pattern: Sequence[Any], value: str, cased: bool) -> bool:
    """Compare a whole value with signs and wildcards; without regard to case both sides are folded, and then `?` is one sign."""
    fold = str if cased else str.casefold
    made = "".join(".*" if t is STAR else "." if t is ONE else re.escape(fold(t)) for t in pattern)
    return re.fullmatch(made, fold(value), re.DOTALL) is not None


def _number(value: Any) -> Fraction | None:
    """Return a value as a number: whole ones exactly, others as floats; of texts, ASCII digits with nothing around them."""
    found = re.fullmatch(NUMBER, text(value))
    number = float(text(value)) if found and (found[1] or found[2]) else int(text(value)) if found else math.inf
    return Fraction(number) if math.isfinite(number) else None


def _compares_number(operand: tuple[str, Fraction], value: Any, cased: bool) -> bool:
    found = _number(value)
    return found is not None and COMPARE[operand[0]](found, operand[1])


def _compares_time(operand: tuple[str, str, Fraction, tzinfo | None], value: Any, cased: bool) -> bool:
    part, operator, wanted, zone = operand
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return False
    found = found.astimezone(zone) if zone and found.tzinfo else found
    return COMPARE[operator](PARTS[part](found), wanted)


def _inside(network: Any, value: Any, cased: bool) -> bool:
    try:
        found = ip_address(str(value))
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return any(each is not None and each.version == network.version and each in network for each in (found, mapped))


COMPARISONS: Mapping[str, Callable[[Any, Any, bool], bool]] = {
    "eq": lambda wanted, value, cased: text(wanted).casefold() == text(value).casefold(),
    "contains": lambda wanted, value, cased: wanted.casefold() in text(value).casefold(),
    "prefix": lambda wanted, value, cased: text(value).casefold().startswith(wanted.casefold()),
    "suffix": lambda wanted, value, cased: text(value).casefold().endswith(wanted.casefold()),
    "glob": lambda wanted, value, cased: _glob(wanted, text(value), cased),
    "re": lambda wanted, value, cased: wanted.search(text(value)) is not None,
    "number": _compares_number,
    "time": _compares_time,
    "cidr": _inside,
}


def _meets(value: Any, wanted: str) -> bool:
    found = [text(v).casefold() for v in (value if isinstance(value, list) else [value]) if v is not None]
    return wanted.casefold() in found if wanted else not found


def _named(name: str, pattern: str) -> bool:
    if pattern.lower() == "them":
        return not name.startswith("_")
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), name) is not None


def _joined(kind: str, parts: Sequence[Tree]) -> Tree:
    return parts[0] if len(parts) == 1 else Node(kind, tuple(parts))


def read(document: str) -> list[dict[str, Any]]:
    """Return the rules of a file."""
    return [found for found in yaml.load_all(document, Loader) if isinstance(found, dict)]
