"""A document of a rule folder to compiled data: a rule's metadata, routes and tree, a correlation, a filter."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from hinomi.collectors import winlog
from hinomi.detections import fieldmap
from hinomi.detections.correlation.spec import Spec, spec_of
from hinomi.detections.engine.lists import fill, wanted
from hinomi.detections.engine.predicates import Unsupported, build
from hinomi.detections.engine.tree import TreeBuilder
from hinomi.detections.fieldmap import Condition, Product, product_of, routes_of
from hinomi.detections.filters import SOURCE_KEYS, Applied, Filter
from hinomi.detections.filters import read as read_filter
from hinomi.events.types import CORE, MOST
from hinomi.hits import LEVELS, RuleInfo


def code_version() -> str:
    """Return a mark of all code that decides what a document compiles to: detections, field maps, field tables."""
    here = Path(__file__).parent
    paths = {
        *here.glob("*.py"),
        *here.parent.glob("*.py"),
        *here.parent.glob("fieldmap/*.py"),
        *here.parent.glob("correlation/*.py"),
        Path(winlog.__file__),
    }
    for _, table in fieldmap.fieldmaps:
        make = table.route if isinstance(table, Product) else table.judge
        if code := getattr(make, "__code__", None):
            paths.add(Path(code.co_filename))
    mark = hashlib.sha256()
    for path in sorted(paths):
        mark.update(path.read_bytes())
    return mark.hexdigest()[:16]


class Compiled(msgspec.Struct, omit_defaults=True):
    """One document as data, as the cache keeps it; ``filters`` and ``unfilled`` come when a set is prepared."""

    info: RuleInfo
    where: str
    routes: list[Condition] = []
    tree: list[Any] | None = None
    unmapped: list[str] = []
    fields: list[str] = []
    correlation: Spec | None = None
    name: str = ""
    fault: str = ""
    source: dict[str, str] = {}
    taxonomy: str = "sigma"
    filter: Filter | None = None
    filters: list[Applied] = []
    unfilled: list[str] = []
    wanted: list[str] = []
    """The lists that its tree needs."""


def key_of(document: dict[str, Any], product: str | None) -> str:
    """Return the key of a rule's content, with the product whose field map it is read by."""
    content = msgspec.json.encode(document, enc_hook=str, order="deterministic")
    return hashlib.sha256((product or "").encode() + content).hexdigest()


@dataclass(frozen=True)
class _Meta:
    category: str
    cause: str
    contain: str


def columns(rules: Iterable[Compiled]) -> frozenset[str]:
    """Return the fields that most rules read: as many as an event store has columns for beside its own."""
    named = Counter(name for rule in rules for name in rule.fields if name not in CORE)
    return frozenset(name for name, _ in named.most_common(MOST - len(CORE)))


def compile_rule(document: dict[str, Any], where: str) -> Compiled:
    """Compile one document; a fault is written into the result, never raised."""
    try:
        if "correlation" in document:
            return _correlation(document, where)
        if "filter" in document:
            return _filter(document, where)
        return _detection(document, where)
    except (Unsupported, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = str(error) or type(error).__name__
        return Compiled(_info(document, _Meta("other", "external", "never")), where, fault=reason)


def _detection(document: dict[str, Any], where: str) -> Compiled:
    source = _checked(document)
    product = field_map_of(source)
    builder = builder_of(document, source, product)
    tree = builder.build(document.get("detection"))
    names = wanted(tree)
    build(fill(tree, {name: {"": ["x"]} for name in names}))  # what the matcher will refuse is refused now
    category, service = source.get("category"), source.get("service")
    routes = routes_of(source.get("product"), category, service)
    unmapped = sorted(builder.unmapped | (set() if routes is not None else {"(log source)"}))
    fields = sorted(builder.fields | {name for route in routes or () for name, _ in route})
    info = _info(document, _meta(document, product, category, service))
    name = str(document.get("name") or "")
    return Compiled(
        info, where, list(routes or ()), tree, unmapped, fields, name=name, source=source, taxonomy=taxonomy_of(document),
        wanted=names,
    )  # fmt: skip


def _checked(document: dict[str, Any]) -> dict[str, str]:
    """Return the log source; refuse what no rule can do without."""
    if not isinstance(document.get("title"), str):
        raise Unsupported("title: a rule needs one, a text")
    level = document.get("level", "medium")
    if level not in LEVELS:
        raise Unsupported(f"level: {level!r} is none of {', '.join(LEVELS)}")
    source = document.get("logsource")
    found = {key: str(source[key]) for key in SOURCE_KEYS if source.get(key)} if isinstance(source, dict) else {}
    if not found:
        raise Unsupported("logsource: name a product, a category or a service")
    return found


TAXONOMIES = ("sigma", "ecs")


def taxonomy_of(document: Mapping[str, Any]) -> str:
    """Return what a document's fields are called by: Sigma, mapped by field maps, or ECS, which events have.

    Raises:
        Unsupported: For any other.
    """
    taxonomy = str(document.get("taxonomy") or "sigma").lower()
    if taxonomy not in TAXONOMIES:
        raise Unsupported(f"taxonomy: {taxonomy!r} is none of {', '.join(TAXONOMIES)}; rename its fields")
    return taxonomy


def builder_of(document: dict[str, Any], source: dict[str, str], product: Product | None) -> TreeBuilder:
    """Return the builder of a rule's trees: its field map, and the zone that times of the day are meant in."""
    own = document.get("hinomi")
    zone = str(own.get("zone") or "") if isinstance(own, dict) else ""
    try:
        ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise Unsupported(f"hinomi.zone: {zone!r} is no time zone; write Asia/Tokyo") from None
    named = None if taxonomy_of(document) == "ecs" else product
    return TreeBuilder(named, source.get("category"), source.get("service"), zone)


def field_map_of(source: Mapping[str, str]) -> Product | None:
    """Return the field map of a log source."""
    return product_of(source.get("product"), source.get("category"), source.get("service"))


def _meta(document: dict[str, Any], product: Product | None, category: str | None, service: str | None) -> _Meta:
    own = document.get("hinomi")
    if isinstance(own, dict):
        contain = "auto" if own.get("contain") == "auto" else "never"
        return _Meta(
            str(own.get("category", "other")), "internal" if own.get("cause") == "internal" else "external", contain
        )
    tags = [str(tag) for tag in document.get("tags") or ()]
    if product is not None and product.classify is not None:
        found, cause = product.classify(tags, category, service)
        return _Meta(found, cause, "never")
    return _Meta("intrusion", "external", "never")


def _info(document: dict[str, Any], meta: _Meta) -> RuleInfo:
    own = document.get("hinomi")
    level = str(document.get("level", "medium"))
    return RuleInfo(
        id=str(document.get("id") or document.get("name") or document.get("title") or "?"),
        title=str(document.get("title", "?")),
        title_ja=str(own.get("title_ja", "")) if isinstance(own, dict) else "",
        level=level if level in LEVELS else "medium",
        hash=key_of(document, None)[:16],
        category=meta.category,
        cause="internal" if meta.cause == "internal" else "external",
        contain="auto" if meta.contain == "auto" else "never",
        tags=tuple(str(tag) for tag in document.get("tags") or ()),
    )


def _correlation(document: dict[str, Any], where: str) -> Compiled:
    spec = spec_of(document)
    info = _info(document, _meta(document, None, None, None))
    return Compiled(info, where, correlation=spec, name=str(document.get("name") or ""))


def _filter(document: dict[str, Any], where: str) -> Compiled:
    info = _info(document, _Meta("other", "external", "never"))
    return Compiled(info, where, filter=read_filter(document, info.id), taxonomy=taxonomy_of(document))
