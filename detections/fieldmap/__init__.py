"""Field maps `hinomi_ecs`: how Sigma's names and values reach ECS events. One module per product.

A module registers a `Product` for each Sigma product it knows; entry points ``hinomi.fieldmaps``. Most are made
by `table`: log source → conditions, Sigma field → ECS fields, Sigma value → the event's value. ``any`` is the
product of rules that name none. The same tables compile rules for the stream, and make the pySigma pipeline.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from hinomi.event import Event
from hinomi.registry import Registry

#: (field, value) of the event that a route asks for; several are ANDed. A value "" asks that the field is missing;
#: of a list, any element counts.
Condition = tuple[tuple[str, str], ...]
#: One ECS field, or several of which any counts.
Targets = str | tuple[str, ...]
#: (ECS fields, comparison, operand): what an atom of a rule asks of an event.
Part = tuple[tuple[str, ...], str, Any]

#: Where ECS 9 puts fields (elastic.co/docs/reference/ecs), and our own `hinomi.*`.
ECS_ROOTS = frozenset(
    ["agent", "as", "client", "cloud", "code_signature", "container", "data_stream", "database", "destination", "device", "dll", "dns", "ecs", "elf", "email", "entity", "error", "event", "faas", "file", "gen_ai", "geo", "group", "hash", "hinomi", "host", "http", "interface", "labels", "log", "macho", "network", "observer", "orchestrator", "organization", "os", "package", "pe", "process", "registry", "related", "risk", "rule", "server", "service", "source", "span", "threat", "tls", "trace", "transaction", "url", "user", "user_agent", "vlan", "volume", "vulnerability", "x509"]
)  # fmt: skip
BASE = frozenset({"@timestamp", "message", "tags"})


#: A name that no event carries, computed where a rule runs on events: the values it has in one. What it may also say of
#: itself: ``choices`` (`choices_of`), and ``evidence``: text → the part of it that stands in the event's own values wherever
#: the text does in these.
Virtual = Callable[[Event], list[Any]]
#: (condition, fields): any of the fields, where the condition holds; ``*`` stands for any part of a name.
Choice = tuple[Condition, tuple[str, ...]]


def choices_of(virtual: Virtual) -> Sequence[Choice]:
    """Return where a computed name's values may come from, any of it and no less; empty: it does not say."""
    found: Sequence[Choice] = getattr(virtual, "choices", ())
    return found


@dataclass(frozen=True)
class Table:
    """What a product's page in the reference shows, and `table` makes a `Product` of."""

    sources: Mapping[str, Sequence[Condition]]
    """Category or service (``""`` = neither) → any of these conditions."""
    fields: Mapping[str, tuple[str, ...]]
    """Sigma field → ECS fields, in every log source."""
    of: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """Category or service → the same for its events alone; read before `fields`."""
    trees: Mapping[str, str] = field(default_factory=dict)
    """Begin of a Sigma field → begin of the event's: trees whose leaves have no list."""
    rest: Mapping[str, str] = field(default_factory=dict)
    """Category or service (``""`` = every) → what any other name becomes; ``{}`` stands for it. None: it is listed."""
    vendor: tuple[str, ...] = ()
    """Begins of names outside ECS, as the maker's integration for Elastic calls them."""
    values: Mapping[str, Mapping[str, Mapping[str, str | None]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Product:
    """One Sigma product: routes of its log sources, names, values."""

    route: Callable[[str | None, str | None], Sequence[Condition] | None]
    """(category, service) → any of these conditions; None: this log source is not known here."""
    names: Callable[[str, str | None, str | None], tuple[str, ...]]
    """(Sigma field, category, service) → ECS fields, any of which counts; empty: not mapped."""
    values: Mapping[str, Mapping[str, Mapping[str, str | None]]] = field(default_factory=dict)
    """Sigma field → ECS field → {Sigma value in lower case: the event's value}."""
    virtual: Mapping[str, Virtual] = field(default_factory=dict)
    """Name that `names` may give → how to read it."""
    split: Mapping[str, Callable[[str | None, str, Any], list[Part] | None]] = field(default_factory=dict)
    """Sigma field → (category, comparison, operand) → what it asks instead, any of it; None: as any other field."""
    classify: Callable[[Sequence[str], str | None, str | None], tuple[str, str]] | None = None
    """(tags, category, service) → (category, cause) of rules that do not say so themselves."""
    table: Table | None = None
    fold: bool = False
    """Whether field names are compared without regard to case: `values` is keyed so."""

    def parts(self, name: str, category: str | None, service: str | None, kind: str, operand: Any) -> list[Part]:
        """Return what one comparison asks of an event, any of it: names and values mapped; empty: not mapped."""
        if name in self.split and (found := self.split[name](category, kind, operand)) is not None:
            return found
        targets = self.names(name, category, service)
        known = self.values.get(name.casefold() if self.fold else name)
        if not known or kind != "eq":
            return [(targets, kind, operand)] if targets else []
        grouped: dict[str | None, list[str]] = {}
        for target in targets:
            value = known.get(target, {}).get(str(operand).casefold(), operand)
            grouped.setdefault(value, []).append(target)
        return [(tuple(group), kind if value is not None else "null", value) for value, group in grouped.items()]


@dataclass(frozen=True)
class VendorAlerts:
    """How a product's own alerts are judged: event → (level, category, contain by itself)."""

    judge: Callable[[Event], tuple[str, str, bool]]


def graded(level: str, event: Event) -> tuple[str, str, bool]:
    """Return level, category and contain of an alert: high or critical of malware is critical and contains by itself.

    What people have closed in the product's console contains nothing any more.
    """
    if "malware" not in event.get("event.category", ()):
        return level, "intrusion", False
    if level not in ("high", "critical"):
        return level, "malware", False
    return "critical", "malware", "end" not in event.get("event.type", ())


fieldmaps: Registry[Product | VendorAlerts] = Registry("fieldmap", __name__)


def is_event_name(name: str) -> bool:
    """Tell whether a rule names a field of ECS or of ours directly."""
    return name in BASE or ("." in name and name.split(".")[0] in ECS_ROOTS)


def snake(name: str) -> str:
    """Return a camelCase name as Elastic's integrations write it; dots stay."""
    return "".join("_" + sign.lower() if sign.isupper() else sign for sign in name)


def condition(text: str) -> Condition:
    """Return the condition that ``field=value & field=value`` says; ``field=`` asks that it is missing."""
    pairs = (part.partition("=") for part in text.split(" & "))
    return tuple((name.strip(), value.strip()) for name, _, value in pairs)


def conditions(*texts: str) -> tuple[Condition, ...]:
    """Return the conditions of these texts."""
    return tuple(condition(text) for text in texts)


def table(
    sources: Mapping[str, Sequence[str | Condition]],
    fields: Mapping[str, Targets],
    *,
    of: Mapping[str, Mapping[str, Targets]] | None = None,
    trees: Mapping[str, str] | None = None,
    rest: str | Mapping[str, str] = "",
    vendor: tuple[str, ...] = (),
    values: Mapping[str, Mapping[str, Mapping[str, str | None]]] | None = None,
    fold: bool = False,
    **more: Any,
) -> Product:
    """Make a `Product` of tables; `fold`: field names are compared without regard to case. `more`: of `Product`."""
    made = Table(
        {key: tuple(condition(c) if isinstance(c, str) else c for c in asked) for key, asked in sources.items()},
        _tuples(fields),
        {key: _tuples(own) for key, own in (of or {}).items()},
        trees or {},
        {"": rest} if isinstance(rest, str) and rest else rest or {},
        vendor,
        values or {},
    )
    key = str.casefold if fold else str
    general = {key(name): targets for name, targets in made.fields.items()}
    own = {source: {key(name): targets for name, targets in names.items()} for source, names in made.of.items()}

    def route(category: str | None, service: str | None) -> Sequence[Condition] | None:
        asked = [made.sources[word] for word in (category, service) if word and word in made.sources]
        if not asked and not (category or service):
            asked = [made.sources[""]] if "" in made.sources else []
        return reduce(_both, asked) if asked else None

    def names(name: str, category: str | None, service: str | None) -> tuple[str, ...]:
        word = key(name)
        for source in (service, category) if service or category else ("",):
            if found := own.get(source or "-", {}).get(word):
                return found
        if found := general.get(word):
            return found
        for begin, target in made.trees.items():
            if word.startswith(key(begin)):
                return (target + name[len(begin) :],)
        if is_event_name(name) or (vendor and name.startswith(vendor)):
            return (name,)
        pattern = next(
            (made.rest[word] for word in (service, category, "") if word is not None and word in made.rest), ""
        )
        return (pattern.format(name),) if pattern else ()

    known = {key(name): targets for name, targets in made.values.items()}
    return Product(route=route, names=names, values=known, table=made, fold=fold, **more)


def _tuples(fields: Mapping[str, Targets]) -> dict[str, tuple[str, ...]]:
    return {name: (targets,) if isinstance(targets, str) else targets for name, targets in fields.items()}


def _both(one: Sequence[Condition], other: Sequence[Condition]) -> tuple[Condition, ...]:
    """Return the conditions under which both hold; those that exclude each other are left out."""
    pairs = [dict(first) | dict(second) for first in one for second in other if not _exclude(dict(first), dict(second))]
    return tuple(tuple(pair.items()) for pair in pairs)


def _exclude(first: Mapping[str, str], second: Mapping[str, str]) -> bool:
    return any(name in second and second[name] != value for name, value in first.items())


def routes_of(product: str | None, category: str | None, service: str | None) -> Sequence[Condition] | None:
    """Return the conditions of a log source, any of which an event must meet; None: nothing knows it.

    Without a table, ``product: p, service: s`` means ``event.dataset: p.s``, and ``product: p`` means ``event.module: p``.
    """
    known = product_of(product, category, service)
    own = product is None or product.casefold() in fieldmaps
    if known is not None and own and (routes := known.route(category, service)) is not None:
        return routes
    if product and service:
        return ((("event.dataset", f"{product}.{service}"),),)
    if product and (known is not None or category in (None, "application")) and not own:
        return ((("event.module", product),),)
    return None


def product_of(name: str | None, category: str | None, service: str | None) -> Product | None:
    """Return the field map of a log source: its product's, if that knows it; else the one of any product.

    Without a product that is `any`, or Windows where it alone knows the category.
    """
    own = _table_of(name.casefold()) if name else None
    for candidate in (own, _table_of("any"), None if name else _table_of("windows")):
        if candidate is not None and candidate.route(category, service) is not None:
            return candidate
    return own


def _table_of(name: str) -> Product | None:
    found = fieldmaps.get(name) if name in fieldmaps else None
    return found if isinstance(found, Product) else None


__all__ = [
    "BASE",
    "ECS_ROOTS",
    "Choice",
    "Condition",
    "Part",
    "Product",
    "Table",
    "Targets",
    "VendorAlerts",
    "Virtual",
    "choices_of",
    "condition",
    "conditions",
    "fieldmaps",
    "graded",
    "is_event_name",
    "product_of",
    "routes_of",
    "snake",
    "table",
]  # fmt: skip
