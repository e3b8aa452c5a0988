"""A school day of normal work, from a seed: SKYSEA operation-log rows, Windows events, a web filter's lines, truly timed.

SKYSEA: CSV in CP932, 91 columns, local time; positions as in the format's page (0-based: 0 machine, 2 host, 5 user,
7 time, 8 kind, 17 operation, 19 path, 25 copy target …). Windows: flat JSON as log agents send it (Sysmon, Security).
"""

import csv
import hashlib
import io
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hinomi.cli.acting.pages import JST
from hinomi.cli.demo import webfilter
from hinomi.cli.demo.world import Device, Person, World

COLUMNS = 91
#: Column → its title in the header of our sample; the others are 項目N.
TITLES = {
    0: "コンピューター名", 1: "管理番号", 2: "ホスト名", 3: "IPアドレス", 5: "ログオンユーザー名", 6: "表示名", 7: "日時", 8: "ログ種別",
    11: "URL・共有・ドライブ", 12: "タイトル", 17: "操作", 19: "ファイルパス", 21: "デバイス名", 24: "デバイスID", 25: "コピー先",
    32: "プリンター名", 33: "印刷ページ数", 34: "メール宛先", 35: "メール送信元", 38: "デバイス種別", 41: "Webファイル", 60: "印刷ファイルパス",
    68: "プロセスパス", 69: "MD5", 70: "宛先IPアドレス", 71: "宛先ポート", 73: "送信バイト数", 74: "受信バイト数", 81: "ドメイン",
    82: "ファイルサイズ", 90: "アップロードアプリ",
}  # fmt: skip
SYSMON = "Microsoft-Windows-Sysmon/Operational"
DAY = timedelta(hours=9)
PERSONAL_AN_HOUR = 3
"""Files with personal data one person prints or sends within an hour of a normal day; P5 begins at twenty."""

OFFICE = "C:\\Program Files\\Microsoft Office\\root\\Office16\\"
PROGRAMS = (
    (f"{OFFICE}WINWORD.EXE", "Microsoft Word", "学級だより.docx"),
    (f"{OFFICE}EXCEL.EXE", "Microsoft Excel", "時間割.xlsx"),
    (f"{OFFICE}POWERPNT.EXE", "Microsoft PowerPoint", "理科_天気.pptx"),
    ("C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe", "Microsoft Edge", ""),
    ("C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe", "Google Chrome", ""),
    ("C:\\Program Files\\SchoolOffice\\SchoolOffice.exe", "School-affairs system", ""),
    ("C:\\Windows\\System32\\notepad.exe", "Notepad", "メモ.txt"),
    ("C:\\Windows\\System32\\svchost.exe", "Host Process for Windows Services", ""),
    ("C:\\Windows\\System32\\backgroundTaskHost.exe", "Background Task Host", ""),
    ("C:\\Windows\\explorer.exe", "Windows Explorer", ""),
)
SITES = (
    "www.mext.go.jp",
    "school-affairs.aoba.example",
    "portal.aoba.example",
    "kyozai.example",
    "weather.example",
    "news.example",
)
FILES = (
    ("C:\\校務\\配布\\学級だより_11月.docx", "IV"),
    ("C:\\校務\\配布\\保護者会のお知らせ.docx", "IV"),
    ("C:\\教材\\理科_天気.pptx", ""),
    ("C:\\教材\\算数プリント_表とグラフ.xlsx", ""),
    ("C:\\教材\\国語_ごんぎつね.docx", ""),
    ("C:\\校務\\名簿\\3年2組_名簿.xlsx", "III"),
    ("C:\\校務\\成績\\2学期_評定一覧.xlsx", "II"),
    ("\\\\aoba-h-fs01\\校務\\時間割\\時間割.xlsx", ""),
)


@dataclass(frozen=True)
class Item:
    """One record and the door it goes through: ``oplog`` (a CSV row), ``winlog`` (a JSON line), ``swg`` (a web filter's line)."""

    at: datetime
    door: str
    line: str


def header() -> str:
    """Return the CSV's first row."""
    return _csv([TITLES.get(n, f"項目{n}") for n in range(COLUMNS)])


def _csv(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()


def row(device: Device, person: Person | None, at: datetime, kind: str, **cells: str) -> str:
    """Return one SKYSEA row; ``cells`` are c<position>."""
    values = [""] * COLUMNS
    user = person.account.rpartition("\\")[2] if person else "SYSTEM"
    base = {0: device.name, 1: device.asset_no, 2: device.name.lower(), 3: device.ip, 4: "1", 5: user, 8: kind}
    base |= {6: f"（{person.name}）" if person else "", 7: at.astimezone(JST).strftime("%Y/%m/%d %H:%M:%S")}
    for place, value in {**base, **{int(name[1:]): value for name, value in cells.items()}}.items():
        values[place] = value
    return _csv(values)


def windows(device: Device, at: datetime, channel: str, event_id: int, **data: Any) -> str:
    """Return one Windows event as a flat JSON line."""
    provider = "Microsoft-Windows-Sysmon" if channel == SYSMON else "Microsoft-Windows-Security-Auditing"
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
    system = {
        "EventID": event_id,
        "Channel": channel,
        "Computer": f"{device.name}.aoba.local",
        "Provider_Name": provider,
        "@timestamp": stamp,
    }
    if channel == SYSMON:
        system["UtcTime"] = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return json.dumps(system | data, ensure_ascii=False, separators=(",", ":"))


def hashes(path: str) -> str:
    """Return Sysmon's Hashes of a program: the same file, the same hashes."""
    data = path.lower().encode()
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest().upper()
    return f"SHA1={sha1},MD5={hashlib.md5(data, usedforsecurity=False).hexdigest().upper()},SHA256={hashlib.sha256(data).hexdigest().upper()}"


def process(device: Device, person: Person, at: datetime, image: str, command: str, parent: str, **more: Any) -> str:
    """Return a Sysmon process creation."""
    guid = hashlib.md5(f"{device.id}{at.timestamp()}{image}".encode(), usedforsecurity=False).hexdigest()
    more.setdefault("OriginalFileName", image.rpartition("\\")[2])
    more.setdefault("ParentCommandLine", f'"{parent}"')
    more.setdefault("ProcessId", int(guid[:4], 16) | 4)
    return windows(
        device, at, SYSMON, 1, RuleName="-", ProcessGuid=f"{{{guid[:8]}-{guid[8:12]}-{guid[12:16]}-0000-001000000000}}", Image=image,
        CommandLine=command, CurrentDirectory=f"C:\\Users\\{person.account.rpartition(chr(92))[2]}\\", User=person.account or "AOBA\\user",
        IntegrityLevel="Medium", Hashes=hashes(image), ParentProcessGuid=f"{{{guid[8:16]}-0000-0000-0000-001000000000}}", ParentProcessId=4012,
        ParentImage=parent, **more,
    )  # fmt: skip


class SchoolDay:
    """Normal work of everybody who has a PC, about half of it through each door."""

    def __init__(self, world: World, seed: int, ends: datetime):
        self._chance = random.Random(f"day {seed}")  # noqa: S311 - a sample, no secret
        owners = {person.id: person for person in world.people}
        self._desks = [(device, owners[device.owner]) for device in world.devices if device.owner]
        self._ends = ends
        self._personal: dict[tuple[str, int], int] = {}

    def history(self, count: int) -> Iterator[Item]:
        """Yield ``count`` events of the nine hours before now, in order."""
        seconds = DAY.total_seconds()
        offsets = sorted(self._chance.triangular(0, seconds, seconds * 0.55) for _ in range(count))
        for number, offset in enumerate(offsets):
            at = self._ends - DAY + timedelta(seconds=offset)
            yield self.one(at, "oplog" if number % 2 else "winlog")

    def one(self, at: datetime, door: str) -> Item:
        """Return one event of somebody's work."""
        device, person = self._chance.choice(self._desks)
        make = {"oplog": self._operation, "winlog": self._windows, "swg": self._browsing}[door]
        return Item(at, door, make(device, person, at))

    def _browsing(self, device: Device, person: Person, at: datetime) -> str:
        return webfilter.browsing(device, person, at, self._chance)

    # --- operation log ----------------------------------------------------------------------------

    def _operation(self, device: Device, person: Person, at: datetime) -> str:
        kinds = (self._file, self._application, self._web, self._print, self._mail, self._usb, self._power)
        return self._chance.choices(kinds, (40, 25, 20, 4, 4, 2, 5))[0](device, person, at)

    def _pick(self, person: Person, at: datetime, *, leaves: bool) -> str:
        """Return a file; those with personal data leave rarely on a normal day."""
        path, file_class = self._chance.choice(FILES)
        if leaves and file_class in ("II", "III"):
            key = person.id, int(at.timestamp() // 3600)
            self._personal[key] = self._personal.get(key, 0) + 1
            if self._personal[key] > PERSONAL_AN_HOUR:
                path = FILES[0][0]
        return path

    def _file(self, device: Device, person: Person, at: datetime) -> str:
        operation = self._chance.choice(
            ("ファイル参照", "ファイル作成", "ファイルコピー", "ファイル名変更", "上書き保存")
        )
        path = self._pick(person, at, leaves=False)
        target = f"C:\\Users\\Public\\Documents\\{path.rpartition(chr(92))[2]}" if operation == "ファイルコピー" else ""
        program = self._chance.choice(PROGRAMS[:3])[0]
        return row(
            device,
            person,
            at,
            "ファイル操作",
            c17=operation,
            c19=path,
            c25=target,
            c68=program,
            c82=str(self._chance.randint(9000, 900_000)),
        )

    def _application(self, device: Device, person: Person, at: datetime) -> str:
        path, title, document = self._chance.choice(PROGRAMS[:7])
        return row(device, person, at, "アプリケーション", c11=title, c12=document or title, c17="アクティブ", c68=path)

    def _web(self, device: Device, person: Person, at: datetime) -> str:
        site = self._chance.choice(SITES)
        url = f"https://{site}/p/{self._chance.randint(1, 999)}"
        return row(
            device,
            person,
            at,
            "Webアクセス",
            c11=url,
            c12=f"{site} のページ",
            c68=PROGRAMS[3][0],
            c70="203.0.113.10",
            c71="443",
            c81=site,
        )

    def _print(self, device: Device, person: Person, at: datetime) -> str:
        path = self._pick(person, at, leaves=True)
        return row(
            device,
            person,
            at,
            "プリント",
            c12=path.rpartition("\\")[2],
            c32="職員室複合機1",
            c33=str(self._chance.randint(1, 40)),
            c60=path,
        )

    def _mail(self, device: Device, person: Person, at: datetime) -> str:
        path = self._pick(person, at, leaves=True) if self._chance.random() < 0.3 else ""
        return row(
            device,
            person,
            at,
            "メール",
            c12="明日の学年会について",
            c17="メール送信",
            c19=path,
            c34="h-chief01@higashi-es.aoba.example",
            c35=person.mail,
        )

    def _usb(self, device: Device, person: Person, at: datetime) -> str:
        manager = person.role in ("principal", "vice_principal", "chief_teacher")
        if not manager:
            return row(
                device,
                person,
                at,
                "ドライブ",
                c11="E:",
                c17="ドライブ接続（読み取り専用）",
                c21="USB Flash Disk",
                c38="USB",
            )
        path = self._chance.choice(FILES[:5])[0]
        return row(device, person, at, "ファイル操作", c17="ファイルコピー", c19=path, c21="USB Flash Disk", c24="0951:1666:AOBA01",
                   c25=f"E:\\{path.rpartition(chr(92))[2]}", c38="USBリムーバブル", c82="48211")  # fmt: skip

    def _power(self, device: Device, person: Person, at: datetime) -> str:
        return row(
            device, person, at, "起動・終了", c17=self._chance.choice(("ログオン", "画面ロック", "画面ロック解除"))
        )

    # --- Windows ----------------------------------------------------------------------------------

    def _windows(self, device: Device, person: Person, at: datetime) -> str:
        kinds = (self._process, self._connection, self._name, self._created, self._logon, self._logoff)
        return self._chance.choices(kinds, (40, 20, 20, 10, 6, 4))[0](device, person, at)

    def _process(self, device: Device, person: Person, at: datetime) -> str:
        image, title, document = self._chance.choice(PROGRAMS)
        name = image.rpartition("\\")[2]
        system = name in ("svchost.exe", "backgroundTaskHost.exe")
        parent = "C:\\Windows\\System32\\services.exe" if system else "C:\\Windows\\explorer.exe"
        command = f'"{image}" "C:\\教材\\{document}"' if document else f'"{image}"'
        return process(device, person, at, image, command, parent, Description=title, Company="Microsoft Corporation")

    def _connection(self, device: Device, person: Person, at: datetime) -> str:
        return windows(device, at, SYSMON, 3, Image=PROGRAMS[3][0], User=person.account, Protocol="tcp", Initiated="true", SourceIp=device.ip,
                       SourcePort=self._chance.randint(49152, 65000), DestinationIp="203.0.113.10", DestinationPort=443,
                       DestinationHostname=self._chance.choice(SITES))  # fmt: skip

    def _name(self, device: Device, person: Person, at: datetime) -> str:
        return windows(device, at, SYSMON, 22, Image=PROGRAMS[3][0], User=person.account, QueryName=self._chance.choice(SITES), QueryStatus="0",
                       QueryResults="::ffff:203.0.113.10;")  # fmt: skip

    def _created(self, device: Device, person: Person, at: datetime) -> str:
        path = self._chance.choice(FILES)[0]
        return windows(
            device, at, SYSMON, 11, Image=self._chance.choice(PROGRAMS[:3])[0], User=person.account, TargetFilename=path
        )

    def _logon(self, device: Device, person: Person, at: datetime) -> str:
        user = person.account.rpartition("\\")[2]
        return windows(device, at, "Security", 4624, TargetUserName=user, TargetDomainName="AOBA", LogonType=2, IpAddress=device.ip,
                       WorkstationName=device.name, Keywords="0x8020000000000000")  # fmt: skip

    def _logoff(self, device: Device, person: Person, at: datetime) -> str:
        user = person.account.rpartition("\\")[2]
        return windows(
            device,
            at,
            "Security",
            4634,
            TargetUserName=user,
            TargetDomainName="AOBA",
            LogonType=2,
            Keywords="0x8020000000000000",
        )
