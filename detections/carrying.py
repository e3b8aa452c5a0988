"""What of its event a hit carries for correlations: the fields they group and count by, as field maps name them."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from hinomi.detections.fieldmap import Product, fieldmaps
from hinomi.event import Event


def carried(event: Event, names: Iterable[str]) -> dict[str, Any]:
    """Return those of the fields that an event has; names that only a field map knows are read by it."""
    computed = _computed()
    found = {}
    for name in names:
        value = event.get(name)
        if value is None and name in computed:
            value = computed[name](event)
        if value is not None and value != []:
            found[name] = value
    return found


@cache
def _computed() -> Mapping[str, Callable[[Event], Any]]:
    return {name: read for _, table in fieldmaps if isinstance(table, Product) for name, read in table.virtual.items()}
