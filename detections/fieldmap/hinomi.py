"""House rules: log source ``product: hinomi``; they name ECS and ``hinomi.*`` fields directly.

``service: egress`` = events of a file that leaves; without a service, every event.
"""

from collections.abc import Sequence

from hinomi.detections.fieldmap import BASE, Condition, Product, fieldmaps

CHANNELS = ("usb", "web", "mail", "print", "share")


def route(category: str | None, service: str | None) -> Sequence[Condition] | None:
    """Return the conditions of a house log source."""
    if service == "egress":
        return [(("hinomi.egress.channel", channel),) for channel in CHANNELS]
    return [()] if not category and not service else None


fieldmaps.register("hinomi")(
    Product(route=route, names=lambda name, category, service: (name,) if "." in name or name in BASE else ())
)
