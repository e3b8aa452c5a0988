"""InterSafe access log: one tab-separated line per request.

Format: maker's FAQ, alsifaq.dga.jp 5168, 5032, 5299 (25 columns, ``-`` = empty, local time without zone).
"""

from collections.abc import Sequence

from hinomi.collectors import web
from hinomi.collectors.decoding import decode
from hinomi.collectors.formats import formats
from hinomi.collectors.related import as_ip
from hinomi.collectors.times import to_iso
from hinomi.event import Event, RawRecord

COLUMNS = (
    "date", "time", "protocol", "client", "group", "account", "agent", "state", "server", "status", "host", "milliseconds", "sent", "received",
    "type", "", "reason", "category", "category1", "category2", "security", "url", "version", "method", "referrer",
)  # fmt: skip
LEAST = 22
#: 転送状態 → whether it was stopped.
STATES = {"proxied": False, "allowed": False, "release": False, "blocked": True, "blkpost": True}


@formats.register("intersafe.access")
def parse(record: RawRecord) -> Sequence[Event]:
    """Read one request; any other line is left to the next format."""
    cells = decode(record.raw, record.encoding).text.lstrip("\ufeff").split("\t")
    if len(cells) < LEAST:
        return ()
    row = {name: web.value(cell.strip()) for name, cell in zip(COLUMNS, cells, strict=False)}
    moment = to_iso(f"{row['date']} {row['time']}", record.zone)
    blocked = STATES.get(row["state"].lower())
    if moment is None or blocked is None:
        return ()
    event = web.request_event(record, "intersafe.access", "ALSI", "InterSafe", moment)
    web.client(event, row["client"], user=row["account"])
    method = row.get("method", "").upper()
    web.url(event, row["url"], "POST" if row["state"].lower() == "blkpost" and not method else method)
    if row["host"] and not event.get("url.domain"):
        event["url.domain"] = row["host"].lower()
    web.exchange(event, status=row["status"], sent=row["sent"], received=row["received"], mime=row["type"])
    if ip := as_ip(row["server"]):
        event["destination.ip"] = ip
    if milliseconds := web.number(row["milliseconds"]):
        event["event.duration"] = milliseconds * 1_000_000
    categories = dict.fromkeys(row[name] for name in ("category", "category1", "category2", "security") if row[name])
    event |= {
        "event.action": row["state"], "event.reason": row["reason"], "user.group.name": row["group"], "user_agent.original": row["agent"],
        "rule.category": row["category"] or next(iter(categories), ""), "labels.filter_categories": "/".join(categories),
        "http.version": row.get("version", "").removeprefix("HTTP/"), "http.request.referrer": row.get("referrer", ""),
    }  # fmt: skip
    if row["protocol"]:
        event["network.protocol"] = row["protocol"].lower()
    return (web.finish(event, blocked=blocked),)
