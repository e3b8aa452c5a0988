"""Types of ECS fields as the stores keep them: text unless a name says otherwise.

ECS has ~2,000 fields; what is a number or a list among those that we write is said here
(elastic.co/docs/reference/ecs).
"""

from collections.abc import Collection
from typing import Any

from hinomi.clock import iso, parse_iso

INT64 = range(-(2**63), 2**63)
LONG = frozenset({
    "process.pid", "process.parent.pid", "process.thread.id", "source.port", "destination.port", "file.size", "event.severity",
    "source.bytes", "destination.bytes", "network.bytes", "process.args_count", "process.parent.args_count", "event.duration", "http.response.status_code", "hinomi.egress.bytes", "hinomi.retention",
})  # fmt: skip
LISTS = frozenset({
    "event.category", "event.type", "host.ip", "tags", "related.ip", "related.user", "related.hash", "related.hosts",
    "threat.technique.id", "threat.tactic.id", "email.to.address", "email.from.address", "hinomi.truncated",
    "hinomi.original.repaired", "registry.data.strings", "process.args", "process.parent.args", "dns.resolved_ip",
    "dns.answers.data", "dns.answers.type", "threat.technique.name",
})  # fmt: skip
BOOL = frozenset({
    "hinomi.host.known", "hinomi.host.protected", "dll.code_signature.exists", "process.code_signature.exists",
    "file.code_signature.exists",
})  # fmt: skip

#: Always columns: identity, who, where, what, what leaves, and what decides which rules an event meets.
CORE = (
    "@timestamp", "event.id", "event.kind", "event.module", "event.dataset", "event.code", "event.action", "event.category", "event.type",
    "event.outcome", "event.provider", "event.original", "event.ingested", "host.name", "host.id", "user.name", "user.domain", "process.executable",
    "process.name", "process.command_line", "process.pid", "process.parent.executable", "file.path", "file.name", "file.size", "file.hash.sha256",
    "file.hash.sha1", "file.target_path", "source.ip", "destination.ip", "destination.port", "dns.question.name", "url.original", "url.domain",
    "host.os.type", "network.protocol", "observer.type", "dns.type", "rule.name", "message", "winlog.channel", "device.serial_number", "hinomi.tenant", "hinomi.source", "hinomi.vendor_id", "hinomi.host.id",
    "hinomi.host.known", "hinomi.host.protected", "hinomi.host.owner", "hinomi.user.id", "hinomi.user.role", "hinomi.file.class",
    "hinomi.egress.channel", "hinomi.egress.verdict", "hinomi.egress.destination", "hinomi.egress.bytes", "hinomi.egress.class",
)  # fmt: skip
MOST = 300


def columns_for(fields: Collection[str]) -> list[str]:
    """Return the fields that a store keeps as columns: the core, then those that rules read, as many as there is room for."""
    more = sorted(name for name in fields if name not in CORE and not name.startswith("sigma."))
    return [*CORE, *more][:MOST]


def kind_of(name: str) -> str:
    """Return ``time``, ``long``, ``list``, ``bool`` or ``text``."""
    if name == "@timestamp":
        return "time"
    if name in LISTS:
        return "list"
    if name in BOOL:
        return "bool"
    return "long" if name in LONG or name.endswith((".port", ".pid", ".bytes")) else "text"


def fitting(kind: str, value: Any) -> Any:
    """Return a value as its field holds it; None if it does not fit."""
    if kind == "text":
        return value if isinstance(value, str) else None
    if kind == "long":
        return value if isinstance(value, int) and not isinstance(value, bool) and value in INT64 else None
    if kind == "bool":
        return value if isinstance(value, bool) else None
    if kind == "list":
        return value if isinstance(value, list) and value and all(isinstance(item, str) for item in value) else None
    try:
        moment = parse_iso(value)
    except (ValueError, TypeError):
        return None
    return moment if iso(moment) == value else None
