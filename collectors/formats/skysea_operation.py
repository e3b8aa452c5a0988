"""SKYSEA Client View operation log: one CSV row an act, 91 columns or more, local time without a zone.

Positions: derived from published parsers (not a maker's list, unverified for your version), 0-based:
0 machine, 2 host, 3 IP, 5 logon user, 6 display name, 7 time, 8 kind, 11 URL or drive, 12 title,
17 operation, 19 source path, 21/24/38 device, 25 copy target, 32 printer, 33 pages, 34/35 mail,
41 web file, 60 printed file, 68 process, 69 MD5, 70/71 destination, 73/74 bytes, 81 domain, 82 size, 90 app.
Where the file has a header with the names below, they are read by name.
"""

import csv
from collections.abc import Sequence
from functools import lru_cache

from hinomi.collectors.decoding import decode
from hinomi.collectors.formats import formats
from hinomi.collectors.times import to_iso
from hinomi.event import Event, RawRecord

COLUMNS = {
    "machine": (0, "コンピューター名"), "number": (1, "管理番号"), "host": (2, "ホスト名"), "ip": (3, "IPアドレス"),
    "user": (5, "ログオンユーザー名"), "display": (6, "表示名"), "time": (7, "日時"), "kind": (8, "ログ種別"),
    "place": (11, "URL・共有・ドライブ"), "title": (12, "タイトル"), "operation": (17, "操作"), "path": (19, "ファイルパス"),
    "device": (21, "デバイス名"), "device_id": (24, "デバイスID"), "target": (25, "コピー先"), "printer": (32, "プリンター名"),
    "pages": (33, "印刷ページ数"), "mail_to": (34, "メール宛先"), "mail_from": (35, "メール送信元"),
    "device_type": (38, "デバイス種別"), "web_file": (41, "Webファイル"), "printed": (60, "印刷ファイルパス"),
    "process": (68, "プロセスパス"), "md5": (69, "MD5"), "dst_ip": (70, "宛先IPアドレス"), "dst_port": (71, "宛先ポート"),
    "bytes_out": (73, "送信バイト数"), "bytes_in": (74, "受信バイト数"), "domain": (81, "ドメイン"), "size": (82, "ファイルサイズ"),
    "app": (90, "アップロードアプリ"),
}  # fmt: skip
LEAST = 20

#: What is written in 操作 when it was stopped.
BLOCKED = ("禁止", "ブロック", "拒否", "遮断")
REMOVABLE = ("USB", "リムーバブル", "外部", "ポータブル", "SDカード", "MTP")
#: 操作 (its beginning) → event.action, event.type.
OPERATIONS = (
    ("ファイルコピー", "file-copied", "creation"), ("ファイル移動", "file-moved", "change"), ("名前変更", "file-renamed", "change"),
    ("ファイル名変更", "file-renamed", "change"), ("リネーム", "file-renamed", "change"), ("ファイル削除", "file-deleted", "deletion"),
    ("ファイル作成", "file-created", "creation"), ("ファイル書き込み", "file-written", "change"), ("上書き", "file-written", "change"),
    ("ファイル参照", "file-opened", "access"), ("ファイルを開く", "file-opened", "access"),
)  # fmt: skip


@lru_cache(maxsize=256)
def _positions(header: str | None) -> dict[str, int]:
    """Return name → position, by the header where it has our names, else by the published order."""
    positions = {name: place for name, (place, _) in COLUMNS.items()}
    if not header:
        return positions
    titles = next(csv.reader([header]), [])
    named = {name: titles.index(title) for name, (_, title) in COLUMNS.items() if title in titles}
    return named if "time" in named and "kind" in named else positions


@formats.register("skysea.operation")
def parse(record: RawRecord) -> Sequence[Event]:
    """Read one row; a row without a time in its place is left to the next format."""
    text = decode(record.raw, record.encoding).text
    try:
        row = next(csv.reader([text], strict=False), [])
    except csv.Error:
        return ()
    positions = _positions(record.context)
    cells = {name: row[place].strip() for name, place in positions.items() if place < len(row)}
    moment = to_iso(cells.get("time", ""), record.zone)
    if moment is None or len(row) < min(LEAST, len(positions)) or not cells.get("kind"):
        return ()
    event: Event = {
        "@timestamp": moment, "event.kind": "event", "event.module": "skysea", "event.dataset": "skysea.operation",
        "event.provider": cells["kind"], "host.name": cells.get("host") or cells.get("machine", ""),
        "host.ip": [cells["ip"]] if cells.get("ip") else "", "user.name": cells.get("user", ""), "user.full_name": cells.get("display", "").strip("（）"),
        "process.executable": cells.get("process", ""), "process.name": _base(cells.get("process", "")),
    }  # fmt: skip
    _by_kind(event, cells)
    return ({name: value for name, value in event.items() if value != ""},)


def _base(path: str) -> str:
    return path.replace("/", "\\").rpartition("\\")[2]


def _by_kind(event: Event, cells: dict[str, str]) -> None:
    kind, operation = cells["kind"], cells.get("operation", "")
    event["event.outcome"] = "failure" if any(word in operation or word in kind for word in BLOCKED) else "success"
    if kind.startswith(("ファイル", "フォルダ")):
        _file(event, cells, operation)
    elif kind.startswith("Web"):
        _web(event, cells, kind, operation)
    elif kind.startswith("メール"):
        _mail(event, cells)
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
        if operation.startswith(word):
            event["event.action"], event["event.type"] = action, [kind]
            break
    _path(event, cells.get("path", ""))
    if target := cells.get("target"):
        event["file.target_path"] = target
    if cells.get("size", "").isdigit():
        event["file.size"] = int(cells["size"])
    if md5 := cells.get("md5"):
        event["file.hash.md5"] = md5.lower()
    _device(event, cells)
    if target and _removable(cells):
        _egress(event, "usb", cells.get("device_id") or cells.get("device") or target[:2], cells.get("size", ""))


def _removable(cells: dict[str, str]) -> bool:
    return any(word in cells.get("device_type", "") + cells.get("device", "") for word in REMOVABLE)


def _device(event: Event, cells: dict[str, str]) -> None:
    if device_id := cells.get("device_id"):
        event["device.serial_number"] = device_id
    if name := cells.get("device"):
        event["device.model.name"] = name


def _web(event: Event, cells: dict[str, str], kind: str, operation: str) -> None:
    event |= {"event.category": ["web"], "event.type": ["access"], "event.action": operation or kind}
    event["url.original"], event["url.domain"] = cells.get("place", ""), cells.get("domain", "")
    _network(event, cells)
    upload = any(word in kind + operation for word in ("アップロード", "書き込み"))
    if upload:
        event["event.action"] = "web-upload"
        _path(event, cells.get("web_file") or cells.get("path", ""))
        _egress(
            event, "web", cells.get("domain") or cells.get("place", ""), cells.get("size") or cells.get("bytes_out", "")
        )


def _mail(event: Event, cells: dict[str, str]) -> None:
    event |= {"event.category": ["email"], "event.type": ["info"], "event.action": "mail-sent"}
    event["email.to.address"] = [a.strip() for a in cells.get("mail_to", "").split(";") if a.strip()]
    event["email.from.address"] = [cells["mail_from"]] if cells.get("mail_from") else []
    event["email.subject"] = cells.get("title", "")
    if cells.get("path"):
        _path(event, cells["path"])
        _egress(event, "mail", cells.get("mail_to", ""), cells.get("size", ""))


def _print(event: Event, cells: dict[str, str]) -> None:
    event |= {"event.category": ["file"], "event.type": ["access"], "event.action": "printed"}
    _path(event, cells.get("printed") or cells.get("title", ""))
    _egress(event, "print", cells.get("printer", ""), cells.get("size", ""))


def _network(event: Event, cells: dict[str, str]) -> None:
    event["destination.ip"] = cells.get("dst_ip", "")
    for cell, name in (
        ("dst_port", "destination.port"),
        ("bytes_out", "source.bytes"),
        ("bytes_in", "destination.bytes"),
    ):
        if cells.get(cell, "").isdigit():
            event[name] = int(cells[cell])


def _path(event: Event, path: str) -> None:
    if path:
        event["file.path"], event["file.name"] = path, _base(path)
        event["file.directory"] = path[: -len(event["file.name"])].rstrip("\\/")


def _egress(event: Event, channel: str, destination: str, size: str) -> None:
    event["hinomi.egress.channel"] = channel
    event["hinomi.egress.verdict"] = "blocked" if event["event.outcome"] == "failure" else "allowed"
    event["hinomi.egress.destination"] = destination
    if size.isdigit():
        event["hinomi.egress.bytes"] = int(size)
