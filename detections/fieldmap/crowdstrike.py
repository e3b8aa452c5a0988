"""CrowdStrike Falcon's own alerts: level, category, and which may contain by themselves.

Severity: developer.crowdstrike.com/api-reference/collections/alerts: 1-19 informational, 20 low, 40 medium, 60 high, 80 critical.
"""

from hinomi.detections.fieldmap import VendorAlerts, fieldmaps, graded
from hinomi.event import Event

LEVELS = ("informational", "low", "medium", "high", "critical")


def judge(event: Event) -> tuple[str, str, bool]:
    """Return level, category and contain."""
    level = str(event.get("log.level", "")).lower()
    if level not in LEVELS:
        severity = event.get("event.severity")
        level = LEVELS[min(severity // 20, 4)] if isinstance(severity, int) and severity > 0 else "medium"
    return graded(level, event)


fieldmaps.register("crowdstrike.alert")(VendorAlerts(judge))
