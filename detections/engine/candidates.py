"""A rule's tree as a filter for event stores: a superset of what it matches (hinomi.events.candidates).

Only text that is compared with ASCII says something; what is negated, a regular expression, a number's bound, or a
name that no event holds by itself says nothing.
"""

from collections.abc import Collection

from hinomi.detections.engine.compiling import Compiled
from hinomi.detections.engine.predicates import Node
from hinomi.events.candidates import ALL, Filter, Is, all_of, any_of

KINDS = {"eq": "equals", "contains": "contains", "prefix": "starts", "suffix": "ends"}
PRESENT = frozenset({"glob", "glob_cased", "re", "cidr", "cmp", "ref", "ref_cased", "part", "present"})
"""Kinds that ask of a value what a store does not know; but there must be one."""
LISTED = frozenset(f"{kind}{cased}" for kind in KINDS for cased in ("", "_cased"))


def filter_of(rule: Compiled, virtual: Collection[str]) -> Filter:
    """Return the filter of a compiled rule: its routes, and its tree. ``virtual`` names are computed from others."""
    routes = [
        all_of([Is(name, "equals", value.lower()) for name, value in route if value.isascii() and value.isprintable()])
        for route in rule.routes
    ]
    return all_of([any_of(routes) if routes else ALL, _node(rule.tree, virtual) if rule.tree is not None else ALL])


def _node(node: Node, virtual: Collection[str]) -> Filter:
    kind = node[0]
    if kind == "and":
        return all_of([_node(child, virtual) for child in node[1]])
    if kind == "or":
        return any_of([_node(child, virtual) for child in node[1]])
    if kind != "atom" or not node[1] or any(name in virtual for name in node[1]):
        return ALL
    _, names, name, operand = node
    if name in LISTED and operand and operand.isascii() and operand.isprintable():
        compared = KINDS[name.removesuffix("_cased")]
        return any_of([Is(field, compared, operand.lower()) for field in names])  # type: ignore[arg-type]
    if name in PRESENT:
        return any_of([Is(field, "present") for field in names])
    return ALL


__all__ = ["filter_of"]
