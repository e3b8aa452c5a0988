"""Squid access log: native, combined and common, and a format of other teams' collectors with ports and verdict.

Pages: wiki.squid-cache.org/Features/LogFormat, squid-cache.org/Doc/config/logformat. Native has no zone (seconds since
1970); its size is what the client received, so that it cannot show an upload.
"""

import re
from collections.abc import Sequence

from hinomi.collectors import web
from hinomi.collectors.decoding import decode
from hinomi.collectors.formats import formats
from hinomi.collectors.related import as_ip
from hinomi.collectors.times import to_iso, to_iso_clf
from hinomi.event import Event, RawRecord

#: time elapsed client code/status bytes method URL user hierarchy/peer type
NATIVE = re.compile(
    r"(?P<epoch>\d{9,10}\.\d{3}) +(?P<elapsed>-?\d+) (?P<client>\S+) (?P<code>[A-Z_]+)/(?P<status>\d{3}) (?P<received>\d+)"
    r" (?P<method>\S+) (?P<url>\S+(?: \S+)*?) (?P<user>\S+) (?P<hierarchy>[A-Z_]+)/(?P<peer>\S+) (?P<type>\S+)(?: .*)?",
    re.ASCII | re.DOTALL,
)
#: client ident user [time] "method URL HTTP/version" status bytes ("referrer" "agent") code:hierarchy
COMBINED = re.compile(
    r'(?P<client>\S+) \S+ (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<method>\S+) (?P<url>(?:[^"\\]|\\.)*)"'
    r' (?P<status>\d{3}) (?P<received>\d+|-)(?: "(?P<referrer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)")? (?P<code>[A-Z_]+):(?P<hierarchy>[A-Z_]+)(?:/(?P<peer>\S+))?(?: .*)?',
    re.DOTALL,
)
#: client port [time zone] "method URL protocol" (server … user "file" … type) bytes "referrer" "agent" verdict (server …)
PORTS = re.compile(
    r'(?P<client>\S+) (?P<port>\d{1,5}) \[(?P<time>[^\]\s]+) ?(?P<offset>[^\]]*)\] "(?P<method>\S+) (?P<url>[^\s"]+)(?: [^"]*)?"'
    r'(?: (?P<server>[\d.]+) \S+ (?P<user>\S+) "(?P<file>[^"]*)" (?P<status>\S+) (?P<type>\S+)| \S+) (?P<received>\d+)'
    r' "(?P<referrer>[^"]*)" "(?P<agent>[^"]*)" (?P<verdict>\w+)(?: (?P<server2>[\d.]+)(?: (?P<user2>\S+))?.*)?',
    re.ASCII | re.DOTALL,
)
_VERSION = re.compile(r" HTTP/(\d(?:\.\d)?)$")
DENIED = ("DENIED", "deny", "block", "cancel")


@formats.register("squid.access")
def parse(record: RawRecord) -> Sequence[Event]:
    """Read one request; any other line is left to the next format."""
    text = decode(record.raw, record.encoding).text.strip()
    found = NATIVE.fullmatch(text) or COMBINED.fullmatch(text) or PORTS.fullmatch(text)
    if found is None:
        return ()
    row = {name: web.value(cell or "") for name, cell in found.groupdict().items()}
    if "version" not in row and (version := _VERSION.search(row["url"])):
        row["url"], row["version"] = row["url"][: version.start()], version[1]
    moment = _moment(row, record.zone)
    return (_event(record, row, moment),) if moment else ()


def _moment(row: dict[str, str], zone: str) -> str | None:
    if epoch := row.get("epoch"):
        seconds, _, milliseconds = epoch.partition(".")
        return to_iso(str(int(seconds) * 1000 + int(milliseconds)).zfill(13))
    offset = row.get("offset", "")
    return to_iso_clf(f"{row['time']} {offset}".strip(), zone) or to_iso_clf(row["time"], zone)


def _event(record: RawRecord, row: dict[str, str], moment: str) -> Event:
    event = web.request_event(record, "squid.access", "Squid", "Squid", moment)
    web.client(event, row["client"], user=web.unquoted(row.get("user") or row.get("user2", "")))
    web.url(event, row["url"], row["method"].upper())
    web.exchange(event, status=row.get("status", ""), received=row["received"], mime=row.get("type", ""))
    action = row.get("code") or row.get("verdict", "")
    event |= {
        "event.action": action, "event.code": row["method"].upper(), "service.type": "squid", "server.domain": event.get("url.domain", ""),
        "http.version": row.get("version", ""), "http.request.referrer": row.get("referrer", ""), "user_agent.original": row.get("agent", ""),
        "labels.hierarchy": row.get("hierarchy", ""),
    }  # fmt: skip
    if row.get("file"):
        event["file.name"] = row["file"]
    if ip := as_ip(row.get("peer") or row.get("server") or row.get("server2") or ""):
        event["destination.ip"] = ip
    if (elapsed := web.number(row.get("elapsed", ""))) is not None:
        event["event.duration"] = elapsed * 1_000_000
    if (port := web.number(row.get("port", ""))) is not None and port <= 65_535:
        event["source.port"] = port
    return web.finish(event, blocked=any(word in action for word in DENIED))
