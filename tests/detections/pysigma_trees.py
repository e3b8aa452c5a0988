"""A rule's tree as pySigma reads it, for comparison: it shares the making of atoms with ours, no parsing."""

import ipaddress
from typing import Any

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.rule import SigmaRule
from sigma.types import (
    Placeholder,
    SigmaBool,
    SigmaCIDRExpression,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SpecialChars,
)

from hinomi.detections.engine import text
from hinomi.detections.engine.tree import regex

SIGNS = {SpecialChars.WILDCARD_MULTI: text.MANY, SpecialChars.WILDCARD_SINGLE: text.ONE}


def tree_of(document: dict[str, Any]) -> Any:
    """Return a rule's tree without a field map."""
    conditions = [_node(parsed.parsed) for parsed in SigmaRule.from_dict(document).detection.parsed_condition]
    return conditions[0] if len(conditions) == 1 else ["or", conditions]


def _node(item: Any) -> Any:
    if isinstance(item, ConditionAND | ConditionOR):
        word = "and" if isinstance(item, ConditionAND) else "or"
        return [word, [_node(arg) for arg in item.args]]
    if isinstance(item, ConditionNOT):
        return ["not", _node(item.args[0])]
    if isinstance(item, ConditionFieldEqualsValueExpression):
        return _value([item.field], item.value)
    assert isinstance(item, ConditionValueExpression)
    return _value([], item.value)


def _parts(value: SigmaString) -> text.Parts:
    parts: text.Parts = []
    for part in value.s:
        if isinstance(part, Placeholder):
            parts.append(["%", part.name])
        else:
            parts.append(SIGNS[part] if isinstance(part, SpecialChars) else part)
    return text.joined(parts)


def _value(fields: list[str], value: Any) -> Any:
    if isinstance(value, SigmaExpansion):
        return ["or", [_value(fields, item) for item in value.values]]
    match value:
        case SigmaString():
            parts = _parts(value)
            if text.placeholders(parts):
                return ["fill", fields, ["text", parts, False]]
            return ["atom", fields, *(text.atom if fields else text.word)(parts, cased=False)]
        case SigmaRegularExpression():
            flags = "".join(sorted(flag.name[0].lower() for flag in value.flags))
            return ["atom", fields, "re", regex([value.regexp.to_plain_regex()], flags, False, False)]
        case SigmaBool():
            return ["atom", fields, "eq", "true" if value.boolean else "false"]
        case SigmaCIDRExpression():
            return ["atom", fields, "cidr", str(ipaddress.ip_network(value.cidr))]
        case SigmaNumber():
            return ["atom", fields, "eq" if fields else "word", str(value.number)]
        case SigmaFieldReference():
            return ["atom", fields, "ref", [[value.field], value.starts_with, value.ends_with]]
        case SigmaNull():
            return ["atom", fields, "null", None]
    raise AssertionError(type(value))
