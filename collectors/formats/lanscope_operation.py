"""LANSCOPE Endpoint Manager (Cat): operation logs as quoted CSV, one kind a file, and alerts sent by syslog.

Derived from published parsers (not a maker's list, unverified for your version). CSV: the columns stand around the time:
host and user before it; kind, activity, then 3 further the application, 3 further the path, 2 further the size; where
there is a header with an activity in it, they are read by its titles. Alert: ``LanScopeCat - KIND Event="" Agent="" …``.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

from hinomi.collectors.decoding import decode
from hinomi.collectors.formats import formats
from hinomi.collectors.operations import BLOCKED, OPERATIONS, REMOVABLE, base_name, write_path
from hinomi.collectors.related import as_ip, relate
from hinomi.collectors.times import to_iso
from hinomi.event import Event, RawRecord

#: Our name → (columns behind the time, titles in headers).
COLUMNS: dict[str, tuple[int, tuple[str, ...]]] = {
    "host": (
        -2,
        ("クライアント名", "コンピューター名", "コンピュータ名", "端末名", "エージェント名", "ホスト名", "host"),
    ),
    "user": (-1, ("ログオンユーザー名", "ログオンユーザ名", "ユーザー名", "ユーザ名", "logon user", "user")),
    "time": (0, ("日時", "発生日時", "操作日時", "開始日時", "アラーム発生日時", "time")),
    "kind": (1, ("種別", "ログ種別", "イベント種別", "kind")),
    "activity": (2, ("アクティビティ", "アクティビティ名", "アラーム名", "アラーム種別", "activity")),
    "app": (5, ("アプリケーション", "アプリケーション名", "プロセス名", "application")),
    "path": (8, ("ファイルパス", "パス", "ファイル名", "ドキュメント名", "url", "path")),
    "size": (10, ("サイズ", "ファイルサイズ", "size")),
    "title": (99, ("ウィンドウタイトル", "タイトル", "window title")),
    "device": (99, ("デバイス名", "デバイス", "プリンター名", "プリンタ名", "device")),
    "target": (99, ("コピー先", "移動先", "宛先", "送信先")),
}
MOST_BEFORE, LEAST_BEHIND = 6, 5
ALERT = re.compile(r'(?:LanScopeCat\s*(?:\[\d*\])?:?\s*-?\s*(\w+)\s+)?((?:\w+="[^"]*"\s*)+)')
PAIR = re.compile(r'(\w+)="([^"]*)"')
_SIZE = re.compile(r"([\d,]+(?:\.\d+)?)\s*([KMGT]?)(?:i?B|バイト|bytes?)?", re.IGNORECASE)
_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
#: Kind of an alert → event.category, event.type.
ALERTS = {
    "logonuseron": ("authentication", "start"), "logonuseroff": ("authentication", "end"), "print": ("file", "access"), "operation": ("file", "access"),
    "webaccess": ("web", "access"),
}  # fmt: skip
csv.field_size_limit(1 << 30)


@formats.register("lanscope.operation")
def parse(record: RawRecord) -> Sequence[Event]:
    """Read one row or alert; what has no time in its place is left to the next format."""
    text = decode(record.raw, record.encoding).text.lstrip("\ufeff").strip()
    cells = _alert(text, record) if '="' in text else _row(text, record)
    if cells is None:
        return ()
    event = _event(record, cells)
    event = {name: value for name, value in event.items() if value not in ("", [], None)}
    relate(event)
    return (event,)


def _alert(text: str, record: RawRecord) -> dict[str, str] | None:
    """Return an alert's values; its kind and time may be in the syslog header."""
    facts = record.facts or {}
    before, _, body = text.rpartition("LanScopeCat")
    found = ALERT.fullmatch("LanScopeCat" + body if before != text and "LanScopeCat" in text else text)
    if found is None or (
        "LanScopeCat" not in text and "lanscope" not in str(facts.get("log.syslog.appname", "")).lower()
    ):
        return None
    pairs = {name.lower(): value.strip() for name, value in PAIR.findall(found[2])}
    moment = to_iso(before.split()[-2], record.zone) if len(before.split()) >= 2 else None
    moment = moment or str(facts.get("@timestamp", ""))
    if not pairs.keys() & {"agent", "logonuser", "event"} or not moment:
        return None
    return {
        "moment": moment, "alert": found[1] or str(facts.get("log.syslog.msgid", "")), "host": pairs.get("agent", ""), "user": pairs.get("logonuser", ""),
        "activity": pairs.get("event", ""), "app": pairs.get("application", ""), "title": pairs.get("windowtitle", ""), "device": pairs.get("device", ""),
        "size": pairs.get("filesize", ""), "path": pairs.get("url", ""), "ip": pairs.get("ipaddress", ""), "rule": pairs.get("alerttype", ""),
    }  # fmt: skip


@lru_cache(maxsize=64)
def _titles(header: str) -> Mapping[str, int]:
    """Return our name → column of a header of this product; empty if it is another's."""
    row = [
        unicodedata.normalize("NFKC", title).strip().casefold()
        for title in next(csv.reader([header.lstrip("\ufeff")]), [])
    ]
    found = {
        name: next(row.index(title) for title in titles if title in row) for name, (_, titles) in COLUMNS.items() if set(titles) & set(row)
    }  # fmt: skip
    return found if {"time", "activity"} <= found.keys() else {}


def _row(text: str, record: RawRecord) -> dict[str, str] | None:
    try:
        row = [cell.strip() for cell in next(csv.reader(io.StringIO(text, newline=""), strict=False), [])]
    except csv.Error:
        return None
    places: Mapping[str, int]
    if record.context:
        places = _titles(record.context)
    else:
        at = next(
            (n for n, cell in enumerate(row[: MOST_BEFORE + 1]) if to_iso(cell, record.zone) and len(cell) >= 14), -1
        )
        if at < 2 or len(row) <= at + LEAST_BEHIND or not text.startswith('"'):
            return None
        places = {name: at + behind for name, (behind, _) in COLUMNS.items()}
    cells = {name: row[place] for name, place in places.items() if place < len(row)}
    moment = to_iso(cells.get("time", ""), record.zone)
    if moment is None or not cells.get("activity"):
        return None
    return cells | {"moment": moment}


def _event(record: RawRecord, cells: Mapping[str, str]) -> Event:
    domain, _, user = cells.get("user", "").rpartition("\\")
    app = cells.get("app", "")
    event: Event = {
        "@timestamp": cells["moment"], "event.kind": "alert" if cells.get("rule") else "event", "event.module": "lanscope", "event.dataset": "lanscope.operation",
        "event.provider": cells.get("kind") or cells.get("alert", ""), "host.name": cells.get("host", ""), "user.name": user, "user.domain": domain,
        "process.name": base_name(app), "process.executable": app if "\\" in app else "", "message": cells.get("title", ""), "rule.name": cells.get("rule", ""),
        "device.model.name": cells.get("device", ""), "observer.vendor": "MOTEX", "observer.product": "LANSCOPE",
    }  # fmt: skip
    if ip := as_ip(cells.get("ip", "")):
        event["host.ip"] = [ip]
    kind = unicodedata.normalize("NFKC", " ".join(cells.get(name, "") for name in ("alert", "kind", "activity")))[:1000]
    blocked = any(word in kind for word in BLOCKED)
    event["event.outcome"] = "failure" if blocked else "success"
    event["event.action"] = cells.get("activity") or cells.get("alert", "")
    category, change = ALERTS.get(cells.get("alert", "").lower(), ("", ""))
    path, size = cells.get("path", ""), _bytes(cells.get("size", ""))
    low = kind.lower()
    if "print" in low or "プリント" in kind or "印刷" in kind:
        category, change, event["event.action"] = "file", "access", "printed"
        write_path(event, path or cells.get("title", ""))
        _egress(event, "print", cells.get("device", ""), blocked, size)
    elif "web" in low or re.match("https?://", path):
        category, change = "web", "access"
        _web(event, cells, kind, blocked, size)
    elif category != "authentication":
        _other(event, cells, kind, blocked, size)
        category, change = event.pop("event.category"), event.pop("event.type")
    return event | {"event.category": [category], "event.type": [change]}


def _web(event: Event, cells: Mapping[str, str], kind: str, blocked: bool, size: int | None) -> None:
    event["url.original"] = cells.get("path", "")
    if host := re.match(r"https?://(?:[^/@]*@)?([^/:?#]+)", event["url.original"], re.IGNORECASE):
        event["url.domain"] = host[1].lower()
    if any(word in kind for word in ("アップロード", "書き込み", "書込", "Upload")):
        event["event.action"] = "web-upload"
        write_path(event, cells.get("title", "") if "\\" in cells.get("title", "") else "")
        _egress(event, "web", event.get("url.domain", "") or event["url.original"], blocked, size)


def _other(event: Event, cells: Mapping[str, str], kind: str, blocked: bool, size: int | None) -> None:
    path = cells.get("path", "")
    event["event.category"], event["event.type"] = "process", "info"
    if "ログオン" in kind or "ログオフ" in kind:
        event["event.category"], event["event.type"] = "session", "start" if "ログオン" in kind else "end"
        return
    for word, action, change in OPERATIONS:
        if word in kind:
            event["event.category"], event["event.action"], event["event.type"] = "file", action, change
            break
    else:
        if "起動" in kind or "稼働" in kind:
            event["event.type"] = "start"
        elif not path and not cells.get("app"):
            event["event.category"] = "host"
    write_path(event, path)
    event["file.target_path"] = cells.get("target", "")
    if size is not None:
        event["file.size"] = size
    device = unicodedata.normalize("NFKC", f"{cells.get('device', '')} {kind}").upper()
    if event["event.type"] in ("creation", "change") and any(word in device for word in REMOVABLE):
        _egress(event, "usb", cells.get("device", "") or (cells.get("target") or path)[:2], blocked, size)


def _egress(event: Event, channel: str, destination: str, blocked: bool, size: int | None) -> None:
    event |= {"hinomi.egress.channel": channel, "hinomi.egress.destination": destination, "hinomi.egress.verdict": "blocked" if blocked else "allowed"}  # fmt: skip
    if size is not None:
        event["hinomi.egress.bytes"] = size


def _bytes(text: str) -> int | None:
    """Return bytes of ``1,234``, ``12.5 KB`` or ``3MB``; None if it is no size."""
    found = _SIZE.fullmatch(unicodedata.normalize("NFKC", text[:40]).strip())
    if found is None or len(found[1]) > 18:
        return None
    try:
        count: float = float(found[1].replace(",", "")) * (1 << 10 * _UNITS[found[2].upper()])
        return round(count)
    except ValueError:
        return None
