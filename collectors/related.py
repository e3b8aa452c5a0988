"""``related.*``: all addresses, hosts, hashes and users of an event in one place, so that a search finds each of them.

Fields: elastic.co/docs/reference/ecs/ecs-related.
"""

import ipaddress
from functools import lru_cache

from hinomi.event import Event

LONGEST_IP = 64
_IPS = ("source.ip", "destination.ip", "host.ip", "dns.resolved_ip")
_USERS = ("user.name", "user.target.name", "user.effective.name", "user.changes.name")
_HASHES = tuple(
    f"{owner}.{name}"
    for owner in ("process", "file", "dll")
    for name in ("hash.sha256", "hash.sha1", "hash.md5", "pe.imphash")
)
_HOSTS = ("host.name", "source.domain", "destination.domain", "dns.question.name", "dns.answers.data", "url.domain")


def as_ip(text: str) -> str | None:
    """Return an address in its short form, one mapped into IPv6 as IPv4; None if it is none."""
    return _as_ip(text) if len(text) <= LONGEST_IP else None


@lru_cache(maxsize=4096)
def _as_ip(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def relate(event: Event) -> None:
    """Fill ``related.*`` from the event's other fields."""
    _gather(event, "related.ip", _IPS)
    _gather(event, "related.user", _USERS)
    _gather(event, "related.hash", _HASHES)
    _gather(event, "related.hosts", _HOSTS)
    if "dns.answers.data" in event:
        event["related.hosts"] = [name for name in event["related.hosts"] if as_ip(name) is None]


def _gather(event: Event, target: str, names: tuple[str, ...]) -> None:
    found: dict[str, None] = {}
    for name in names:
        if name in event and (value := event[name]):
            if isinstance(value, str):
                found[value] = None
            elif isinstance(value, list):
                found.update((item, None) for item in value if isinstance(item, str))
    if found:
        event[target] = list(found)
