"""A rule's tree as a filter for event stores: a superset of what it matches (hinomi.events.candidates).

Only text that is compared with ASCII says something; what is negated, a regular expression or a number's bound says
nothing. A name that no event holds by itself says which fields it is read from.
"""

from collections.abc import Mapping

from hinomi.detections.engine.compiling import Compiled
from hinomi.detections.engine.predicates import Node
from hinomi.detections.fieldmap import Condition, Virtual, choices_of
from hinomi.events.candidates import ALL, Filter, Is, Kind, all_of, any_of

KINDS: Mapping[str, Kind] = {"eq": "equals", "contains": "contains", "prefix": "starts", "suffix": "ends"}
PRESENT = frozenset({"glob", "glob_cased", "re", "cidr", "cmp", "ref", "ref_cased", "part", "present"})
"""Kinds that ask of a value what a store does not know; but there must be one."""
LISTED = frozenset(f"{kind}{cased}" for kind in KINDS for cased in ("", "_cased"))


def filter_of(rule: Compiled, virtual: Mapping[str, Virtual]) -> Filter:
    """Return the filter of a compiled rule: its routes, and its tree. ``virtual`` names are computed from others."""
    routes = [_meets(route) for route in rule.routes]
    return all_of([any_of(routes) if routes else ALL, _node(rule.tree, virtual) if rule.tree is not None else ALL])


def _meets(route: Condition) -> Filter:
    """Return what a route asks for; that a field is missing is left to the verdict."""
    said = [(name, value) for name, value in route if value and value.isascii() and value.isprintable()]
    return all_of([Is(name, "equals", value.lower()) for name, value in said])


def _node(node: Node, virtual: Mapping[str, Virtual]) -> Filter:
    kind = node[0]
    if kind == "and":
        return all_of([_node(child, virtual) for child in node[1]])
    if kind == "or":
        return any_of([_node(child, virtual) for child in node[1]])
    if kind != "atom" or not node[1]:
        return ALL
    _, names, name, operand = node
    if name in LISTED and operand and operand.isascii() and operand.isprintable():
        compared = KINDS[name.removesuffix("_cased")]
        return any_of(
            [_read(virtual[f], operand.lower()) if f in virtual else Is(f, compared, operand.lower()) for f in names]
        )
    if any(field in virtual for field in names):
        return ALL
    if name in PRESENT:
        return any_of([Is(field, "present") for field in names])
    return ALL


def _read(made: Virtual, text: str) -> Filter:
    """Return where a computed name's values come from: the fields that it is read from hold the text, or its evidence."""
    evidence = getattr(made, "evidence", None)
    piece = evidence(text) if evidence else ""
    if not piece or not (choices := choices_of(made)) or any("*" in name for _, fields in choices for name in fields):
        return ALL
    return any_of(
        [all_of([_meets(asked), any_of([Is(name, "contains", piece) for name in fields])]) for asked, fields in choices]
    )


__all__ = ["filter_of"]
