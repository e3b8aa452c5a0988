"""Times as products write them, to the one form that events hold."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from hinomi.clock import iso

#: Dates as exports and spreadsheets write them: ``2026/1/5 8:03``, a blank before the offset, or Japanese units.
_LOOSE = re.compile(
    r"(\d{4})[-/年](\d{1,2})[-/月](\d{1,2})日?[T ]\s*(\d{1,2})[:時](\d{1,2})(?:[:分](\d{1,2}))?(?:秒|分)?((?:[.,]\d+)?(?: ?(?:Z|[+-]\d\d:?\d\d))?)",
    re.ASCII,
)
#: Seconds or milliseconds since 1970, also as .NET writes them: ``/Date(1700000000000)/``.
_EPOCH = re.compile(r"(?:/Date\()?(\d{10}|\d{13})(?:\)/)?", re.ASCII)

MONTHS = {
    name: number
    for number, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1
    )
}  # not the machine's locale
#: As syslog and i-FILTER write times: no year, no zone.
_NO_YEAR = re.compile(r"([A-Za-z]{3}) {1,2}(\d{1,2}) (\d{1,2}):(\d\d):(\d\d)(?:[.,](\d{1,9}))?", re.ASCII)
LONGEST_CLF = 128
_CLF = re.compile(r"(\d{1,2})/([A-Za-z]{3})/(\d{4}):(\d{1,2}):(\d\d:\d\d(?:\.\d+)?)(?: ([+-]\d\d:?\d\d))?", re.ASCII)


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """Return a zone by name."""
    return ZoneInfo(name)


def to_iso(text: str, zone: str = "UTC") -> str | None:
    """Return ISO UTC of ``2026-11-21T20:58:49.1234567+09:00``, ``2026/11/21 20:58:49`` and the like; None if it is no time.

    Fractions of any length are cut to microseconds; a time without a zone is in ``zone``.
    """
    text = text.strip()
    if text[4:5] == "-" and text[13:14] == text[16:17] == ":" and " " not in text[11:]:
        pass  # ISO, as nearly all are
    elif found := _LOOSE.fullmatch(text):
        head, rest = found.group(1, 2, 3, 4, 5), found[7].strip().replace(",", ".")
        text = "{}-{:0>2}-{:0>2}T{:0>2}:{:0>2}:{:0>2}{}".format(*head, found[6] or 0, rest)
    elif found := _EPOCH.fullmatch(text):
        return _of_epoch(int(found[1]))
    whole, dot, fraction = text.partition(".")
    if dot:
        digits = len(fraction) - len(fraction.lstrip("0123456789"))
        text = f"{whole}.{fraction[:digits][:6].ljust(6, '0')}{fraction[digits:]}"
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


@lru_cache(maxsize=1024)
def to_iso_near(text: str, zone: str, day: int) -> str | None:
    """Return ISO UTC of ``Nov 25 10:00:00``, a time without a year, in the year nearest to a day (days since 1970)."""
    found = _NO_YEAR.fullmatch(text.strip())
    if found is None or found[1].title() not in MONTHS:
        return None
    near = datetime.fromtimestamp(day * 86_400 + 43_200, UTC)
    fraction = (found[6] or "").ljust(6, "0")[:6]
    moments = []
    for year in (near.year - 1, near.year, near.year + 1):
        try:
            moments.append(
                datetime(
                    year, MONTHS[found[1].title()], int(found[2]), int(found[3]), int(found[4]), int(found[5]), int(fraction),
                    zone_of(zone),
                )
            )  # fmt: skip
        except ValueError:  # no such day in that year
            continue
    return iso(min(moments, key=lambda moment: abs(moment - near))) if moments else None


def day_of(received: int) -> int:
    """Return the day (since 1970) of microseconds since 1970."""
    return received // 86_400_000_000


def to_iso_clf(text: str, zone: str = "UTC") -> str | None:
    """Return ISO UTC of ``19/Sep/2017:19:26:56 +0900``, as web servers write it; None if it is no such time."""
    return _of_clf(text.strip(), zone) if len(text) <= LONGEST_CLF else None


@lru_cache(maxsize=1024)
def _of_clf(text: str, zone: str) -> str | None:
    found = _CLF.fullmatch(text)
    if found is None or found[2].title() not in MONTHS:
        return None
    text = f"{found[3]}-{MONTHS[found[2].title()]:02}-{int(found[1]):02}T{int(found[4]):02}:{found[5]}{found[6] or ''}"
    return to_iso(text, zone)


def _of_epoch(number: int) -> str:
    return iso(datetime.fromtimestamp(number / 1000 if number >= 10**12 else number, UTC))
