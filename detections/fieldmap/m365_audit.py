"""Microsoft 365's own alerts: matches of data loss prevention, and alerts of Purview and Defender for Office.

Severity words: learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema.
"""

from hinomi.detections.fieldmap import VendorAlerts, fieldmaps, graded
from hinomi.event import Event

LEVELS = ("low", "medium", "high")


def judge(event: Event) -> tuple[str, str, bool]:
    """Return level, category and contain: data loss is about people, so that it never contains a PC."""
    level = str(event.get("log.level", "")).lower()
    level = level if level in LEVELS else "medium"
    if str(event.get("event.code", "")).startswith(("ComplianceDLP", "DLP")):
        return level, "data_egress", False
    return graded(level, event)


fieldmaps.register("m365.audit")(VendorAlerts(judge))
