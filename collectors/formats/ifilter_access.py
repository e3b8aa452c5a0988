"""i-FILTER Ver.10, D-SPA and i-FILTER@Cloud: the access log, and the block log of Ver.9 and 10.

Pages: pa-solution.net FAQ 4301, 5614 (access: spaces, 35 columns, which may be chosen), 2800 (block: 17 columns). A time
has three columns, a start and a request are written in brackets and quotes; ``-`` is empty, text is percent-encoded.
Where the columns were chosen, `header` of the source names them: maker's signs (``%ltl %>a %ul``), our names or
titles. Not published: what the columns behind the categories count, and those of the block log behind its reason.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from hinomi.clock import micros_of
from hinomi.collectors import web
from hinomi.collectors.decoding import decode
from hinomi.collectors.formats import formats
from hinomi.collectors.related import as_ip
from hinomi.collectors.times import day_of, to_iso, to_iso_clf, to_iso_near
from hinomi.event import Event, RawRecord

#: What stands before the request, from the left; behind it, from there on.
HEAD = (
    "time", "pid", "version", "upstream", "destination", "source", "client", "computer", "user", "start", "status", "sent", "received",
    "action", "reason", "category", "categories",
)  # fmt: skip
TAIL = ("referrer", "agent", "type", "signature")
WHOLE_NAMES = (*HEAD, "group", "request", *TAIL)
#: Of the default columns alone: where the group is.
WHOLE, GROUP = 30, 21
BLOCK = ("pid", "client", "user", "group", "", "day", "offset", "url", "action", "reason", "category")
BLOCK_WHOLE = 17
#: Our name → signs and titles by which it may be called.
CALLED: dict[str, tuple[str, ...]] = {
    "time": ("%ltl", "アクセスログ出力時刻", "アクセスログ出力日時", "出力日時"), "pid": ("%pid", "プロセス番号"), "version": ("%vr", "バージョン"),
    "upstream": ("%pp", "上位プロキシサーバーipアドレス"), "destination": ("%dadr", "接続先ipアドレス", "接続先ipアドレス・ポート番号"),
    "source": ("%sip", "接続元ipアドレス"), "client": ("%>a", "クライアントipアドレス", "client_ip"), "computer": ("%>A", "コンピューター名", "コンピュータ名", "host"),
    "user": ("%ul", "認証ユーザー名", "ユーザー名", "ユーザ名"), "start": ("%tl", "[%tl]", "%tr", "アクセス開始日時", "アクセス日時", "日時"),
    "status": ("%Hs", "%>Hs", "ステータスコード", "httpステータスコード", "レスポンスコード"), "sent": ("%>st", "送信サイズ", "送信バイト数", "bytes_out"),
    "received": ("%<st", "受信サイズ", "受信バイト数", "bytes_in"), "action": ("アクション", "フィルターアクション"), "reason": ("フィルター理由", "理由"),
    "category": ("カテゴリ", "カテゴリー"), "categories": ("全カテゴリ", "該当カテゴリ"), "group": ("グループ", "グループ名"), "method": ("%rm", "メソッド"),
    "url": ("%ru", "url", "接続先url"), "request": ('"%r"', "%r", "リクエスト"), "referrer": ("%{Referer}>h", "referer", "リファラー"),
    "agent": ("%{User-Agent}>h", "user-agent", "useragent", "ユーザーエージェント"), "type": ("%mt", "content-type", "コンテンツタイプ"),
}  # fmt: skip
_TIME = r"[A-Z][a-z]{2} {1,2}\d{1,2} \d{1,2}:\d\d:\d\d"
_BRACKETS, _QUOTED = r"\[[^\[\]]{0,64}\]", r'"(?:[^"]|"(?! |$))*"'
_CELL = re.compile(rf"{_TIME}(?= |$)|{_BRACKETS}(?= |$)|{_QUOTED}|\S+", re.ASCII)
_WORD = r'[^\s"\[]\S*'
#: All default columns at once; what it does not take, `_CELL` cuts.
_WHOLE = re.compile(
    rf"({_TIME}){f' ({_WORD})' * 8} ({_BRACKETS}){f' ({_WORD})' * 7}{f' {_WORD}' * 4} ({_WORD}){f' {_WORD}' * 3} ({_QUOTED})"
    rf"{f' ({_WORD})' * 4}", re.ASCII,
)  # fmt: skip
_REQUEST = re.compile(r'"?([A-Za-z_-]{2,32}) (.*?)(?: HTTP/(\d(?:\.\d)?))?"?', re.DOTALL)
BLOCKS = ("block", "deny", "denied", "reject", "規制", "ブロック", "禁止")


@formats.register("ifilter.access")
def parse(record: RawRecord) -> Sequence[Event]:
    """Read one request; any other line is left to the next format."""
    text = decode(record.raw, record.encoding).text.lstrip("\ufeff").strip()
    cells = _cells(text, record.context)
    if cells is None:
        return ()
    start = to_iso_clf(cells.get("start", "").strip("[]"), record.zone) or to_iso(cells.get("start", ""), record.zone)
    near = day_of(micros_of(f"{start[:10]}T00:00:00Z")) if start else day_of(record.received)
    end = to_iso_near(cells.get("time", ""), record.zone, near)
    moment = start or end or to_iso(cells.get("time", ""), record.zone)
    if moment is None:
        return ()
    return (_event(record, cells, moment, start, end),)


def _cells(text: str, header: str | None) -> Mapping[str, str] | None:
    """Return what the columns are called → their text, without brackets and quotes; None if this is no such line."""
    if not header and "\t" not in text and (whole := _WHOLE.fullmatch(text)):
        return {
            name: cell
            for name, found in zip(WHOLE_NAMES, whole.groups(), strict=True)
            if (cell := found.strip('"')) not in web.EMPTY
        }
    if header and "," in header:
        cells = next(csv.reader([text]), [])
    else:
        cells = text.split("\t") if "\t" in text else _CELL.findall(text)
    if header and (names := _named(header)):
        if abs(len(cells) - len(names)) > 1:
            return None
        return {name: web.value(cell.strip('"')) for name, cell in zip(names, cells, strict=False) if name}
    if len(cells) >= len(HEAD) + 1 and cells[9].startswith("["):
        request = next((n for n in range(len(HEAD), len(cells)) if cells[n].startswith('"')), None)
        if request is None or _CELL.match(cells[0]) is None:
            return None
        found = dict(zip(HEAD, cells, strict=False)) | dict(zip(TAIL, cells[request + 1 :], strict=False))
        found["request"] = cells[request]
        if len(cells) == WHOLE:
            found["group"] = cells[GROUP]
        return {name: text for name, cell in found.items() if (text := cell.strip('"')) not in web.EMPTY}
    if len(cells) == BLOCK_WHOLE and cells[0].isdigit() and to_iso_clf(f"{cells[5]} {cells[6]}"):
        found = dict(zip(BLOCK, cells, strict=False)) | {"start": f"{cells[5]} {cells[6]}", "threat": cells[-1]}
        return {name: web.value(cell) for name, cell in found.items()}
    return None


@lru_cache(maxsize=64)
def _named(header: str) -> tuple[str, ...]:
    """Return our name of each column that a header names ("" for one not known); empty if it names no time."""
    titles = [part for part in re.split(r"[\t,]+" if re.search(r"[\t,]", header) else r"\s+", header.strip()) if part]
    called = {
        title.casefold() if "%" not in title else title: name for name, titles in CALLED.items() for title in titles
    }
    called |= {name: name for name in CALLED}
    names = [called.get(title.strip('"') if "%" in title else title.strip('" ').casefold(), "") for title in titles]
    return tuple(names) if {"time", "start"} & set(names) else ()


def _event(record: RawRecord, cells: Mapping[str, str], moment: str, start: str | None, end: str | None) -> Event:
    event = web.request_event(record, "ifilter.access", "Digital Arts", "i-FILTER", moment)
    event |= {
        "event.start": start or "",
        "event.end": end or "",
        "observer.version": cells.get("version", "").strip("/"),
    }
    plain = {
        name: web.unquoted(cells.get(name, ""))
        for name in ("user", "group", "computer", "agent", "type", "category", "threat")
    }
    web.client(
        event, cells.get("client") or cells.get("source", ""), computer=plain["computer"].partition(":")[0], user=plain["user"]
    )  # fmt: skip
    method, url = cells.get("method", ""), cells.get("url", "")
    if (request := _REQUEST.fullmatch(cells.get("request", ""))) and not url:
        method, url = request[1], request[2]
        event["http.version"] = request[3] or ""
    web.url(event, url, method.upper())
    web.exchange(
        event, status=cells.get("status", ""), sent=cells.get("sent", ""), received=cells.get("received", ""), mime=plain["type"]
    )  # fmt: skip
    _destination(event, cells.get("destination", ""))
    action = cells.get("action", "")
    event |= {
        "event.action": action, "event.reason": cells.get("reason", ""), "rule.category": plain["category"], "user.group.name": plain["group"],
        "labels.filter_categories": cells.get("categories", ""), "http.request.referrer": cells.get("referrer", ""), "user_agent.original": plain["agent"],
    }  # fmt: skip
    if plain["threat"] and not plain["threat"].lstrip("-").isdigit():
        event["threat.software.name"] = plain["threat"]
        event["event.category"] = [*event["event.category"], "malware"]
    return web.finish(event, blocked=action.lower().startswith(BLOCKS))


def _destination(event: Event, text: str) -> None:
    """Write the server's address, which may have its port behind it."""
    host, _, port = text.rpartition(":") if text.count(":") == 1 else (text, "", "")
    if ip := as_ip(host.strip("[]")):
        event["destination.ip"] = ip
        if (found := web.number(port)) is not None and found <= 65_535:
            event["destination.port"] = found
