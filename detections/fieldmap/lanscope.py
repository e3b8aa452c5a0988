"""LANSCOPE's own alerts: acts against the house's rules. Operators chose in the product what is one, so none is more than medium."""

from hinomi.detections.fieldmap import VendorAlerts, fieldmaps
from hinomi.event import Event


def judge(event: Event) -> tuple[str, str, bool]:
    """Return level, category and contain: what leaves is medium; what was stopped, or is no more than a visit or a log-on, low."""
    if "hinomi.egress.channel" in event:
        return "low" if event["hinomi.egress.verdict"] == "blocked" else "medium", "data_egress", False
    return "low", "policy", False


fieldmaps.register("lanscope.operation")(VendorAlerts(judge))
