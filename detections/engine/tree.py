"""A rule's detection as plain data, kept in the cache; nothing in it is code.

Nodes: ``["and"|"or", [node, …]]``, ``["not", node]``, ``["atom", fields, kind, operand]`` (fields: any of them counts;
none: a keyword, anywhere in the event), and until `lists` fills it ``["fill", fields, how]``.

Kinds, exact in `predicates`: eq contains prefix suffix (operand: case-folded text), glob (RE2 pattern on case-folded
text), their ``_cased`` forms (the text as it is), re (RE2 pattern on the text as it is), cidr (network),
cmp ([sign, number]), part ([part of a time, sign, number, zone or ""]), ref and ref_cased ([fields, starts, ends]),
null, present, exists (wanted). Keywords: word word_glob (case-folded), word_cased word_glob_cased word_re.
"""

import re as _own_patterns
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hinomi.detections.engine import condition, text
from hinomi.detections.engine.modifiers import apply
from hinomi.detections.engine.predicates import Node, Unsupported, compile_re
from hinomi.detections.engine.values import (
    AnyOf,
    Compare,
    Exists,
    Network,
    Null,
    Number,
    Reference,
    Regex,
    Text,
    Truth,
    Value,
    number_text,
    value_of,
)
from hinomi.detections.fieldmap import Product, choices_of, is_event_name

NEVER: Node = ["or", []]
_ESCAPED = _own_patterns.compile(r"\\.", _own_patterns.DOTALL)


class TreeBuilder:
    """Turns one rule's detection into a tree, mapping names and values; notes what is not mapped."""

    def __init__(self, product: Product | None, category: str | None, service: str | None, zone: str = ""):
        self.product, self.category, self.service, self.zone = product, category, service, zone
        self.unmapped: set[str] = set()
        self.mapped: set[str] = set()
        self.fields: set[str] = set()

    def build(self, detection: Any, *, known: tuple[str, ...] = ()) -> Node:
        """Return the tree of a ``detection`` (or ``filter``) section; ``known`` keys of it are no searches.

        Raises:
            Unsupported: For what is not Sigma or not to be evaluated; names the search and the field.
        """
        if not isinstance(detection, Mapping):
            raise Unsupported("detection: write search identifiers and a condition")
        conditions = detection.get("condition")
        if not conditions:
            raise Unsupported("detection has no condition")
        searches = {str(key): value for key, value in detection.items() if key not in ("condition", *known)}
        made: dict[str, Node] = {}

        def search(name: str) -> Node:
            if name not in searches:
                raise Unsupported(f"condition names {name!r}; there are: {', '.join(searches) or 'no searches'}")
            if name not in made:
                made[name] = self._search(searches[name], name)
            return made[name]

        texts = conditions if isinstance(conditions, list) else [conditions]
        nodes = [_resolved(condition.parse(each), list(searches), search) for each in texts]
        for name in searches:
            search(name)  # a fault in what no condition names is a fault too
        return nodes[0] if len(nodes) == 1 else ["or", nodes]

    def _search(self, definition: Any, where: str) -> Node:
        if isinstance(definition, Mapping):
            if not definition:
                raise Unsupported(f"{where}: it is empty")
            nodes = [self._item(str(key or ""), value, where) for key, value in definition.items()]
            return nodes[0] if len(nodes) == 1 else ["and", nodes]
        if not isinstance(definition, list):
            return self._item("", definition, where)
        if not any(isinstance(item, Mapping | list) for item in definition):
            return self._item("", definition, where)
        nodes = [self._search(item, f"{where}[{number}]") for number, item in enumerate(definition)]
        return nodes[0] if len(nodes) == 1 else ["or", nodes]

    def _item(self, key: str, plain: Any, where: str) -> Node:
        field, *names = key.split("|")
        place = f"{where}: {key}" if key else where
        given = plain if isinstance(plain, list) else [plain]
        if not given:
            raise Unsupported(f"{place}: an empty list of values; write null for a field that is not there")
        try:
            inner = [name for name in names if name not in ("all", "neq")]
            values = [apply(value_of(item, raw="re" in inner), inner) for item in given]
            nodes = [self._value(field, value) if field else _keyword(value) for value in values]
        except Unsupported as fault:
            raise Unsupported(f"{place}: {fault}") from None
        node = nodes[0] if len(nodes) == 1 else ["and" if "all" in names else "or", nodes]
        return ["not", node] if "neq" in names else node

    def _names(self, field: str) -> list[str]:
        names = self.product.names(field, self.category, self.service) if self.product else ()
        if names or is_event_name(field) or (self.product is None and "." in field):
            self.mapped.add(field)
        else:
            self.unmapped.add(field)
        names = names or (field,)
        self._reads(names)
        return list(names)

    def _reads(self, names: Sequence[str]) -> None:
        for name in names:
            virtual = self.product.virtual.get(name) if self.product else None
            read = [real for _, reals in choices_of(virtual) for real in reals] if virtual else [name]
            self.fields.update(real for real in read if "*" not in real)

    def _value(self, field: str, value: Value) -> Node:
        if isinstance(value, AnyOf):
            return ["or", [self._value(field, item) for item in value.values]]
        names = self._names(field)
        if how := _placeholders(value):
            return ["fill", names, how]
        return self._atom(field, names, *self._comparison(value))

    def _comparison(self, value: Value) -> tuple[str, Any]:
        match value:
            case Text(parts, cased):
                return text.atom(parts, cased=cased)
            case Truth(truth):
                return "eq", "true" if truth else "false"
            case Regex():
                return "re", regex(value.parts, "".join(sorted(value.flags)), value.starts, value.ends)
            case Network(cidr):
                return "cidr", cidr
            case Number(number, part) if part:
                return "part", [part, "eq", number, self.zone]
            case Number(number):
                return "eq", number_text(number)
            case Compare(sign, Number(number, part)) if part:
                return "part", [part, sign, number, self.zone]
            case Compare(sign, Number(number)):
                return "cmp", [sign, number]
            case Reference(other, starts, ends, cased):
                return "ref_cased" if cased else "ref", [self._names(other), starts, ends]
            case Exists(wanted):
                return "exists", wanted
            case Null():
                return "null", None
        raise Unsupported(f"a value of type {type(value).__name__}")

    def _atom(self, field: str, names: list[str], kind: str, operand: Any) -> Node:
        parts = self.product.parts(field, self.category, self.service, kind, operand) if self.product else []
        for asked, _, _ in parts:
            self._reads(asked)
        atoms: list[Node] = [["atom", list(asked), name, _folded(name, value)] for asked, name, value in parts]
        atoms = atoms or [["atom", names, kind, operand]]
        return atoms[0] if len(atoms) == 1 else ["or", atoms]


def _folded(kind: str, operand: Any) -> Any:
    """Return what a field map asks for as events are compared with it: it writes values as events do, capitals too."""
    return (
        operand.casefold() if kind in ("eq", "contains", "prefix", "suffix") and isinstance(operand, str) else operand
    )


def _resolved(
    node: condition.Parsed, known: list[str], search: Callable[[str], Node], *, negated: bool = False
) -> Node:
    """Put searches where a condition names them; a pattern that fits nothing is a fault, or nothing to except."""
    if node[0] == "id":
        return search(node[1])
    if node[0] == "not":
        return ["not", _resolved(node[1], known, search, negated=not negated)]
    if node[0] != "of":
        return [node[0], [_resolved(child, known, search, negated=negated) for child in node[1]]]
    nodes = [search(name) for name in condition.fitting(node[2], known)]
    if not nodes and not negated:
        raise Unsupported(f"condition: no search fits {node[2]!r}; there are: {', '.join(known)}")
    return nodes[0] if len(nodes) == 1 else ["and" if node[1] == "all" and nodes else "or", nodes]


def _keyword(value: Value) -> Node:
    match value:
        case AnyOf(values):
            return ["or", [_keyword(item) for item in values]]
        case Text() | Regex() if how := _placeholders(value):
            return ["fill", [], how]
        case Text(parts, cased):
            return ["atom", [], *text.word(parts, cased=cased)]
        case Regex():
            return ["atom", [], "word_re", regex(value.parts, "".join(sorted(value.flags)), value.starts, value.ends)]
        case Number(number, ""):
            return ["atom", [], "word", number_text(number)]
        case Truth(truth):
            return ["atom", [], "word", "true" if truth else "false"]
    raise Unsupported(f"{type(value).__name__.lower()} needs a field: a keyword is a text, a number or an expression")


def _placeholders(value: Value) -> list[Any] | None:
    """Return how a value is to be filled, None if nothing is left open."""
    if isinstance(value, Text) and text.placeholders(value.parts):
        return ["text", value.parts, value.cased]
    if isinstance(value, Regex) and text.placeholders(value.parts):
        return ["re", value.parts, "".join(sorted(value.flags)), value.starts, value.ends]
    return None


def regex(parts: text.Parts, flags: str, starts: bool, ends: bool) -> str:
    """Return the RE2 pattern of a rule's expression; wildcards in it come from a list's values.

    Raises:
        Unsupported: If RE2 refuses it.
    """
    found = "".join({"*": ".*", "?": "."}[part[0]] if isinstance(part, list) else part for part in parts)
    found = _ESCAPED.sub(lambda pair: "\\z" if pair[0] == "\\Z" else pair[0], found)  # what RE2 calls \\z
    if starts or ends:
        found = ("\\A" if starts else "") + f"(?:{found})" + ("\\z" if ends else "")
    found = (f"(?{flags})" if flags else "") + found
    compile_re(found)
    return found
