"""The coverage of an answer: what was looked at, and what was not there to be looked at.

First and last record of each source, gaps longer than its `silence_after`, devices that were never heard:
no tool answers "nothing found" honestly without that.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from hinomi.clock import parse_iso
from hinomi.directory import Directory
from hinomi.events import Aggregate, EventStore, Query, Term
from hinomi.tenancy import within
from hinomi.text import era_minute

MOST_GAPS, MOST_DEVICES = 5, 12
"""How many are spelt out for people; JSON lists all."""


@dataclass(frozen=True)
class SourceCoverage:
    """What one source gave in the window."""

    source: str
    records: int
    first: str | None
    last: str | None
    gaps: list[tuple[str, str]] = field(default_factory=list)
    name: str = ""

    def text(self) -> str:
        """Return one source for people."""
        called = f"{self.name}（{self.source}）" if self.name else self.source
        if not self.records:
            return f"{called} この期間の記録なし"
        span = f"{called} {self.records:,}件（{era_minute(self.first or '')} 〜 {era_minute(self.last or '')}）"
        gaps = [f"{era_minute(start)} 〜 {era_minute(end)}" for start, end in self.gaps[:MOST_GAPS]]
        if len(self.gaps) > MOST_GAPS:
            gaps.append(f"ほか{len(self.gaps) - MOST_GAPS}回")
        return f"{span} 空白{len(self.gaps)}回：{'、'.join(gaps)}" if gaps else f"{span} 空白なし"


@dataclass(frozen=True)
class Coverage:
    """What was asked, and what was looked at. ``record`` is the number of the audit record of the question."""

    since: str
    until: str
    asked: dict[str, str]
    scope: str
    sources: list[SourceCoverage]
    silent_devices: list[str]
    found: int
    notes: list[str] = field(default_factory=list)
    record: int | None = None
    what: str = "持ち出し"

    @property
    def complete(self) -> bool:
        """Whether every source and device was heard all the time."""
        return not self.silent_devices and not any(source.gaps or not source.records for source in self.sources)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "complete": self.complete}

    def lines(self) -> list[str]:
        """Return the coverage line, sentence by sentence."""
        asked = "、".join(f"{_ASKED.get(name, name)}「{value}」" for name, value in self.asked.items())
        record = f"。この照会は監査記録の第{self.record}号" if self.record else ""
        return [
            f"該当 {self.found}件。条件：{asked or f'なし（すべての{self.what}）'}。範囲：{self.scope}{record}。",
            *([f"この期間・条件に当てはまる{self.what}の記録は見つかりませんでした。"] if not self.found else []),
            *self.notes,
            f"調べた期間：{era_minute(self.since)} 〜 {era_minute(self.until)}（日本標準時）",
            *(f"情報源 {source.text()}" for source in self.sources),
            self._devices(),
            *([] if self.complete else [f"記録のない時間・端末があるため、その間の{self.what}の有無は、この記録からは分かりません。"]),
        ]  # fmt: skip

    def text(self) -> str:
        """Return the coverage line."""
        return "\n".join(self.lines())

    def _devices(self) -> str:
        if not self.silent_devices:
            return "登録端末：すべての端末の記録あり"
        named = "、".join(self.silent_devices[:MOST_DEVICES])
        more = f" ほか{len(self.silent_devices) - MOST_DEVICES}台" if len(self.silent_devices) > MOST_DEVICES else ""
        return f"期間中に一度も記録がない登録端末 {len(self.silent_devices)}台：{named}{more}"


_ASKED = {"file": "ファイル", "user": "利用者", "channel": "経路", "file_class": "重要性分類", "device": "端末"}


def coverage(
    store: EventStore, directory: Directory, query: Query, silence_after: Mapping[str, float], *, asked: dict[str, str],
    found: int, notes: Iterable[str] = (), names: Mapping[str, str] | None = None, what: str = "持ち出し",
    devices: Collection[str] | None = None,
) -> Coverage:  # fmt: skip
    """Look at what there was to look at: ``query`` holds window, grant and terms, ``silence_after`` the known sources.

    ``devices``: only these are expected to be heard; ``names``: what people call the sources.
    """
    called = names or {}
    totals = {bucket.key[0]: bucket for bucket in store.aggregate(Aggregate(query, ("hinomi.source",)))}
    sources = []
    for name in sorted({*silence_after, *filter(None, totals)}):
        bucket = totals.get(name)
        if bucket is None:
            nothing = [(query.since, query.until)]
            sources.append(SourceCoverage(name, 0, None, None, nothing, called.get(name, "")))
            continue
        gaps = _gaps(store, query, name, silence_after.get(name, 3600.0))
        sources.append(SourceCoverage(name, bucket.count, bucket.first, bucket.last, gaps, called.get(name, "")))
    heard = {bucket.key[0] for bucket in store.aggregate(Aggregate(query, ("hinomi.host.id",), limit=1_000_000))}
    silent = [
        device.id
        for device in directory.devices
        if within(device.tenant, query.grant.tenant)
        and device.id not in heard
        and (devices is None or device.id in devices)
    ]
    scope = directory.tenant_name(query.grant.tenant) if query.grant.tenant else "登録されたすべての学校・教育委員会"
    return Coverage(query.since, query.until, asked, scope, sources, silent, found, list(notes), what=what)


def _gaps(store: EventStore, query: Query, source: str, limit: float) -> list[tuple[str, str]]:
    """Return the times longer than ``limit`` seconds in which a source gave nothing."""
    terms = (*query.terms, Term("hinomi.source", "=", source))
    asked = Query(query.grant, query.since, query.until, terms, oldest_first=True)
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
