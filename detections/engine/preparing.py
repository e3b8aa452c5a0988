"""Compiled documents to what a set is made of: filters put into the trees of their rules, lists filled in.

Done whenever a set is made, from data alone: a filter ends by the calendar, lists are settings.
"""

from collections.abc import Sequence
from datetime import date

import msgspec

from hinomi.detections import filters
from hinomi.detections.engine.compiling import Compiled, product_of
from hinomi.detections.engine.lists import Lists, fill, wanted
from hinomi.detections.engine.predicates import Node, Unsupported
from hinomi.detections.engine.tree import TreeBuilder


def prepare(compiled: Sequence[Compiled], lists: Lists, today: date) -> list[Compiled]:
    """Return rules with final trees, correlations, and what is at fault; filters are no more among them."""
    rules = {rule.info.id: rule for rule in reversed(compiled) if rule.tree is not None and not rule.fault}
    names = {rule.name: rule.info.id for rule in rules.values() if rule.name}
    sources = {name: rule.source for name, rule in rules.items()}
    faults: list[Compiled] = []
    on: dict[str, list[Compiled]] = {}
    for document in compiled:
        if document.filter is None:
            continue
        chosen, wrong = filters.targets(document.filter, names, sources)
        faults += [msgspec.structs.replace(document, filter=None, fault=reason) for reason in wrong]
        for name in chosen:
            on.setdefault(name, []).append(document)
    finished = []
    for rule in compiled:
        if rule.filter is not None:
            continue
        if rule.tree is not None and not rule.fault:
            rule = _finished(rule, on.get(rule.info.id, ()), lists, today, faults)
        finished.append(rule)
    return [*finished, *faults]


def _finished(
    rule: Compiled, documents: Sequence[Compiled], lists: Lists, today: date, faults: list[Compiled]
) -> Compiled:
    tree: Node = fill(rule.tree or [], lists)
    unfilled = [name for name in wanted(rule.tree or []) if not any(lists.get(name, {}).values())]
    fields = set(rule.fields)
    said = []
    for document in documents:
        found = document.filter
        if found is None:
            continue
        said.append(filters.applied(found, document.where, today))
        if said[-1].state == "ended":
            continue
        builder = TreeBuilder(product_of(rule.source), rule.source.get("category"), rule.source.get("service"))
        try:
            tree = filters.apply(tree, found, builder, lists)
        except Unsupported as error:
            faults.append(msgspec.structs.replace(document, filter=None, fault=str(error)))
        fields |= builder.fields
    return msgspec.structs.replace(rule, tree=tree, fields=sorted(fields), filters=said, unfilled=unfilled)
