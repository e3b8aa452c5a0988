"""SKYSEA Client View operation log: one CSV row an act, 91 columns or more, local time without a zone.

Positions: derived from published parsers (not a maker's list, unverified for your version), 0-based:
0 machine, 2 host, 3 IP, 5 logon user, 6 display name, 7 time, 8 kind, 11 URL or drive, 12 title,
17 operation, 19 source path, 21/24/38 device, 25 copy target, 32 printer, 33 pages, 34/35 mail,
41 web file, 60 printed file, 68 process, 69 MD5, 70/71 destination, 73/74 bytes, 81 domain, 82 size, 90 app.
Where the file has a header with the names below, they are read by name.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from hinomi.collectors.decoding import decode
from hinomi.collectors.formats import formats
from hinomi.collectors.operations import BLOCKED, OPERATIONS, REMOVABLE, base_name, whole_number, write_path
from hinomi.collectors.related import as_ip, relate
from hinomi.collectors.times import to_iso
from hinomi.event import Event, RawRecord

#: Our name → (published position, names in headers: compared without case, spaces, long-vowel marks and width).
COLUMNS: dict[str, tuple[int, tuple[str, ...]]] = {
    "machine": (0, ("コンピューター名", "端末名", "PC名", "機器名", "クライアント名", "computer", "computer name", "machine")),
    "number": (1, ("管理番号", "資産番号", "端末番号", "asset no")),
    "host": (2, ("ホスト名", "host", "hostname", "host name")),
    "ip": (3, ("IPアドレス", "端末IPアドレス", "IP", "ip address")),
    "user": (5, ("ログオンユーザー名", "ユーザー名", "ログオンユーザー", "ユーザーID", "ユーザー", "アカウント", "user", "user name", "logon user")),
    "display": (6, ("表示名", "ユーザー表示名", "氏名", "利用者名", "使用者", "display name")),
    "time": (7, ("日時", "発生日時", "操作日時", "ログ日時", "記録日時", "取得日時", "時刻", "date", "datetime", "date time", "time")),
    "kind": (8, ("ログ種別", "種別", "ログの種類", "種類", "ログ種類", "log type", "type", "kind")),
    "place": (11, ("URL・共有・ドライブ", "URL", "アクセス先", "閲覧URL", "共有パス", "ドライブ", "アクティブアプリケーション")),
    "title": (12, ("タイトル", "ウィンドウタイトル", "件名", "ドキュメント名", "印刷ドキュメント名", "メール件名", "title", "window title", "subject")),
    "accessing": (16, ("アクセスユーザー", "アクセスユーザー名")),
    "operation": (17, ("操作", "操作内容", "内容", "アクション", "イベント", "operation", "action")),
    "path": (19, ("ファイルパス", "コピー元", "操作元", "元ファイルパス", "対象ファイル", "パス", "フルパス", "ファイル名", "file path", "path", "source path")),
    "device": (21, ("デバイス名", "記憶媒体名", "メディア名", "device", "device name")),
    "device_id": (24, ("デバイスID", "シリアル番号", "シリアルナンバー", "デバイスシリアル番号", "device id", "serial number")),
    "target": (25, ("コピー先", "移動先", "操作先", "変更後", "変更後ファイルパス", "先ファイルパス", "destination", "target path")),
    "clipboard": (31, ("クリップボード",)),
    "printer": (32, ("プリンター名", "プリンター", "printer")),
    "pages": (33, ("印刷ページ数", "ページ数", "枚数", "印刷枚数", "pages")),
    "mail_to": (34, ("メール宛先", "宛先", "送信先", "受信者", "to", "mail to")),
    "mail_from": (35, ("メール送信元", "送信元", "差出人", "送信者", "from", "mail from")),
    "device_type": (38, ("デバイス種別", "デバイスの種類", "ドライブ種別", "メディア種別", "device type")),
    "web_file": (41, ("Webファイル", "アップロードファイル", "ダウンロードファイル", "転送ファイル", "web file")),
    "printed": (60, ("印刷ファイルパス", "印刷ファイル", "printed file")),
    "process": (68, ("プロセスパス", "プロセス", "実行ファイル", "実行ファイルパス", "アプリケーションパス", "process", "process path")),
    "md5": (69, ("MD5", "ハッシュ値", "ハッシュ")),
    "dst_ip": (70, ("宛先IPアドレス", "接続先IPアドレス", "通信先IPアドレス", "destination ip")),
    "dst_port": (71, ("宛先ポート", "宛先ポート番号", "接続先ポート", "接続先ポート番号", "destination port")),
    "bytes_out": (73, ("送信バイト数", "送信サイズ", "送信量", "bytes sent")),
    "bytes_in": (74, ("受信バイト数", "受信サイズ", "受信量", "bytes received")),
    "domain": (81, ("ドメイン", "ドメイン名", "domain")),
    "size": (82, ("ファイルサイズ", "サイズ", "file size", "size")),
    "app": (90, ("アップロードアプリ", "アップロードアプリケーション", "アプリケーション名", "upload application")),
}  # fmt: skip
csv.field_size_limit(1 << 30)  # a record is bounded by its framing; a long cell must not hide the others
LEAST = 20
WHOLE = 91
LONGEST_WORD = 1000

FIXED = ("固定", "内蔵", "ローカル", "ネットワーク", "ハードディスク", "FIXED", "NETWORK")
_MANY = re.compile(r"[;,、\s]+")
_WRITES = frozenset({"creation", "change"})


def _plain(text: str) -> str:
    """Return text as it is compared: full and half width, case, spaces and long-vowel marks are all one."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split()).replace("ー", "").replace("_", "")


@lru_cache(maxsize=256)
def _positions(header: str | None) -> tuple[dict[str, int], bool]:
    """Return name → position and whether a header said so; without one that names time and kind, the published order."""
    if header:
        titles: dict[str, int] = {}
        for place, title in enumerate(next(csv.reader([header.lstrip("\ufeff")]), [])):
            titles.setdefault(_plain(title), place)
        named: dict[str, int] = {}
        for name, (_, known) in COLUMNS.items():
            found = next((titles[_plain(title)] for title in known if _plain(title) in titles), None)
            if found is not None and found not in named.values():
                named[name] = found
        if "time" in named and "kind" in named:
            if len(titles) >= WHOLE and all(COLUMNS[name][0] == place for name, place in named.items()):
                named = {name: place for name, (place, _) in COLUMNS.items()}  # the published order under other titles
            return named, True
    return {name: place for name, (place, _) in COLUMNS.items()}, False


@formats.register("skysea.operation")
def parse(record: RawRecord) -> Sequence[Event]:
    """Read one row; a row without a time in its place is left to the next format."""
    text = decode(record.raw, record.encoding).text.lstrip("\ufeff")
    try:
        row = next(csv.reader(io.StringIO(text, newline=""), strict=False), [])
    except csv.Error:
        return ()
    positions, by_header = _positions(record.context)
    if not by_header and len(row) < LEAST:
        return ()
    cells = {name: row[place].strip() for name, place in positions.items() if place < len(row)}
    moment = to_iso(cells.get("time", ""), record.zone)
    if moment is None or not cells.get("kind"):
        return ()
    provider = cells["kind"]
    cells["kind"] = unicodedata.normalize("NFKC", cells["kind"][:LONGEST_WORD])
    cells["operation"] = unicodedata.normalize("NFKC", cells.get("operation", "")[:LONGEST_WORD])
    event: Event = {
        "@timestamp": moment, "event.kind": "event", "event.module": "skysea", "event.dataset": "skysea.operation",
        "event.provider": provider, "host.name": cells.get("host") or cells.get("machine", ""),
        "user.full_name": cells.get("display", "").strip("（）()［］[]"), "process.executable": cells.get("process", ""),
        "process.name": base_name(cells.get("process", "")),
    }  # fmt: skip
    if addresses := [found for part in _MANY.split(cells.get("ip", "")[:LONGEST_WORD]) if (found := as_ip(part))]:
        event["host.ip"] = addresses
    domain, _, event["user.name"] = (cells.get("user") or cells.get("accessing", "")).rpartition("\\")
    event["user.domain"] = domain
    _by_kind(event, cells)
    event = {name: value for name, value in event.items() if value not in ("", [])}
    relate(event)
    return (event,)


def _by_kind(event: Event, cells: dict[str, str]) -> None:
    kind, operation = cells["kind"], cells.get("operation", "")
    event["event.outcome"] = "failure" if any(word in operation or word in kind for word in BLOCKED) else "success"
    if kind.startswith(("ファイル", "フォルダ")) and not kind.startswith("フォルダ共有"):
        _file(event, cells, operation)
    elif kind.startswith("Web"):
        _web(event, cells, kind, operation)
    elif kind.startswith("メール"):
        _mail(event, cells, operation)
    elif kind.startswith("プリント"):
        _print(event, cells)
    elif kind.startswith(("ドライブ", "通信デバイス")):
        event |= {
            "event.category": ["host"],
            "event.type": ["info"],
            "event.action": "device-" + ("attached" if "接続" in operation or "追加" in operation else "changed"),
        }
        _device(event, cells)
    elif kind.startswith("起動"):
        event |= {
            "event.category": ["session"],
            "event.type": ["start" if "起動" in operation or "ログオン" in operation else "end"],
            "event.action": operation or kind,
        }
    elif kind.startswith("アプリケーション"):
        event |= {"event.category": ["process"], "event.type": ["start"], "event.action": operation or "application"}
    elif kind.startswith("想定外TCP"):
        event |= {"event.category": ["network"], "event.type": ["connection"], "event.action": "unexpected-tcp"}
        _network(event, cells)
    else:
        event |= {"event.category": ["host"], "event.type": ["info"], "event.action": operation or kind}
    if title := cells.get("title"):
        event["message"] = title


def _file(event: Event, cells: dict[str, str], operation: str) -> None:
    event |= {"event.category": ["file"], "event.type": ["access"], "event.action": operation or "file"}
    for word, action, kind in OPERATIONS:
        if word in operation:
            event["event.action"], event["event.type"] = action, [kind]
            break
    write_path(event, cells.get("path", ""))
    target = cells.get("target", "")
    event["file.target_path"] = target
    if (size := whole_number(cells.get("size", ""))) is not None:
        event["file.size"] = size
    event["file.hash.md5"] = cells.get("md5", "").lower()
    _device(event, cells)
    if event["event.type"][0] in _WRITES and _removable(cells):
        _egress(
            event, "usb", cells.get("device_id") or cells.get("device") or (target or cells.get("path", ""))[:2], cells
        )


def _removable(cells: dict[str, str]) -> bool:
    """Say whether the device of a row is external: by its words; one that has an id and is not called fixed is."""
    kind, name = (
        unicodedata.normalize("NFKC", cells.get(key, "")[:LONGEST_WORD]).upper() for key in ("device_type", "device")
    )
    if any(word in kind for word in REMOVABLE):
        return True
    if any(word in kind for word in FIXED):
        return False
    return any(word in name for word in REMOVABLE) or bool(cells.get("device_id"))


def _device(event: Event, cells: dict[str, str]) -> None:
    if device_id := cells.get("device_id"):
        event["device.serial_number"] = device_id
    if name := cells.get("device"):
        event["device.model.name"] = name


def _web(event: Event, cells: dict[str, str], kind: str, operation: str) -> None:
    event |= {"event.category": ["web"], "event.type": ["access"], "event.action": operation or kind}
    event["url.original"], event["url.domain"] = (
        cells.get("place", ""),
        cells.get("domain", "") or _domain(cells.get("place", "")),
    )
    _network(event, cells)
    if any(word in kind + operation for word in ("アップロード", "書き込み")):
        event["event.action"] = "web-upload"
        write_path(event, cells.get("web_file") or cells.get("path", ""))
        _egress(event, "web", event["url.domain"] or cells.get("place", ""), cells)
    elif "ダウンロード" in kind + operation:
        event["event.action"] = "web-download"
        write_path(event, cells.get("web_file") or cells.get("path", ""))


def _domain(url: str) -> str:
    found = re.match(r"[a-z][a-z0-9+.-]*://(?:[^/@]*@)?([^/:?#]+)", url, re.IGNORECASE)
    return found[1].lower() if found else ""


def _mail(event: Event, cells: dict[str, str], operation: str) -> None:
    received = "受信" in cells["kind"] + operation
    event |= {
        "event.category": ["email"],
        "event.type": ["info"],
        "event.action": "mail-received" if received else "mail-sent",
    }
    for name, cell in (("to", "mail_to"), ("from", "mail_from")):
        event[f"email.{name}.address"] = [part for part in _MANY.split(cells.get(cell, "")) if part]
    event["email.subject"] = cells.get("title", "")
    if cells.get("path"):
        write_path(event, cells["path"])
        if not received:
            _egress(event, "mail", cells.get("mail_to", ""), cells)


def _print(event: Event, cells: dict[str, str]) -> None:
    event |= {"event.category": ["file"], "event.type": ["access"], "event.action": "printed"}
    write_path(event, cells.get("printed") or cells.get("title", ""))
    _egress(event, "print", cells.get("printer", ""), cells)


def _network(event: Event, cells: dict[str, str]) -> None:
    if address := as_ip(cells.get("dst_ip", "")):
        event["destination.ip"] = address
    for cell, name in (
        ("dst_port", "destination.port"),
        ("bytes_out", "source.bytes"),
        ("bytes_in", "destination.bytes"),
    ):
        if (number := whole_number(cells.get(cell, ""))) is not None:
            event[name] = number


def _egress(event: Event, channel: str, destination: str, cells: dict[str, str]) -> None:
    event["hinomi.egress.channel"] = channel
    event["hinomi.egress.verdict"] = "blocked" if event["event.outcome"] == "failure" else "allowed"
    event["hinomi.egress.destination"] = destination
    size = whole_number(cells.get("size", ""))
    if size is None and channel == "web":
        size = whole_number(cells.get("bytes_out", ""))
    if size is not None:
        event["hinomi.egress.bytes"] = size
