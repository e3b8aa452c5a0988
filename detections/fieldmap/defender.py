"""Microsoft Defender for Endpoint's own alerts: level, category, and which may contain by themselves.

Severity and category words: learn.microsoft.com/defender-endpoint/api/alerts.
"""

from hinomi.detections.fieldmap import VendorAlerts, fieldmaps
from hinomi.event import Event

LEVELS = {"informational": "informational", "low": "low", "medium": "medium", "high": "high"}
MALWARE = frozenset({"malware", "ransomware", "execution", "commandandcontrol", "credentialaccess", "lateralmovement"})
CONTAIN = frozenset({"malware", "ransomware"})


def judge(event: Event) -> tuple[str, str, bool]:
    """Return level, category and contain: High of malware is critical and contains by itself."""
    level = LEVELS.get(str(event.get("log.level", "")).lower(), "medium")
    category = str(event.get("rule.category", "")).lower().replace(" ", "")
    is_malware = category in MALWARE or "malware" in event.get("event.category", ())
    if level == "high" and (category in CONTAIN or "malware" in event.get("event.category", ())):
        return "critical", "malware", True
    return level, "malware" if is_malware else "intrusion", False


fieldmaps.register("defender.alert")(VendorAlerts(judge))
