"""Why a rule matches an event or does not: clause by clause, by the predicates that the matcher is held to.

A rule's document is read again as it is written; what a clause asks of an event is what the tree builder makes of it
alone. Everything here is plain data, for people (`hinomi rule explain`) and programs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hinomi.detections import filters
from hinomi.detections.engine import condition
from hinomi.detections.engine.compiling import Compiled, builder_of, field_map_of, taxonomy_of
from hinomi.detections.engine.lists import Lists, fill, wanted
from hinomi.detections.engine.predicates import Node, Unsupported, View, build
from hinomi.detections.engine.safe_yaml import load_all
from hinomi.detections.engine.tree import TreeBuilder
from hinomi.detections.fieldmap import Condition, Product, fieldmaps
from hinomi.errors import NotFoundError
from hinomi.event import Event
from hinomi.tenancy import within

MOST_VALUES = 200
LONGEST = 400
SIGNS = ("all", "neq")


def explain(rules: Mapping[str, Compiled], rule: str, event: Event, lists: Lists) -> dict[str, Any]:
    """Return what a loaded rule asks of an event, what was seen, and what came of it.

    Raises:
        NotFoundError: If there is no such rule, or its file has gone.
    """
    found = rules.get(rule)
    if found is None:
        raise NotFoundError(f"no rule is called {rule!r}", hint="hinomi rule list")
    about: dict[str, Any] = {"rule": rule, "title": found.info.title, "level": found.info.level, "where": found.where}
    about |= {"event": event.get("event.id"), "time": event.get("@timestamp"), "unmapped": list(found.unmapped)}
    if found.correlation is not None:
        return about | _correlation(rules, found, event, lists)
    document = _document(found.where, found.info.id)
    view = View(event, computed())
    product = field_map_of(found.source)
    reader = _Reader(builder_of(document, found.source, product), view, lists)
    routes = _routes(found, event)
    section = document["detection"]
    holds = build(fill(found.tree or [], lists))(view)
    return about | {
        "matches": routes["routed"] and holds,
        "logsource": {"asked": found.source, **routes},
        **reader.section(section),
        "exceptions": [_exception(found, applied, view, lists) for applied in found.filters],
        "lists_without_values": found.unfilled,
    }


def _correlation(rules: Mapping[str, Compiled], found: Compiled, event: Event, lists: Lists) -> dict[str, Any]:
    """Return which of a correlation's rules match the event, and what it would be grouped and counted by."""
    spec = found.correlation
    assert spec is not None  # noqa: S101 - asked before
    parts = []
    for slot in spec.slots:
        view = View(event, computed())
        seen = {asked: [text for name in names for text in view.texts(name)] for asked, names in slot.fields.items()}
        parts.append({**explain(rules, slot.rule, event, lists), "groups": {name: seen.get(name, []) for name in spec.group_by}, "carries": seen})  # fmt: skip
    counts = {**spec.limits} if spec.terms is None else {"condition": "in words"}
    about = {"type": spec.type, "seconds": spec.seconds, "group_by": spec.group_by, "counts": counts}
    return {"matches": None, "correlation": about, "rules": parts}


def _document(where: str, rule: str) -> dict[str, Any]:
    path = Path(where)
    try:
        documents = load_all(path.read_bytes(), path)
    except OSError as error:
        raise NotFoundError(f"the rule's file cannot be read: {error.strerror}", where=path) from error
    for document in documents:
        if isinstance(document, dict) and rule in [str(document.get(key)) for key in ("id", "name", "title")]:
            return document
    raise NotFoundError(f"rule {rule!r} is no longer in its file", where=path, hint="it is read again in a moment")


def computed() -> dict[str, Any]:
    """Return how names that only field maps know are read."""
    return {name: make for _, table in fieldmaps if isinstance(table, Product) for name, make in table.virtual.items()}


def _routes(found: Compiled, event: Event) -> dict[str, Any]:
    """Return whether the event is of the rule's log source, and what of each way to be it fails."""
    ways = []
    for route in found.routes:
        asked = [{"field": name, "wanted": value, "seen": _words(event, name), "ok": _is(event, name, value)} for name, value in route]  # fmt: skip
        ways.append({"ok": all(part["ok"] for part in asked), "asked": asked})
    why = "" if ways else "no field map knows this log source, and it names no product and service"
    return {"routed": any(way["ok"] for way in ways), "ways": ways, "why": why}


def meets(event: Event, routes: Iterable[Condition]) -> bool:
    """Tell whether an event is of a log source."""
    return any(all(_is(event, name, value) for name, value in route) for route in routes)


def _words(event: Event, name: str) -> list[str]:
    value = event.get(name)
    return [str(item) for item in (value if isinstance(value, list) else [] if value is None else [value])]


def _is(event: Event, name: str, value: str) -> bool:
    """Tell whether a field has a value; the empty one asks that the field is missing."""
    words = [word.casefold() for word in _words(event, name)]
    return value.casefold() in words if value else not words


def _exception(found: Compiled, applied: filters.Applied, view: View, lists: Lists) -> dict[str, Any]:
    """Return what an exception on the rule excepts, and whether it does here."""
    document = _document(applied.where, applied.id)
    section = document["filter"]
    product = field_map_of(found.source) if taxonomy_of(document) == "sigma" else None
    builder = TreeBuilder(product, found.source.get("category"), found.source.get("service"))
    tree = fill(filters.excepted(builder, section), lists)
    tenant = view.event.get("hinomi.tenant", "")
    here = any(within(str(tenant), subtree) for subtree in applied.tenants)
    excepts = applied.state != "ended" and here and build(tree)(view)
    shown = {name: value for name, value in section.items() if name != "rules"}
    said = {"in_its_tenants": here, "excepts": excepts, **_Reader(builder, view, lists).section(shown)}
    return {**msgspec.to_builtins(applied), **said}


class _Reader:
    """Explains one ``detection`` or ``filter`` section on one event."""

    def __init__(self, builder: TreeBuilder, view: View, lists: Lists):
        self._builder, self._view, self._lists = builder, view, lists
        self._plain = TreeBuilder(None, None, None)

    def section(self, section: Mapping[str, Any]) -> dict[str, Any]:
        """Return condition and searches, each with its verdict."""
        searches = {str(key): value for key, value in section.items() if key != "condition"}
        explained = {name: self._search(name, definition) for name, definition in searches.items()}
        texts = section.get("condition")
        texts = texts if isinstance(texts, list) else [texts]
        conditions = [_condition(condition.parse(text), explained) | {"text": text} for text in texts]
        used = {name for text in texts for name in condition.names(condition.parse(text), list(explained))}
        for name, part in explained.items():
            part["used"] = name in used
        return {"conditions": conditions, "searches": list(explained.values())}

    def _search(self, name: str, definition: Any) -> dict[str, Any]:
        """Return a search, or an element of its list, as `TreeBuilder` reads it."""
        if isinstance(definition, Mapping):
            parts = [self._clause(str(key or ""), value) for key, value in definition.items()]
            return {"name": name, "how": "all", "ok": all(part["ok"] for part in parts), "parts": parts}
        if isinstance(definition, list) and any(isinstance(item, Mapping | list) for item in definition):
            parts = [self._search(f"{name}[{number}]", item) for number, item in enumerate(definition)]
            return {"name": name, "how": "any", "ok": any(part["ok"] for part in parts), "parts": parts}
        clause = self._clause("", definition)
        return {"name": name, "how": "all", "ok": clause["ok"], "parts": [clause]}

    def _clause(self, key: str, value: Any) -> dict[str, Any]:
        """Return one field with its modifiers, and each of its values."""
        field, *modifiers = key.split("|")
        node = self._node(key, value)
        given = value if isinstance(value, list) else [value]
        single = "|".join([field, *(name for name in modifiers if name not in SIGNS)])
        values = [self._value(single, item) for item in given[:MOST_VALUES]]
        names = sorted(set(_fields(node)))
        seen = {name: [_cut(text) for text in self._view.texts(name)] for name in names} if names else self._found(node)
        how = "none" if "neq" in modifiers else "all" if "all" in modifiers else "any"
        ok = build(node)(self._view)
        return {"field": key, "ecs": names, "seen": seen, "how": how, "ok": ok, "values": values, "more": max(len(given) - MOST_VALUES, 0),
                "why": self._why(field, names, seen, ok=ok)}  # fmt: skip

    def _value(self, key: str, value: Any) -> dict[str, Any]:
        node = self._node(key, value)
        plain = sorted(
            {str(operand) for _, kind, operand in _atoms(self._node(key, value, self._plain)) if kind == "eq"}
        )
        asked = sorted({str(operand) for _, kind, operand in _atoms(node) if kind == "eq"})
        mapped = asked if plain and asked != plain else []
        lists = self._given(key, value)
        return {
            "value": _cut(value) if isinstance(value, str) else value,
            "ok": build(node)(self._view),
            "mapped": mapped,
            "lists": lists,
        }

    def _given(self, key: str, value: Any) -> list[str]:
        """Return the names of the lists that a value is filled from."""
        return wanted(self._builder.build({"s": {key: value}, "condition": "s"})) if "expand" in key.split("|") else []

    def _node(self, key: str, value: Any, builder: TreeBuilder | None = None) -> Node:
        try:
            return fill((builder or self._builder).build({"s": {key: value}, "condition": "s"}), self._lists)
        except Unsupported:  # the value alone is refused where several are not
            return ["or", []]

    def _found(self, node: Node) -> dict[str, list[str]]:
        """Return the fields that a keyword was found in."""
        test = build(node)
        found = {name: value for name, value in self._view.event.items() if test(View({name: value}, {}))}
        return {name: [_cut(str(value))] for name, value in found.items()}

    def _why(self, field: str, names: Sequence[str], seen: Mapping[str, Sequence[str]], *, ok: bool) -> str:
        if not field:
            return "" if ok else "found in no field of the event"
        if ok:
            return ""
        if field in self._builder.unmapped:
            return "no field map knows this name"
        if not any(seen.values()):
            return f"the event has no {' or '.join(names)}"
        return "another value"


def _condition(node: condition.Parsed, searches: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a condition's parts with their verdicts."""
    kind = node[0]
    if kind == "id":
        return {"text": node[1], "ok": bool(searches[node[1]]["ok"]), "parts": []}
    if kind == "not":
        inner = _condition(node[1], searches)
        return {"text": f"not {inner['text']}", "ok": not inner["ok"], "parts": [inner]}
    if kind == "of":
        parts = [_condition(["id", name], searches) for name in condition.fitting(node[2], searches)]
        verdicts = [part["ok"] for part in parts]
        ok = bool(parts) and all(verdicts) if node[1] == "all" else any(verdicts)
        return {"text": f"{node[1]} of {node[2]}", "ok": ok, "parts": parts}
    parts = [_condition(child, searches) for child in node[1]]
    ok = all(part["ok"] for part in parts) if kind == "and" else any(part["ok"] for part in parts)
    return {"text": "(" + f" {kind} ".join(part["text"] for part in parts) + ")", "ok": ok, "parts": parts}


def _atoms(node: Node) -> Iterator[tuple[list[str], str, Any]]:
    if node[0] == "atom":
        yield node[1], node[2], node[3]
    elif node[0] != "fill":
        for child in [node[1]] if node[0] == "not" else node[1]:
            yield from _atoms(child)


def _fields(node: Node) -> Iterator[str]:
    for names, kind, operand in _atoms(node):
        yield from names
        if kind.startswith("ref"):
            yield from operand[0]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
