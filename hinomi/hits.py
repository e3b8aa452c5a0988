"""What a worker writes for the responder: one hit, with its event or the fields that count.

Spoken between `hinomi.runtime.worker`, `hinomi.detections.correlation` and `hinomi.playbooks.incidents`.
"""

from typing import Any, Literal

import msgspec

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


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(list[Hit]).decode
