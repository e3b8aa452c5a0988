"""Field maps `hinomi_ecs`: how Sigma's names and values reach ECS events. One module per product.

A module registers a `Product` for each Sigma product it knows; entry points ``hinomi.fieldmaps``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hinomi.event import Event
from hinomi.registry import Registry

#: (field, value) of the event that a route asks for; several are ANDed.
Condition = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Product:
    """One Sigma product: routes of its log sources, names, values."""

    route: Callable[[str | None, str | None], Sequence[Condition] | None]
    """(category, service) → any of these conditions; None: this log source is not known here."""
    names: Callable[[str, str | None, str | None], tuple[str, ...]]
    """(Sigma field, category, service) → ECS fields, any of which counts; empty: not mapped."""
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    """Sigma field → {Sigma value in lower case: ECS value}."""
    virtual: dict[str, Callable[[Event], list[str]]] = field(default_factory=dict)
    """Name that `names` may give → what it holds for an event."""
    classify: Callable[[Sequence[str], str | None, str | None], tuple[str, str]] | None = None
    """(tags, category, service) → (category, cause) of rules that do not say so themselves."""


@dataclass(frozen=True)
class VendorAlerts:
    """How a product's own alerts are judged: event → (level, category, contain by itself)."""

    judge: Callable[[Event], tuple[str, str, bool]]


fieldmaps: Registry[Product | VendorAlerts] = Registry("fieldmap", __name__)

__all__ = ["Condition", "Product", "VendorAlerts", "fieldmaps"]
