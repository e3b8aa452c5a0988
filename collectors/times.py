"""Times as products write them, to the one form that events hold."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from hinomi.clock import iso


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """Return a zone by name."""
    return ZoneInfo(name)


def to_iso(text: str, zone: str = "UTC") -> str | None:
    """Return ISO UTC of ``2026-11-21T20:58:49.1234567+09:00``, ``2026/11/21 20:58:49`` and the like; None if it is no time.

    Fractions of any length are cut to microseconds; a time without a zone is in ``zone``.
    """
    text = text.strip().replace("/", "-")
    head, dot, fraction = text.partition(".")
    if dot:
        digits = len(fraction) - len(fraction.lstrip("0123456789"))
        text = f"{head}.{fraction[:digits][:6].ljust(6, '0')}{fraction[digits:]}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC if zone == "UTC" else zone_of(zone))
    try:
        return iso(moment)
    except (OverflowError, ValueError):
        return None
