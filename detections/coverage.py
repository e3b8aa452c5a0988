"""What a set of rules asks for, log source by log source: which fields are mapped, and is the source received at all.

Reads the files themselves and the field maps; needs no engine and no pySigma. ATT&CK layer: format 4.5 of
github.com/mitre-attack/attack-navigator (layers/spec/v4.5/layerformat.md).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hinomi.detections.engine.safe_yaml import load_all
from hinomi.detections.fieldmap import Condition, is_event_name, product_of, routes_of
from hinomi.errors import ConfigError

Source = tuple[str, str, str]
"""Product, category, service; empty where a rule does not say."""
#: Counts of stored events that answer most routes; each is one question to the event store.
COUNTS: Sequence[tuple[str, ...]] = (
    ("winlog.channel", "event.code", "event.dataset"), ("event.module", "event.category", "event.type"), ("event.kind", "event.module", "event.category"),
    ("event.category", "event.type", "host.os.type"), ("event.category", "network.protocol", "observer.type"), ("dns.type",), ("hinomi.egress.channel",),
)  # fmt: skip
Buckets = Sequence[Mapping[str, Any]]
_TECHNIQUE = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)", re.I)


@dataclass(frozen=True)
class Asked:
    """One rule: where it is, its log source, the fields that no map knows."""

    id: str
    title: str
    where: str
    source: Source
    fields: frozenset[str]
    unmapped: tuple[str, ...]
    techniques: tuple[str, ...]


@dataclass
class Coverage:
    """One log source and its rules."""

    source: Source
    routes: Sequence[Condition] | None
    rules: list[Asked] = field(default_factory=list)
    received: bool | None = None
    last: str = ""

    def row(self) -> dict[str, Any]:
        """Return it as a row: a rule none of whose fields is mapped is *none*, one of words alone is *mapped*."""
        bare = [rule for rule in self.rules if rule.fields and len(rule.unmapped) >= len(rule.fields)]
        partly = [rule for rule in self.rules if rule.unmapped and rule not in bare]
        product, category, service = self.source
        return {
            "product": product or "-", "category": category or "-", "service": service or "-", "rules": len(self.rules),
            "mapped": len(self.rules) - len(partly) - len(bare), "partly": len(partly), "none": len(bare),
            "received": "?" if self.received is None else "yes" if self.received else "no", "last": self.last,
            "unmapped": sorted({name for rule in self.rules for name in rule.unmapped}),
        }  # fmt: skip


def survey(folders: Iterable[Path]) -> list[Coverage]:
    """Return the coverage of all detection rules below folders, most rules first; files that cannot be read are left out."""
    found: dict[Source, Coverage] = {}
    for rule in asked(folders):
        if rule.source not in found:
            found[rule.source] = Coverage(rule.source, routes_of(*(part or None for part in rule.source)))
        found[rule.source].rules.append(rule)
    return sorted(found.values(), key=lambda coverage: (-len(coverage.rules), coverage.source))


def asked(folders: Iterable[Path]) -> Iterator[Asked]:
    """Yield every detection rule below folders."""
    for folder in folders:
        for path in sorted(folder.rglob("*.yml")) if folder.is_dir() else [folder]:
            try:
                documents = load_all(path.read_bytes(), path)
            except (ConfigError, OSError):
                continue  # `rule list --faults` names them
            for document in documents:
                if (
                    isinstance(document, dict)
                    and isinstance(document.get("logsource"), dict)
                    and isinstance(document.get("detection"), dict)
                ):
                    yield _asked(document, path)


def _asked(document: Mapping[str, Any], path: Path) -> Asked:
    logsource = document["logsource"]
    source = (
        str(logsource.get("product") or ""),
        str(logsource.get("category") or ""),
        str(logsource.get("service") or ""),
    )
    fields = frozenset(
        name
        for key, search in document["detection"].items()
        if key not in ("condition", "timeframe")
        for name in _fields(search)
    )
    product, category, service = (part or None for part in source)
    known = product_of(product, category, service)
    unmapped = [
        name for name in fields
        if not (known and known.names(name, category, service)) and not is_event_name(name) and (known or "." not in name)
    ]  # fmt: skip
    if routes_of(product, category, service) is None:
        unmapped.append("(log source)")
    tags = [str(tag) for tag in document.get("tags") or ()]
    techniques = tuple(match[1].upper() for tag in tags if (match := _TECHNIQUE.fullmatch(tag)))
    title = str(document.get("title", "?"))
    return Asked(
        str(document.get("id") or title), title, str(path), source, fields, tuple(sorted(unmapped)), techniques
    )


def _fields(search: Any) -> Iterator[str]:
    """Yield the fields that a search names, those of ``fieldref`` too."""
    if isinstance(search, list):
        for item in search:
            yield from _fields(item)
    elif isinstance(search, dict):
        for key, value in search.items():
            name, *modifiers = str(key).split("|")
            if name:
                yield name
            if "fieldref" in modifiers:
                yield from (str(item) for item in (value if isinstance(value, list) else [value]))


def receive(coverages: Iterable[Coverage], count: Callable[[tuple[str, ...]], Buckets]) -> None:
    """Note for each log source whether stored events meet one of its routes, and when the last one did."""
    counted = {by: count(by) for by in COUNTS}
    for coverage in coverages:
        seen = [str(bucket.get("last") or "") for route in coverage.routes or () for bucket in _meeting(route, counted)]
        coverage.received, coverage.last = bool(seen), max(seen, default="")


def _meeting(route: Condition, counted: Mapping[tuple[str, ...], Buckets]) -> Iterator[Mapping[str, Any]]:
    wanted = [(name, value.casefold()) for name, value in route if value]
    names = {name for name, _ in wanted}
    by = next((by for by in COUNTS if names <= set(by)), None)
    for bucket in counted[by] if by else ():
        if all(value in _words(bucket.get(name)) for name, value in wanted):
            yield bucket


def _words(value: Any) -> set[str]:
    items = value if isinstance(value, list | tuple) else () if value is None else (value,)
    return {str(item).casefold() for item in items}


def navigator(coverages: Sequence[Coverage], name: str) -> dict[str, Any]:
    """Return an ATT&CK Navigator layer (4.5): techniques by the number of rules whose log source is received.

    Where nothing is known of what is received, all rules count.
    """
    unknown = all(coverage.received is None for coverage in coverages)
    rules: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    sources: dict[str, set[str]] = defaultdict(set)
    for coverage in coverages:
        for rule in coverage.rules:
            for technique in rule.techniques:
                rules[technique][0] += 1
                rules[technique][1] += int(unknown or bool(coverage.received))
                sources[technique].add("/".join(part or "-" for part in coverage.source))
    most = max((score for _, score in rules.values()), default=0)
    techniques = [
        {
            "techniqueID": technique, "score": live, "enabled": True, "showSubtechniques": "." not in technique,
            "comment": f"{count} rules, {live} on sources that are received" if not unknown else f"{count} rules",
            "metadata": [{"name": "log sources", "value": ", ".join(sorted(sources[technique]))}],
        }
        for technique, (count, live) in sorted(rules.items())
    ]  # fmt: skip
    return {
        "name": name, "versions": {"attack": "18", "navigator": "5.2.0", "layer": "4.5"}, "domain": "enterprise-attack",
        "description": "Sigma rules by technique", "techniques": techniques, "sorting": 3, "hideDisabled": False,
        "gradient": {"colors": ["#ffffff", "#8ec843"], "minValue": 0, "maxValue": max(most, 1)},
        "legendItems": [{"label": "no rule on a source that is received", "color": "#ffffff"}], "metadata": [], "links": [],
        "showTacticRowBackground": False, "selectTechniquesAcrossTactics": True, "selectSubtechniquesWithParent": False,
    }  # fmt: skip
