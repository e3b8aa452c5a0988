"""Trend Vision One's own alerts: level, category, and which may contain by themselves.

Severity words: automation.trendmicro.com/xdr/api-v3 (Workbench).
"""

from hinomi.detections.fieldmap import VendorAlerts, fieldmaps, graded
from hinomi.event import Event

LEVELS = ("low", "medium", "high", "critical")


def judge(event: Event) -> tuple[str, str, bool]:
    """Return level, category and contain."""
    level = str(event.get("log.level", "")).lower()
    return graded(level if level in LEVELS else "medium", event)


fieldmaps.register("trend.alert")(VendorAlerts(judge))
