"""Compiled documents to what a set is made of: filters put into trees, lists filled in, references resolved.

Done whenever a set is made, from data alone: a filter ends by the calendar, lists are settings.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date

import msgspec

from hinomi.detections import filters
from hinomi.detections.correlation.resolving import Base, Resolver
from hinomi.detections.engine.compiling import Compiled, field_map_of
from hinomi.detections.engine.lists import Lists, fill
from hinomi.detections.engine.predicates import Node, Unsupported
from hinomi.detections.engine.tree import TreeBuilder


def prepare(compiled: Sequence[Compiled], lists: Lists, today: date) -> list[Compiled]:
    """Return rules with final trees, correlations resolved, and what is at fault; filters are no more among them."""
    first: dict[str, Compiled] = {}
    for document in compiled:
        if not document.fault and document.filter is None:
            first.setdefault(document.info.id, document)
    faults: list[Compiled] = []
    on = _filters(compiled, {name: rule for name, rule in first.items() if rule.tree is not None}, faults)
    resolver = _resolver(first)
    finished = []
    for rule in compiled:
        if rule.filter is not None:
            continue
        name = rule.info.id
        if first.get(name) is rule:
            if rule.tree is not None:
                rule = _finished(rule, on.get(name, ()), lists, today, faults)
            rule = _referred(rule, resolver)
        finished.append(rule)
    return [*finished, *faults]


def _filters(
    compiled: Sequence[Compiled], rules: Mapping[str, Compiled], faults: list[Compiled]
) -> dict[str, list[Compiled]]:
    """Return the filters on each rule; note what is wrong with what they name."""
    names = {rule.name: name for name, rule in rules.items() if rule.name}
    sources = {name: rule.source for name, rule in rules.items()}
    on: dict[str, list[Compiled]] = {}
    for document in compiled:
        if document.filter is None:
            continue
        chosen, wrong = filters.targets(document.filter, names, sources)
        faults += [msgspec.structs.replace(document, filter=None, fault=reason) for reason in wrong]
        for name in chosen:
            on.setdefault(name, []).append(document)
    return on


def _resolver(first: Mapping[str, Compiled]) -> Resolver:
    resolver = Resolver(
        specs={name: rule.correlation for name, rule in first.items() if rule.correlation is not None},
        bases={name: _base(rule) for name, rule in first.items() if rule.tree is not None},
        names={rule.name: name for name, rule in first.items() if rule.name},
    )
    resolver.run()
    return resolver


def _base(rule: Compiled) -> Base:
    return Base(field_map_of(rule.source) if rule.taxonomy == "sigma" else None, rule.source)


def _referred(rule: Compiled, resolver: Resolver) -> Compiled:
    """Return a rule as correlations want it, a correlation with its references."""
    name = rule.info.id
    fields = tuple(sorted(resolver.needs.get(name, ())))
    info = rule.info
    if fields or name in resolver.silent:
        info = msgspec.structs.replace(info, fields=fields, silent=name in resolver.silent)
    read = sorted({*rule.fields, *fields})
    return msgspec.structs.replace(
        rule, info=info, fields=read, correlation=resolver.found.get(name), fault=resolver.faults.get(name, "")
    )


def _finished(
    rule: Compiled, documents: Sequence[Compiled], lists: Lists, today: date, faults: list[Compiled]
) -> Compiled:
    tree: Node = fill(rule.tree, lists) if rule.tree and rule.wanted else rule.tree or []
    unfilled = [name for name in rule.wanted if not any(lists.get(name, {}).values())]
    fields = set(rule.fields)
    said = []
    for document in documents:
        found = document.filter
        if found is None:
            continue
        if found.state(today) == "ended":
            said.append(filters.applied(found, document.where, today))
            continue
        product = field_map_of(rule.source) if document.taxonomy == "sigma" else None
        builder = TreeBuilder(product, rule.source.get("category"), rule.source.get("service"))
        try:
            tree = filters.apply(tree, found, builder, lists)
        except Unsupported as error:
            faults.append(msgspec.structs.replace(document, filter=None, fault=str(error)))
            continue
        said.append(filters.applied(found, document.where, today, sorted(builder.unmapped)))
        fields |= builder.fields
    info = rule.info
    if tree != rule.tree:  # what it matches is no longer only what its file says: so is its mark
        mark = hashlib.sha256(info.hash.encode() + msgspec.msgpack.encode(tree)).hexdigest()[:16]
        info = msgspec.structs.replace(info, hash=mark)
    return msgspec.structs.replace(rule, info=info, tree=tree, fields=sorted(fields), filters=said, unfilled=unfilled)
