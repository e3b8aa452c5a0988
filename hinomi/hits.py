"""What a worker writes for the responder: one hit, with its event or the fields that count.

Spoken between `hinomi.runtime.worker`, `hinomi.detections.correlation` and `hinomi.playbooks.incidents`.
"""

import hashlib
from typing import Any, Literal

import msgspec

from hinomi.event import Event

Level = Literal["informational", "low", "medium", "high", "critical"]
LEVELS: tuple[Level, ...] = ("informational", "low", "medium", "high", "critical")


class RuleInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the response needs to know of a rule.

    ``contain`` is "auto" only for shipped malware rules and the tenant's own list; ``silent`` rules
    feed correlations and raise no alert of their own; ``fields`` are those that correlations group by.
    """

    id: str
    title: str
    level: Level
    hash: str
    title_ja: str = ""
    category: str = "other"
    cause: Literal["external", "internal"] = "external"
    contain: Literal["auto", "never"] = "never"
    tags: tuple[str, ...] = ()
    silent: bool = False
    fields: tuple[str, ...] = ()

    @property
    def urgent(self) -> bool:
        """Whether its hits overtake the others."""
        return self.contain == "auto" or self.level == "critical"


class Hit(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule matched one event. ``time`` is the event's, ``received`` ours, both ISO.

    ``entity`` is ``host:<host.id>``, ``user:<id>`` or ``source:<name>``; ``event`` is None where only
    the count matters; ``fields`` then still holds what correlations need. ``live`` is False for hits
    of hunts, replays and backfill, which never start a live playbook.
    """

    rule: RuleInfo
    generation: int
    event_id: str
    time: str
    received: str
    tenant: str
    source: str
    entity: str
    host: str | None = None
    host_known: bool = False
    user: str | None = None
    trusted: bool = False
    backfill: bool = False
    live: bool = True
    created: str | None = None
    file_class: str | None = None
    vendor_id: str | None = None
    fields: dict[str, Any] = {}
    event: dict[str, Any] | None = None


LONGEST_KEY = 400
"""Characters of what rows are found by; databases bound what an index holds."""


def key_of(text: str) -> str:
    """Return a text, or the beginning of a longer one with its hash: what rows are found by."""
    if len(text) <= LONGEST_KEY:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[: LONGEST_KEY - 65]}…{digest}"


def entity_of(event: Event) -> str:
    """Return whom an event is about: its host, else its user, else its source."""
    host, user = event.get("hinomi.host.id"), event.get("hinomi.user.id") or event.get("user.name")
    return key_of(f"host:{host}" if host else f"user:{user}" if user else f"source:{event.get('hinomi.source', '')}")


def hit_of(
    rule: RuleInfo, event: Event, *, generation: int, received: str, fields: dict[str, Any], trusted: bool = False,
    backfill: bool = False, live: bool = True, keep: bool = True,
) -> Hit:  # fmt: skip
    """Return the hit of a rule on an enriched event; ``fields``: what correlations need, ``keep`` takes the event with it."""
    return Hit(
        rule=rule,
        generation=generation,
        event_id=event["event.id"],
        time=event["@timestamp"],
        received=received,
        tenant=event.get("hinomi.tenant", ""),
        source=event.get("hinomi.source", ""),
        entity=entity_of(event),
        host=_first(event.get("hinomi.host.id")),
        host_known=bool(event.get("hinomi.host.known")),
        user=_first(event.get("hinomi.user.id") or event.get("user.name")),
        trusted=trusted,
        backfill=backfill,
        live=live,
        created=event.get("event.created"),
        file_class=event.get("hinomi.file.class"),
        vendor_id=_first(event.get("hinomi.vendor_id")),
        fields=fields,
        event=event if keep else None,
    )


def _first(value: Any) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    return None if value is None else key_of(str(value))


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(list[Hit]).decode
