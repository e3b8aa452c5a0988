"""A rule's document to compiled data: metadata, routes, tree. pySigma is imported only here, when needed."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from hinomi.collectors import winlog
from hinomi.detections import fieldmap
from hinomi.detections.fieldmap import Condition, Product, product_of, routes_of
from hinomi.events.types import CORE, MOST
from hinomi.hits import LEVELS, RuleInfo


def code_version() -> str:
    """Return a mark of all code that decides what a rule compiles to: this package, the field maps, pySigma."""
    paths = {*Path(__file__).parent.glob("*.py"), *Path(fieldmap.__file__).parent.glob("*.py"), Path(winlog.__file__)}
    for _, table in fieldmap.fieldmaps:
        make = table.route if isinstance(table, Product) else table.judge
        if code := getattr(make, "__code__", None):
            paths.add(Path(code.co_filename))
    mark = hashlib.sha256(version("pysigma").encode())
    for path in sorted(paths):
        mark.update(path.read_bytes())
    return mark.hexdigest()[:16]


class Compiled(msgspec.Struct, omit_defaults=True):
    """One rule as data, as the cache keeps it."""

    info: RuleInfo
    where: str
    routes: list[Condition] = []
    tree: list[Any] | None = None
    unmapped: list[str] = []
    fields: list[str] = []
    correlation: dict[str, Any] | None = None
    name: str = ""
    fault: str = ""


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
    from sigma.exceptions import SigmaError

    from hinomi.detections.engine.predicates import Unsupported

    try:
        if "correlation" in document:
            return _correlation(document, where)
        return _detection(document, where)
    except (SigmaError, Unsupported, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = str(error) or type(error).__name__
        return Compiled(_info(document, _Meta("other", "external", "never")), where, fault=reason)


def _detection(document: dict[str, Any], where: str) -> Compiled:
    from sigma.rule import SigmaRule

    from hinomi.detections.engine.predicates import build
    from hinomi.detections.engine.tree import TreeBuilder

    rule = SigmaRule.from_dict(document)
    source = rule.logsource
    product = product_of(source.product, source.category, source.service)
    builder = TreeBuilder(product, source.category, source.service)
    conditions = [builder.build(parsed.parsed) for parsed in rule.detection.parsed_condition]
    tree = conditions[0] if len(conditions) == 1 else ["or", conditions]
    build(tree)  # what the matcher will refuse is refused now
    routes = routes_of(source.product, source.category, source.service)
    unmapped = sorted(builder.unmapped | (set() if routes is not None else {"(log source)"}))
    fields = sorted(builder.fields | {name for route in routes or () for name, _ in route})
    info = _info(document, _meta(document, product, source.category, source.service))
    return Compiled(info, where, list(routes or ()), tree, unmapped, fields, name=str(document.get("name", "")))


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
    from hinomi.detections.correlation import spec_of

    spec = spec_of(document)
    info = _info(document, _meta(document, None, None, None))
    return Compiled(info, where, correlation=spec, name=str(document.get("name", "")))
