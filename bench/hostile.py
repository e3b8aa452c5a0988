"""Events made to take long: values as long as they may be, full of what rules look for, nested, foreign."""

from collections.abc import Iterator
from random import Random

from hinomi.collectors.values import LONGEST
from hinomi.event import Event

_PROCESS: Event = {
    "event.kind": "event", "event.module": "windows", "event.dataset": "windows.sysmon_operational", "event.code": "1",
    "winlog.channel": "Microsoft-Windows-Sysmon/Operational", "process.executable": "C:\\Windows\\System32\\cmd.exe",
    "process.parent.executable": "C:\\Windows\\explorer.exe",
}  # fmt: skip
_SCRIPT: Event = {
    "event.kind": "event", "event.module": "windows", "event.dataset": "windows.powershell_operational", "event.code": "4104",
    "winlog.channel": "Microsoft-Windows-PowerShell/Operational",
}  # fmt: skip
_WORDS = [
    "powershell",
    "-enc",
    "-nop",
    "-w",
    "hidden",
    "iex",
    "(new-object",
    "net.webclient).downloadstring",
    "http://",
    "cmd",
    "/c",
    "reg",
    "add",
    "HKLM\\Software",
    "rundll32",
    ".dll,Start",
    "certutil",
    "-urlcache",
    "-f",
    "bitsadmin",
    "/transfer",
    "whoami",
    "/all",
    "net",
    "user",
    "/add",
    "vssadmin",
    "delete",
    "shadows",
    "mimikatz",
    "sekurlsa::logonpasswords",
    "\\\\127.0.0.1\\C$",
    "\\AppData\\Local\\Temp\\",
    ".exe",
    ".ps1",
    ".vbs",
    "`n",
    "${x}",
    "-f",
    "'a'",
    "[char]0x41",
    "schtasks",
    "/create",
    "wmic",
    "process",
    "call",
    "create",
    "comsvcs.dll",
    "MiniDump",
    "lsass",
    "procdump",
    "-ma",
    "base64",
    "FromBase64String",
]


def hostile_events() -> Iterator[Event]:
    """Yield one event per trick, as process creation and as PowerShell script."""
    for value in _values():
        yield {**_PROCESS, "process.command_line": value, "process.parent.command_line": value}
        yield {**_SCRIPT, "powershell.file.script_block_text": value}


def _values() -> Iterator[object]:
    random = Random(7)
    yield "A" * LONGEST
    yield "a" * (LONGEST - 1) + "!"
    yield "\\" * LONGEST
    yield "`" * LONGEST
    yield "-" * LONGEST
    yield "é" * LONGEST
    yield "\u212a" * LONGEST
    yield "".join(chr(random.randrange(32, 0x3000)) for _ in range(LONGEST))
    yield " ".join(random.choice(_WORDS) for _ in range(LONGEST // 9))[:LONGEST]
    yield ("{0}{1}{2}' -f " * LONGEST)[:LONGEST]
    yield ("$env:x[1]+" * LONGEST)[:LONGEST]
    yield ("(" * 500 + ")" * 500) * (LONGEST // 1000)
    yield "[" * LONGEST
    yield ["powershell -enc AAAA"] * 2000
    yield {"a": ["x"] * 1000}
    yield _deep(50_000)


def _deep(depth: int) -> object:
    value: object = "powershell"
    for _ in range(depth):
        value = [value]
    return value
