"""The field maps as a pySigma pipeline: ``sigma convert -p hinomi_ecs -t lucene``, for queries on events as hinomi stores them.

Guide: sigmahq-pysigma.readthedocs.io. A field or log source that no map knows is an error, not a query that never
matches. What the stream reads by the event's own kind becomes every field it may be in (`Virtual.choices`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sigma.conditions import ConditionAND, ConditionOR
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaTransformationError
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations.base import DetectionItemTransformation
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaRule
from sigma.types import (
    SigmaBool,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaString,
    SigmaType,
    SpecialChars,
)

from hinomi.detections.fieldmap import Condition, Product, choices_of, is_event_name, product_of, routes_of
from hinomi.detections.fieldmap.readers import Hashes, Tree

_ROUTE = "_hinomi_route"


@dataclass
class FieldMap(DetectionItemTransformation):
    """Maps names and values of a rule, and asks for the events of its log source."""

    product: Product | None = field(init=False, default=None)
    category: str | None = field(init=False, default=None)
    service: str | None = field(init=False, default=None)

    def apply(self, rule: SigmaRule | SigmaCorrelationRule) -> None:
        """Map one rule; a correlation's group-by fields by the map of its first rule."""
        if isinstance(rule, SigmaCorrelationRule):
            self._group_by(rule)
            return
        self._take(rule)
        if (routes := routes_of(rule.logsource.product, self.category, self.service)) is None:
            source = ", ".join(str(part) for part in (rule.logsource.product, self.category, self.service) if part)
            raise SigmaTransformationError(f"no field map of hinomi knows the log source {source}", source=rule.source)
        super().apply(rule)
        rule.fields = [name for known in rule.fields for name in self._names(known)]
        if () not in routes:
            self._ask(rule, routes)

    def apply_detection_item(self, detection_item: SigmaDetectionItem) -> SigmaDetection | None:
        """Return what an item asks of an event; keywords ask every field already."""
        name = detection_item.field
        if name is None:
            return None
        parts = [self._value(detection_item, name, value) for value in detection_item.value]
        linking = detection_item.value_linking
        return parts[0] if len(parts) == 1 else SigmaDetection([*parts], item_linking=linking)

    def _take(self, rule: SigmaRule) -> None:
        source = rule.logsource
        self.category, self.service = source.category, source.service
        self.product = product_of(source.product, source.category, source.service)

    def _names(self, name: str) -> tuple[str, ...]:
        names = self.product.names(name, self.category, self.service) if self.product else ()
        if not names and not is_event_name(name):
            raise SigmaTransformationError(f"no field map of hinomi knows the field {name!r} of this log source")
        return names or (name,)

    def _value(self, item: SigmaDetectionItem, name: str, value: SigmaType) -> SigmaDetection:
        if isinstance(value, SigmaExpansion):
            return _any([self._value(item, name, inner) for inner in value.values])
        if isinstance(value, SigmaFieldReference):
            others = self._names(value.field)
            return _any(
                [
                    _one(item, own, SigmaFieldReference(other, value.starts_with, value.ends_with))
                    for own in self._names(name)
                    for other in others
                ]
            )
        names = self._names(name)
        kind, operand = _plain(value)
        parts = self.product.parts(name, self.category, self.service, kind, operand) if self.product else []
        parts = parts or [(names, kind, operand)]
        return _any(
            [self._part(item, asked, value if (k, o) == (kind, operand) else _typed(k, o)) for asked, k, o in parts]
        )

    def _part(self, item: SigmaDetectionItem, names: Sequence[str], value: SigmaType) -> SigmaDetection:
        made: list[SigmaDetection] = []
        for name in names:
            virtual = self.product.virtual.get(name) if self.product else None
            if virtual is None:
                made.append(_one(item, name, value))
                continue
            if not choices_of(virtual) or (
                isinstance(virtual, Hashes) and not isinstance(value, SigmaNull | SigmaExists)
            ):
                raise SigmaTransformationError(f"{item.field}: computed from an event; a query cannot compare it so")
            for asked, fields in choices_of(virtual):
                wanted = _linked([_one(item, real, value) for real in fields], value)
                made.append(_all([*_asked(asked), wanted]) if asked else wanted)
            if isinstance(virtual, Tree) and virtual.names and (leaf := _word(value)):
                made.append(_one(item, virtual.begin + leaf, SigmaExists(True)))
        return _linked(made, value)

    def _ask(self, rule: SigmaRule, routes: Sequence[Condition]) -> None:
        rule.detection.detections[_ROUTE] = _any([_all(_asked(route)) for route in routes])
        for condition in rule.detection.parsed_condition:
            condition.condition = f"{_ROUTE} and ({condition.condition})"

    def _group_by(self, rule: SigmaCorrelationRule) -> None:
        first = next((ref.rule for ref in rule.rules or () if isinstance(ref.rule, SigmaRule)), None)
        if first is None:
            return
        self._take(first)
        aliases = {alias.alias for alias in rule.aliases}
        rule.group_by = [name if name in aliases else self._names(name)[0] for name in rule.group_by or ()] or None


def _one(item: SigmaDetectionItem, name: str, value: SigmaType) -> SigmaDetection:
    return SigmaDetection([replace(item, field=name, value=[value], auto_modifiers=False)])


def _asked(condition: Condition) -> list[SigmaDetection]:
    values = ((name, SigmaString(value) if value else SigmaNull()) for name, value in condition)
    return [SigmaDetection([SigmaDetectionItem(name, [], [value])]) for name, value in values]


def _any(parts: list[SigmaDetection]) -> SigmaDetection:
    return parts[0] if len(parts) == 1 else SigmaDetection([*parts], item_linking=ConditionOR)


def _all(parts: list[SigmaDetection]) -> SigmaDetection:
    return parts[0] if len(parts) == 1 else SigmaDetection([*parts], item_linking=ConditionAND)


def _linked(parts: list[SigmaDetection], value: SigmaType) -> SigmaDetection:
    """Return any of them; of a value that asks that nothing is there, all."""
    nothing = isinstance(value, SigmaNull) or (isinstance(value, SigmaExists) and not value.exists)
    return _all(parts) if nothing else _any(parts)


def _plain(value: SigmaType) -> tuple[str, Any]:
    """Return comparison and operand as the field maps know them; anything else as a comparison of its own."""
    if isinstance(value, SigmaBool):
        return "eq", str(value.boolean).lower()
    if isinstance(value, SigmaNumber):
        return "eq", str(value.number)
    if not isinstance(value, SigmaString) or any(not isinstance(part, str | SpecialChars) for part in value.s):
        return type(value).__name__, value
    parts = list(value.s)
    starts = bool(parts) and parts[0] == SpecialChars.WILDCARD_MULTI
    ends = len(parts) > starts and parts[-1] == SpecialChars.WILDCARD_MULTI
    inner = parts[1 if starts else 0 : -1 if ends else None]
    if any(not isinstance(part, str) for part in inner):
        return "glob", value
    kind = {(False, False): "eq", (True, True): "contains", (False, True): "prefix", (True, False): "suffix"}
    return kind[starts, ends], "".join(str(part) for part in inner)


def _typed(kind: str, operand: Any) -> SigmaType:
    """Return the value of a comparison that a field map made."""
    if kind == "present":
        return SigmaExists(True)
    if kind == "null":
        return SigmaNull()
    if kind == "eq" and operand in ("true", "false"):
        return SigmaBool(operand == "true")
    begin, end = {"contains": ("*", "*"), "suffix": ("*", ""), "prefix": ("", "*")}.get(kind, ("", ""))
    return SigmaString(f"{begin}{operand}{end}")


def _word(value: SigmaType) -> str:
    text = _plain(value)[1]
    return text if isinstance(text, str) and re.fullmatch(r"\w+", text) else ""


def hinomi_ecs_pipeline() -> ProcessingPipeline:
    """Return the pipeline `hinomi_ecs`."""
    return ProcessingPipeline(
        name="hinomi: Sigma on ECS",
        priority=20,
        items=[ProcessingItem(transformation=FieldMap(), identifier="hinomi_ecs")],
    )
