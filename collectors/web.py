"""What logs of proxies and web filters have in common: a request, who made it, the verdict, and an upload as egress.

Fields: elastic.co/docs/reference/ecs (url, http, user_agent, source, destination, observer).
"""

import re
import urllib.parse
from functools import lru_cache
from typing import Any

from hinomi.collectors.decoding import decode
from hinomi.collectors.related import as_ip, relate
from hinomi.event import Event, RawRecord

UPLOAD = 100_000
"""A request that carries a body of so many bytes took a file out; forms and telemetry are smaller."""
CARRIES = frozenset({"POST", "PUT", "PATCH"})
_URL = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.-]*)://)?(?:([^/?#@\s]*)@)?(\[[0-9A-Fa-f:.]+\]|[^/?#:]*)(?::(\d{1,5}))?(/[^?#]*)?(?:\?([^#]*))?(?:#(.*))?",
    re.DOTALL,
)
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,10})$")
PORTS = {"http": 80, "https": 443, "ftp": 21}
SHORT = 512
EMPTY = frozenset({"", "-"})


def value(text: str) -> str:
    """Return a cell; ``-`` is an empty one."""
    return "" if text in EMPTY else text


def unquoted(text: str) -> str:
    """Return a cell whose bytes were percent-encoded, in whichever encoding they are; ``+`` is a space."""
    if "%" not in text and "+" not in text:
        return value(text)
    return _unquoted(text) if len(text) <= SHORT else _unquoted.__wrapped__(text)


@lru_cache(maxsize=4096)
def _unquoted(text: str) -> str:
    """Decode a user, group, program or type: the same ones come again and again."""
    return decode(urllib.parse.unquote_to_bytes(text.replace("+", " "))).text


def unquoted_path(text: str) -> str:
    """Return a URL's path as a person reads it; in one, ``+`` is itself."""
    return decode(urllib.parse.unquote_to_bytes(text)).text if "%" in text else text


def _last(path: str) -> str:
    """Return the last part of a path as a person reads it; a quoted slash separates, too."""
    if "%2f" in path or "%2F" in path:
        return unquoted_path(path).rpartition("/")[2]
    return unquoted_path(path.rpartition("/")[2])


def number(text: str) -> int | None:
    """Return a count; None if it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def request_event(record: RawRecord, dataset: str, vendor: str, product: str, moment: str) -> Event:
    """Begin an event of a proxy; which one it is, the envelope knows."""
    facts = record.facts or {}
    event: Event = {
        "@timestamp": moment, "event.kind": "event", "event.category": ["web", "network"], "event.module": dataset.partition(".")[0],
        "event.dataset": dataset, "observer.vendor": vendor, "observer.product": product, "observer.type": "proxy",
    }  # fmt: skip
    if name := facts.get("log.syslog.hostname"):
        event["observer.hostname"] = name
    return event


def client(event: Event, address: str, *, computer: str = "", user: str = "") -> None:
    """Write who asked: a PC by its name, where the log has one, and a user with or without a domain."""
    if ip := as_ip(address):
        event["source.ip"] = ip
    elif address:
        event["source.address"] = address
    if computer and as_ip(computer) is None:
        event["source.domain"] = event["host.name"] = computer
    domain, _, name = user.rpartition("\\")
    event["user.name"], event["user.domain"] = name, domain


def url(event: Event, text: str, method: str = "") -> None:
    """Write a URL as it was logged, and its parts; of CONNECT it is host and port."""
    event["http.request.method"] = method
    event["url.original"] = text
    found = _URL.match(text)
    if not text or found is None:
        return
    scheme, _, host, port, path, query, fragment = found.groups()
    host = host.strip("[]")
    event |= {
        "url.scheme": (scheme or "").lower(), "url.domain": host.lower(), "url.path": path or "", "url.query": query or "", "url.fragment": fragment or "",
        "destination.domain": host.lower() if as_ip(host) is None else "",
    }  # fmt: skip
    protocol = (scheme or "").lower()
    if port and int(port) <= 65_535:
        event["url.port"] = event["destination.port"] = int(port)
    elif protocol in PORTS:
        event["destination.port"] = PORTS[protocol]
    event["network.protocol"] = protocol if protocol in PORTS else ""
    if ip := as_ip(host):
        event["destination.ip"] = ip
    last = _last(path or "")
    if extension := _EXTENSION.search(last):
        event["url.extension"], event["file.name"] = extension[1].lower(), last


def exchange(event: Event, *, status: str = "", sent: str = "", received: str = "", mime: str = "") -> None:
    """Write the answer and the bytes of both ways, as the client sees them."""
    for names, text in (
        (("http.response.status_code",), status),
        (("http.request.bytes", "source.bytes"), sent),
        (("http.response.bytes", "destination.bytes"), received),
    ):
        if (count := number(text)) is not None and (count or names[0] != "http.response.status_code"):
            for name in names:
                event[name] = count
    event["http.response.mime_type"] = mime.partition(";")[0].strip()


def finish(event: Event, *, blocked: bool) -> Event:
    """Write the verdict, and what went out; return the event without what is empty."""
    status = event.get("http.response.status_code", 0)
    event["event.type"] = ["access", "denied" if blocked else "allowed"]
    event["event.outcome"] = "failure" if blocked or status >= 400 else "success"
    sent = event.get("http.request.bytes", 0)
    if event.get("http.request.method", "").upper() in CARRIES and sent >= UPLOAD:
        event |= {
            "hinomi.egress.channel": "web", "hinomi.egress.verdict": "blocked" if blocked else "allowed",
            "hinomi.egress.destination": event.get("url.domain", "") or event.get("url.original", ""), "hinomi.egress.bytes": sent,
        }  # fmt: skip
    made: dict[str, Any] = {name: item for name, item in event.items() if item or item == 0}
    relate(made)
    referrer = _URL.match(made.get("http.request.referrer", ""))
    if referrer and referrer[1] and (host := referrer[3].lower()) and as_ip(host) is None:
        made["related.hosts"] = list(dict.fromkeys([*made.get("related.hosts", ()), host]))
    return made
