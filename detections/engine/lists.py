"""Named lists of values, per tenant subtree: what ``expand`` puts where a rule says ``%name%``.

Filled when rules are loaded, into ordinary atoms; a list of a tenant holds for what lies below it, and all
lists on the way from the root count. Where a list has no value the rule is silent, and says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product as _product
from typing import Any

from hinomi.detections.engine import text
from hinomi.detections.engine.predicates import Node
from hinomi.detections.engine.tree import NEVER, regex

#: Name → tenant subtree → values, which may hold wildcards.
Lists = Mapping[str, Mapping[str, Sequence[str]]]


def within(tenants: Sequence[str]) -> Node | None:
    """Return the node that is true inside any of these subtrees; None: everywhere."""
    if "" in tenants:
        return None
    field = ["hinomi.tenant"]
    nodes = [
        ["atom", field, kind, path] for tenant in tenants for kind, path in (("eq", tenant), ("prefix", f"{tenant}/"))
    ]
    return ["or", nodes]


def wanted(node: Node) -> list[str]:
    """Return the names of the lists that a tree needs."""
    return list(dict.fromkeys(name for _, parts in _open(node) for name in text.placeholders(parts)))


def fill(node: Node, lists: Lists) -> Node:
    """Return the tree with its placeholders filled: true only in tenants for which each of its lists has values."""
    names = wanted(node)
    if not names:
        return node
    if any(not _tenants(lists, name) for name in names):
        return NEVER
    guards = [guard for name in names if (guard := within(_tenants(lists, name))) is not None]
    filled = _filled(node, lists)
    return ["and", [*guards, filled]] if guards else filled


def _tenants(lists: Lists, name: str) -> list[str]:
    return [tenant for tenant, values in lists.get(name, {}).items() if values]


def _open(node: Node) -> Iterator[tuple[Node, text.Parts]]:
    if node[0] == "fill":
        yield node, node[2][1]
    elif node[0] != "atom":
        for child in [node[1]] if node[0] == "not" else node[1]:
            yield from _open(child)


def _filled(node: Node, lists: Lists) -> Node:
    if node[0] == "atom":
        return node
    if node[0] == "not":
        return ["not", _filled(node[1], lists)]
    if node[0] != "fill":
        return [node[0], [_filled(child, lists) for child in node[1]]]
    _, fields, how = node
    names = list(dict.fromkeys(text.placeholders(how[1])))
    found: list[Node] = []
    for tenants in _product(*(_tenants(lists, name) for name in names)):
        values = {
            name: [text.read(value) for value in lists[name][at]] for name, at in zip(names, tenants, strict=True)
        }
        atoms = [_atom(fields, how, values_of) for values_of in _texts(how, values)]
        guards = [guard for tenant in tenants if (guard := within([tenant])) is not None]
        found.append(["and", [*guards, ["or", atoms]]] if guards else ["or", atoms])
    return found[0] if len(found) == 1 else ["or", found]


def _texts(how: list[Any], values: dict[str, list[text.Parts]]) -> list[text.Parts]:
    if how[0] == "re":  # a value means its own letters, whatever signs expressions have
        values = {name: [_escaped(parts) for parts in found] for name, found in values.items()}
    return text.filled(how[1], values)


def _escaped(parts: text.Parts) -> text.Parts:
    return [part if isinstance(part, list) else text.pattern([part], cased=True) for part in parts]


def _atom(fields: list[str], how: list[Any], parts: text.Parts) -> Node:
    if how[0] == "re":
        return ["atom", fields, "re" if fields else "word_re", regex(parts, *how[2:])]
    return ["atom", fields, *(text.atom if fields else text.word)(parts, cased=how[2])]
