"""Who exported which file: rows of the egress table, lineage by name, and the coverage line of the answer.

Every answer says what was looked at: the window, first and last record of each source, gaps longer than
its `silence_after`, and devices that were never heard. No tool answers "0 rows" honestly without that.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from hinomi.clock import parse_iso
from hinomi.directory import Directory
from hinomi.event import Event
from hinomi.events import Aggregate, EventStore, Query, Term
from hinomi.tenancy import Grant, within
from hinomi.text import jst

COLUMNS = (
    "when", "user", "role", "school", "file", "path", "class", "bytes", "sha256", "channel", "destination", "device", "host", "verdict",
    "former_names", "source", "event_id",
)  # fmt: skip
RENAMES = ("file-renamed", "file-copied", "file-moved")
_RISKY = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class SourceCoverage:
    """What one source gave in the window."""

    source: str
    records: int
    first: str | None
    last: str | None
    gaps: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Coverage:
    """What was looked at."""

    since: str
    until: str
    sources: list[SourceCoverage]
    silent_devices: list[str]
    found: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    def text(self, language: str = "ja") -> str:
        """Return the coverage line."""
        parts = [self._source(source, language) for source in self.sources]
        if language == "ja":
            devices = (
                f"期間中に記録がない端末 {len(self.silent_devices)} 台" if self.silent_devices else "全端末の記録あり"
            )
            listed = "、".join(parts) or "この期間に記録なし"
            return f"調べた期間 {jst(self.since)} 〜 {jst(self.until)}。情報源: {listed}。{devices}。該当 {self.found} 件。"
        devices = f"{len(self.silent_devices)} devices never heard" if self.silent_devices else "all devices heard"
        return f"Window {jst(self.since)} to {jst(self.until)}. Sources: {'; '.join(parts) or 'nothing received'}. {devices}. {self.found} found."

    @staticmethod
    def _source(source: SourceCoverage, language: str) -> str:
        if not source.records:
            return f"{source.source} 記録なし" if language == "ja" else f"{source.source} nothing"
        span = f"{jst(source.first or '')} 〜 {jst(source.last or '')}"
        gaps = (
            (f"、空白 {len(source.gaps)} 回" if language == "ja" else f", {len(source.gaps)} gaps")
            if source.gaps
            else ""
        )
        return (
            f"{source.source} {source.records} 件 {span}{gaps}"
            if language == "ja"
            else f"{source.source} {source.records} ({span}{gaps})"
        )


@dataclass(frozen=True)
class Answer:
    """Rows, oldest first, and the coverage."""

    rows: list[dict[str, Any]]
    coverage: Coverage


def who_exported(
    store: EventStore,
    directory: Directory,
    *,
    grant: Grant,
    since: str,
    until: str,
    silence_after: Mapping[str, float],
    file: str | None = None,
    user: str | None = None,
    channel: str | None = None,
    file_class: str | None = None,
) -> Answer:
    """Answer which files left the endpoints, by whom, how and where to."""
    terms = [Term("hinomi.egress.channel", "=", channel)] if channel else []
    terms += [Term("hinomi.file.class", "=", file_class)] if file_class else []
    former = _lineage(store, grant, since, until, file) if file else {}
    query = Query(grant, since, until, tuple(terms), table="egress", oldest_first=True)
    rows = []
    for batch in store.scan(query):
        for event in batch:
            if _is_file(event, file, former) and _is_user(event, user):
                rows.append(_row(event, directory, former))
    return Answer(rows, _coverage(store, directory, grant, since, until, silence_after, len(rows)))


def _is_file(event: Event, file: str | None, former: Mapping[tuple[str, str], list[str]]) -> bool:
    if file is None:
        return True
    wanted = file.casefold()
    names = [str(event.get(name, "")).casefold() for name in ("file.path", "file.name", "file.target_path")]
    return any(wanted in name for name in names) or _key(event) in former


def _key(event: Event) -> tuple[str, str]:
    return str(event.get("hinomi.host.id", "")), str(event.get("file.path", "")).casefold()


def _lineage(store: EventStore, grant: Grant, since: str, until: str, file: str) -> dict[tuple[str, str], list[str]]:
    """Return (host, path) → former names of files that were once called so and were renamed or copied since."""
    known: dict[tuple[str, str], list[str]] = {}
    for action in RENAMES:
        query = Query(grant, since, until, (Term("event.action", "=", action),), oldest_first=True)
        for batch in store.scan(query):
            for event in batch:
                target = str(event.get("file.target_path", ""))
                before = known.get(_key(event), [])
                if target and (before or file.casefold() in str(event.get("file.path", "")).casefold()):
                    known[_key(event)[0], target.casefold()] = [*before, str(event.get("file.path", ""))]
    return known


def _is_user(event: Event, user: str | None) -> bool:
    if user is None:
        return True
    names = (event.get("hinomi.user.id"), event.get("user.name"), event.get("user.email"))
    return any(str(name).casefold() == user.casefold() for name in names if name)


def _row(event: Event, directory: Directory, former: Mapping[tuple[str, str], list[str]]) -> dict[str, Any]:
    return {
        "when": jst(event["@timestamp"]), "time": event["@timestamp"], "user": event.get("hinomi.user.id") or event.get("user.name"),
        "role": event.get("hinomi.user.role"), "school": directory.tenant_name(str(event.get("hinomi.tenant", ""))),
        "file": event.get("file.name"), "path": event.get("file.path"), "class": event.get("hinomi.file.class"),
        "bytes": event.get("hinomi.egress.bytes") or event.get("file.size"), "sha256": event.get("file.hash.sha256"),
        "channel": event.get("hinomi.egress.channel"), "destination": event.get("hinomi.egress.destination") or event.get("file.target_path"),
        "device": event.get("device.serial_number"), "host": event.get("hinomi.host.id"), "verdict": event.get("hinomi.egress.verdict"),
        "former_names": former.get(_key(event), []), "source": event.get("hinomi.source"), "event_id": event.get("event.id"),
    }  # fmt: skip


def _coverage(
    store: EventStore,
    directory: Directory,
    grant: Grant,
    since: str,
    until: str,
    silence_after: Mapping[str, float],
    found: int,
) -> Coverage:
    query = Query(grant, since, until)
    totals = {bucket.key[0]: bucket for bucket in store.aggregate(Aggregate(query, ("hinomi.source",)))}
    sources = []
    for name in sorted({*silence_after, *filter(None, totals)}):
        bucket = totals.get(name)
        gaps = _gaps(store, query, name, silence_after.get(name, 3600.0)) if bucket else []
        sources.append(
            SourceCoverage(
                name,
                bucket.count if bucket else 0,
                bucket.first if bucket else None,
                bucket.last if bucket else None,
                gaps,
            )
        )
    heard = {bucket.key[0] for bucket in store.aggregate(Aggregate(query, ("hinomi.host.id",), limit=1_000_000))}
    silent = [
        device.id for device in directory.devices if within(device.tenant, grant.tenant) and device.id not in heard
    ]
    return Coverage(since, until, sources, silent, found)


def _gaps(store: EventStore, query: Query, source: str, limit: float) -> list[tuple[str, str]]:
    """Return the times longer than ``limit`` seconds in which a source gave nothing."""
    asked = Query(query.grant, query.since, query.until, (Term("hinomi.source", "=", source),), oldest_first=True)
    gaps: list[tuple[str, str]] = []
    last = query.since
    for batch in store.scan(asked):
        for event in batch:
            moment = event["@timestamp"]
            if (parse_iso(moment) - parse_iso(last)).total_seconds() > limit:
                gaps.append((last, moment))
            last = max(last, moment)
    if (parse_iso(query.until) - parse_iso(last)).total_seconds() > limit:
        gaps.append((last, query.until))
    return gaps


def _cell(value: Any) -> str:
    text = "" if value is None else " ← ".join(value) if isinstance(value, list) else str(value)
    return "'" + text if text.startswith(_RISKY) else text


def as_csv(answer: Answer) -> bytes:
    """Return the rows as CSV with a BOM; the coverage line is the last row."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([_cell(row.get(name)) for name in COLUMNS] for row in answer.rows)
    writer.writerow([answer.coverage.text("ja")])
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "replace")


def as_jsonl(answer: Answer) -> bytes:
    """Return the rows as JSON lines; the coverage is the last line."""
    lines: Sequence[Any] = [*answer.rows, {"coverage": answer.coverage.as_dict()}]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode("utf-8", "replace")
