"""Syslog headers: RFC 5424, RFC 3164 and what senders make of them; also as a file of rsyslog holds them.

Pages: rfc-editor.org/rfc/rfc5424 (6), rfc-editor.org/rfc/rfc3164 (4.1). RFC 3164 only describes habits: no year, no
zone, perhaps no host and no tag. A product's own line may itself begin like a header, so the less is taken
off, the later a payload is tried.
"""

import re
from functools import lru_cache

from hinomi.collectors.envelopes import Opened, envelopes
from hinomi.collectors.times import day_of, to_iso, to_iso_near
from hinomi.event import Event, RawRecord

FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "security", "console",
    "solaris-cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
SEVERITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug")
MOST_PARAMS = 64
BOM = b"\xef\xbb\xbf"

#: The count before it is one that did not fit its message (see the framing).
_PRI = re.compile(rb"(?:\d{1,9} )?<(\d{1,3})>")
_RFC5424 = re.compile(rb"([1-9]\d{0,2}) (\S+) (\S+) (\S+) (\S+) (\S+) ?")
_ELEMENT = re.compile(rb'\[([^\s=\]"]+)((?: +[^\s=\]"]+="(?:\\.|[^"\\])*")*) *\]', re.DOTALL)
_PARAM = re.compile(rb'([^\s=\]"]+)="((?:\\.|[^"\\])*)"', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\\]])')
#: ``Nov  5 10:00:00``, with a year or a fraction (Cisco), or an ISO time (rsyslog).
_TIME = re.compile(
    rb"[*.]?(?:([A-Z][a-z]{2} {1,2}\d{1,2}) (?:(\d{4}) )?(\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?)|(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*)):?(?: +|$)"
)
_HOST = re.compile(rb"([^\s:\[\]=]+|[0-9A-Fa-f:.]{1,44}[0-9A-Fa-f])(?: +|$)")
_TAG = re.compile(rb"([^\s:\[\]=\"{]{1,128})(?:\[([^\]\s]{0,128})\])?:(?: +|$)")


@envelopes.register("syslog")
def open_syslog(record: RawRecord) -> Opened:
    """Take the header off; a message without one is its own payload."""
    raw, facts = record.raw, dict[str, object]()
    if sender := record.place.rpartition(" ")[0]:  # of the source of this kind: ADDRESS SERIES:NUMBER
        facts["log.source.address"] = sender
    start = 0
    if found := _PRI.match(raw):
        start = found.end()
        if (priority := int(found[1])) < len(FACILITIES) * 8:
            facts.update(_priority(priority))
        if header := _RFC5424.match(raw, start):
            return Opened(_rfc5424(raw, header, facts, record.zone), facts)
    return Opened(_rfc3164(raw, start, facts, record), facts)


@lru_cache(maxsize=len(FACILITIES) * len(SEVERITIES))
def _priority(number: int) -> Event:
    facility, severity = divmod(number, 8)
    return {
        "log.syslog.priority": number, "log.syslog.facility.code": facility, "log.syslog.facility.name": FACILITIES[facility],
        "log.syslog.severity.code": severity, "log.syslog.severity.name": SEVERITIES[severity],
    }  # fmt: skip


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _rfc5424(raw: bytes, header: re.Match[bytes], facts: Event, zone: str) -> tuple[bytes, ...]:
    facts["log.syslog.version"] = _text(header[1])
    if moment := to_iso(_text(header[2]), zone):
        facts["@timestamp"] = moment
    for number, name in enumerate(("hostname", "appname", "procid", "msgid"), 3):
        if header[number] != b"-":
            facts[f"log.syslog.{name}"] = _text(header[number])
    at = header.end()
    if raw[at : at + 1] == b"-" and raw[at + 1 : at + 2] in (b" ", b""):
        at += 1
    else:
        at = _structured_data(raw, at, facts)
    return (raw[at:].removeprefix(b" ").removeprefix(BOM),)


def _structured_data(raw: bytes, at: int, facts: Event) -> int:
    """Keep the parameters under their element's name; return where the message begins."""
    count = 0
    while element := _ELEMENT.match(raw, at):
        at = element.end()
        for name, value in _PARAM.findall(element[2]):
            count += 1
            if count <= MOST_PARAMS:
                facts.setdefault(
                    f"log.syslog.structured_data.{_text(element[1])}.{_text(name)}", _ESCAPED.sub(r"\1", _text(value))
                )
    return at


def _rfc3164(raw: bytes, start: int, facts: Event, record: RawRecord) -> tuple[bytes, ...]:
    payloads = [raw[start:]]
    at = start
    if found := _TIME.match(raw, start):
        if moment := _moment(found, record):
            facts["@timestamp"] = moment
        at = found.end()
        if (host := _HOST.match(raw, at)) and not _TAG.match(raw, at):
            facts["log.syslog.hostname"] = _text(host[1])
            at = host.end()
        payloads.append(raw[at:])
    if tag := _TAG.match(raw, at):
        facts["log.syslog.appname"] = _text(tag[1])
        if tag[2]:
            facts["log.syslog.procid"] = _text(tag[2])
        payloads.append(raw[tag.end() :])
    whole = [payload.removeprefix(BOM) for payload in reversed(payloads) if payload.strip()]
    return tuple(whole) or (raw,)


def _moment(found: re.Match[bytes], record: RawRecord) -> str | None:
    if found[4]:
        return to_iso(_text(found[4]).rstrip(":"), record.zone)
    day, clock = _text(found[1]), _text(found[3])
    if found[2]:  # the year is given: any day of it is near enough
        from datetime import UTC, datetime

        return to_iso_near(
            f"{day} {clock}", record.zone, int(datetime(int(found[2]), 7, 1, tzinfo=UTC).timestamp()) // 86_400
        )
    return to_iso_near(f"{day} {clock}", record.zone, day_of(record.received))
