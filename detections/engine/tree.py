"""A rule's condition as plain data: ``["and"|"or", [node, …]]``, ``["not", node]``, ``["atom", fields, kind, value]``.

Made from pySigma's parsed condition; kept in the cache; nothing in it is code. Kinds: eq contains
prefix suffix (case-folded text), their ``_cased`` forms, glob, re, cidr, cmp, null, exists, ref, true, word.
"""

import ipaddress
import re as _text_patterns
from collections.abc import Callable, Sequence
from typing import Any

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.modifiers import modifier_mapping
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from hinomi.detections.engine.predicates import Node, Unsupported
from hinomi.detections.fieldmap import Product, choices_of, is_event_name

_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}

modifier_mapping.setdefault("utf16le", modifier_mapping["wide"])  # the specification's name of the same


class TreeBuilder:
    """Turns one rule's parsed condition into a tree, mapping names and values; notes what is not mapped."""

    def __init__(self, product: Product | None, category: str | None, service: str | None):
        self.product, self.category, self.service = product, category, service
        self.unmapped: set[str] = set()
        self.mapped: set[str] = set()
        self.fields: set[str] = set()

    def build(self, item: Any) -> Node:
        """Return the node of a parsed condition item."""
        if isinstance(item, ConditionAND):
            return ["and", [self.build(arg) for arg in item.args]]
        if isinstance(item, ConditionOR):
            return ["or", [self.build(arg) for arg in item.args]]
        if isinstance(item, ConditionNOT):
            return ["not", self.build(item.args[0])]
        if isinstance(item, ConditionFieldEqualsValueExpression):
            return self._value(item.field, item.value)
        if isinstance(item, ConditionValueExpression):
            return self._keyword(item.value)
        raise Unsupported(f"condition {type(item).__name__} is not supported")

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

    def _value(self, field: str, value: Any) -> Node:
        names = self._names(field)
        if isinstance(value, SigmaExpansion):
            return ["or", [self._value(field, item) for item in value.values]]
        handlers: tuple[tuple[type, Callable[[Any], tuple[str, Any]]], ...] = (
            (SigmaCasedString, lambda v: _text_atom(v, cased=True)),
            (SigmaString, lambda v: _text_atom(v, cased=False)),
            (SigmaBool, lambda v: ("eq", "true" if v.boolean else "false")),
            (SigmaRegularExpression, _regex_atom),
            (SigmaCIDRExpression, lambda v: ("cidr", str(ipaddress.ip_network(v.cidr, strict=False)))),
            (SigmaTimestampPart, lambda v: ("part", [v.timestamp_part.name.lower(), int(v.number)])),
            (SigmaNumber, lambda v: ("eq", _number(v.number))),
            (SigmaCompareExpression, lambda v: ("cmp", [v.op.name.lower(), float(v.number.number)])),
            (SigmaFieldReference, lambda v: ("ref", [self._names(v.field), bool(v.starts_with), bool(v.ends_with)])),
            (SigmaExists, lambda v: ("exists", bool(v.exists))),
            (SigmaNull, lambda v: ("null", None)),
        )
        for kind, make in handlers:
            if isinstance(value, kind):
                return self._atom(field, names, *make(value))
        raise Unsupported(f"{field}: value of type {type(value).__name__} is not supported")

    def _atom(self, field: str, names: list[str], kind: str, operand: Any) -> Node:
        parts = self.product.parts(field, self.category, self.service, kind, operand) if self.product else []
        for asked, _, _ in parts:
            self._reads(asked)
        atoms: list[Node] = [["atom", list(asked), name, value] for asked, name, value in parts]
        atoms = atoms or [["atom", names, kind, operand]]
        return atoms[0] if len(atoms) == 1 else ["or", atoms]

    def _keyword(self, value: Any) -> Node:
        if isinstance(value, SigmaExpansion):
            return ["or", [self._keyword(item) for item in value.values]]
        if isinstance(value, SigmaRegularExpression):
            return ["atom", [], "word_re", _regex_atom(value)[1]]
        if isinstance(value, SigmaNumber):
            return ["atom", [], "word", _number(value.number)]
        if isinstance(value, SigmaString):
            if any(isinstance(part, SpecialChars) for part in _trimmed(value)):
                return ["atom", [], "word_re", "(?is)" + _glob(_trimmed(value))]
            return ["atom", [], "word", "".join(str(part) for part in _trimmed(value)).casefold()]
        raise Unsupported(f"keyword of type {type(value).__name__} is not supported")


def _number(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)


def _trimmed(value: SigmaString) -> list[Any]:
    parts = list(value.s)
    if parts and parts[0] == SpecialChars.WILDCARD_MULTI:
        parts = parts[1:]
    if parts and parts[-1] == SpecialChars.WILDCARD_MULTI:
        parts = parts[:-1]
    return parts


def _text_atom(value: SigmaString, *, cased: bool) -> tuple[str, Any]:
    parts = list(value.s)
    if any(not isinstance(part, str | SpecialChars) for part in parts):
        raise Unsupported("a placeholder that no list fills")
    inner = _trimmed(value)
    starts = bool(parts) and parts[0] == SpecialChars.WILDCARD_MULTI
    ends = bool(parts) and parts[-1] == SpecialChars.WILDCARD_MULTI and len(parts) > (1 if starts else 0)
    suffix = "_cased" if cased else ""
    if any(isinstance(part, SpecialChars) for part in inner):
        return "re", ("(?s)" if cased else "(?is)") + "^" + _glob(parts) + "$"
    text = "".join(inner)
    text = text if cased else text.casefold()
    if not inner and starts:
        return "present", None  # '*' alone: any value
    return {(False, False): "eq", (True, True): "contains", (False, True): "prefix", (True, False): "suffix"}[
        starts, ends
    ] + suffix, text


def _glob(parts: list[Any]) -> str:
    signs = {SpecialChars.WILDCARD_MULTI: ".*", SpecialChars.WILDCARD_SINGLE: "."}
    return "".join(signs[part] if isinstance(part, SpecialChars) else _text_patterns.escape(part) for part in parts)


def _regex_atom(value: SigmaRegularExpression) -> tuple[str, Any]:
    if value.regexp.contains_placeholder():
        raise Unsupported("a placeholder that no list fills")
    flags = "".join(sorted(_FLAGS[flag] for flag in value.flags if flag in _FLAGS))
    return "re", (f"(?{flags})" if flags else "") + str(value.regexp).replace("\\Z", "\\z")
