"""Which rule a correlation means by a name, and where in that rule's events it finds what it groups and counts by."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from hinomi.detections.correlation.spec import Slot, Spec
from hinomi.detections.engine.predicates import Unsupported
from hinomi.detections.fieldmap import Product


@dataclass(frozen=True)
class Base:
    """What must be known of a detection rule: its field map and log source."""

    product: Product | None
    source: Mapping[str, str]

    def names(self, field: str) -> list[str]:
        """Return the event fields of a Sigma field."""
        category, service = self.source.get("category"), self.source.get("service")
        return list(self.product.names(field, category, service) if self.product else ()) or [field]


@dataclass
class Resolver:
    """Resolves all correlations of a set, outer ones before those that they refer to."""

    specs: Mapping[str, Spec]
    bases: Mapping[str, Base]
    names: Mapping[str, str]
    found: dict[str, Spec] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    needs: dict[str, set[str]] = field(default_factory=dict)
    """Detection rule → event fields that its hits must carry."""
    loud: set[str] = field(default_factory=set)
    quiet: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Resolve; what cannot be is in `faults`, with those that build on it."""
        order: list[str] = []
        for name in self.specs:
            try:
                self._visit(name, order, ())
            except Unsupported as fault:
                self.faults.setdefault(name, str(fault))
        carry: dict[str, dict[str, None]] = {name: {} for name in order}
        for name in reversed(order):  # outer first: what they ask of an inner one is known when its turn comes
            self._resolve(name, carry)

    @property
    def silent(self) -> set[str]:
        """Rules that raise nothing themselves: referred to, and no correlation has ``generate``."""
        return self.quiet - self.loud

    def _visit(self, name: str, order: list[str], path: tuple[str, ...]) -> None:
        if name in self.faults:
            raise Unsupported(f"correlation.rules: {name!r} has a fault of its own")
        if name in path:
            raise Unsupported(f"correlation.rules: a circle, {' → '.join((*path[path.index(name) :], name))}")
        if name in order:
            return
        for ref in self.specs[name].rules:
            target = self.names.get(ref, ref)
            if target in self.specs:
                try:
                    self._visit(target, order, (*path, name))
                except Unsupported as fault:
                    self.faults.setdefault(target, str(fault))
                    raise
            elif target not in self.bases:
                raise Unsupported(f"correlation.rules: refers to {ref!r}, which is not loaded")
        targets = {self.names.get(ref, ref) for ref in self.specs[name].rules}
        for alias, of in self.specs[name].aliases.items():
            if strange := [ref for ref in of if self.names.get(ref, ref) not in targets]:
                raise Unsupported(f"correlation.aliases.{alias}: {strange[0]!r} is none of correlation.rules")
        order.append(name)

    def _resolve(self, name: str, carry: dict[str, dict[str, None]]) -> None:
        spec = self.specs[name]
        wanted = list(dict.fromkeys([*spec.group_by, *spec.field, *carry[name]]))
        slots = []
        for ref in spec.rules:
            target = self.names.get(ref, ref)
            (self.loud if spec.generate else self.quiet).add(target)
            fields = {}
            for asked in wanted:
                own = self._alias(spec, asked, ref, target)
                if target in self.bases:
                    fields[asked] = self.bases[target].names(own)
                    self.needs.setdefault(target, set()).update(fields[asked])
                else:
                    fields[asked] = [own]
                    if own not in self.specs[target].group_by:
                        carry[target][own] = None
            slots.append(Slot(target, fields))
        self.found[name] = msgspec.structs.replace(spec, slots=slots, carry=list(carry[name]))

    def _alias(self, spec: Spec, asked: str, ref: str, target: str) -> str:
        """Return what a rule calls a field: by the rule's name, its id, or as it is referred to."""
        of = spec.aliases.get(asked, {})
        for known, own in of.items():
            if known == ref or self.names.get(known, known) == target:
                return own
        return asked
