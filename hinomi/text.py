"""Words that people read: gettext for strings, JST and the Japanese era for times."""

import gettext as _gettext
from datetime import date, datetime
from importlib.resources import files

from hinomi.clock import JST, parse_iso

_catalogue = _gettext.translation("hinomi", str(files("hinomi") / "locale"), fallback=True)
_ = _catalogue.gettext
ngettext = _catalogue.ngettext

#: First day, name (the cabinet order that starts each era).
ERAS = ((date(2019, 5, 1), "令和"), (date(1989, 1, 8), "平成"), (date(1926, 12, 25), "昭和"))
WEEKDAYS = "月火水木金土日"


def era_date(day: date) -> str:
    """Return ``令和8年11月21日``; the first year of an era is 元年."""
    for first, name in ERAS:
        if day >= first:
            year = day.year - first.year + 1
            return f"{name}{'元' if year == 1 else year}年{day.month}月{day.day}日"
    return f"{day.year}年{day.month}月{day.day}日"


def era_time(moment: datetime | str) -> str:
    """Return ``令和8年11月21日（土）20時58分49秒`` in JST."""
    local = (parse_iso(moment) if isinstance(moment, str) else moment).astimezone(JST)
    return f"{era_date(local.date())}（{WEEKDAYS[local.weekday()]}）{local:%H時%M分%S秒}"


def era_minute(moment: datetime | str) -> str:
    """Return ``令和8年11月21日 20:58`` in JST, for lists and spans."""
    local = (parse_iso(moment) if isinstance(moment, str) else moment).astimezone(JST)
    return f"{era_date(local.date())} {local:%H:%M}"


def jst(moment: datetime | str, *, seconds: bool = True) -> str:
    """Return ``2026-11-21 20:58:49 JST``; the zone is always printed."""
    local = (parse_iso(moment) if isinstance(moment, str) else moment).astimezone(JST)
    return local.strftime("%Y-%m-%d %H:%M:%S JST" if seconds else "%Y-%m-%d %H:%M JST")
