"""What was on a device: the files that its logs have seen there last, with their class, and the coverage of the answer.

Operation logs say which files were made, opened, changed, renamed and deleted on a device; what was seen and not seen to be
deleted may still be there. That is what has to be known when the device is lost; no log proves what a disk holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hinomi.directory import Device, Directory
from hinomi.directory.classes import CLASSES
from hinomi.event import Event
from hinomi.events import EventStore, Query, Term
from hinomi.events.coverage import Coverage, coverage
from hinomi.tenancy import Grant

GONE = ("file-deleted",)
MOVED = ("file-renamed", "file-moved")
COPIED = "file-copied"
REMOTE = ("\\\\", "//", "http:", "https:")
"""What such a path begins with lies elsewhere."""
OVERNIGHT = 24 * 3600.0
"""A PC is silent when it is switched off: shorter gaps say nothing."""


@dataclass(frozen=True)
class File:
    """One file as it was last seen. ``left``: it was seen leaving the device, and by which channel."""

    path: str
    name: str
    file_class: str | None
    last_seen: str
    action: str
    user: str = ""
    size: int | None = None
    left: str = ""


@dataclass(frozen=True)
class Contents:
    """Files, the highest class first, then the newest; and the coverage."""

    files: list[File]
    coverage: Coverage

    def by_class(self) -> dict[str, int]:
        """Return class (empty: none was given) → how many files."""
        counts: dict[str, int] = dict.fromkeys((*CLASSES, ""), 0)
        for file in self.files:
            counts[file.file_class or ""] += 1
        return counts

    @property
    def highest(self) -> str | None:
        """Return the highest class among them."""
        return next((name for name in CLASSES if self.by_class()[name]), None)


def on_device(
    store: EventStore, directory: Directory, device: Device, since: str, until: str, silence_after: Mapping[str, float]
) -> Contents:
    """Return what was seen on a device and may still be there."""
    grant = Grant("system", device.tenant, frozenset({"read"}))
    query = Query(grant, since, until, (Term("hinomi.host.id", "=", device.id),), oldest_first=True)
    found: dict[str, File] = {}
    for batch in store.scan(query):
        for event in batch:
            _see(found, event)
    files = sorted(found.values(), key=lambda file: file.last_seen, reverse=True)
    files.sort(key=lambda file: CLASSES.index(file.file_class) if file.file_class in CLASSES else len(CLASSES))
    patience = {name: max(seconds, OVERNIGHT) for name, seconds in silence_after.items()}
    looked = coverage(
        store, directory, query, patience, asked={"device": device.asset_no or device.id}, found=len(files),
        what="ファイル", devices=[device.id],
    )  # fmt: skip
    return Contents(files, looked)


def _see(found: dict[str, File], event: Event) -> None:
    """Take one event into account."""
    path = str(event.get("file.path") or "")
    if not path or path.startswith(REMOTE):
        return
    key, action = path.casefold(), str(event.get("event.action") or "")
    if action in GONE or "deletion" in _list(event.get("event.type")):
        found.pop(key, None)
        return
    seen = _file(found.get(key), event, path, action)
    target = str(event.get("file.target_path") or "")
    inside = bool(target) and not target.startswith(REMOTE) and "hinomi.egress.channel" not in event
    if action in MOVED and target:
        found.pop(key, None)
    else:
        found[key] = seen
    if inside and (action in MOVED or action == COPIED):
        found[target.casefold()] = replace(seen, path=target, name=_name(target))


def _file(known: File | None, event: Event, path: str, action: str) -> File:
    """Return a file as an event shows it; what the event does not say stays as it was."""
    size = event.get("file.size")
    channel = str(event.get("hinomi.egress.channel") or "")
    allowed = event.get("hinomi.egress.verdict") != "blocked"
    return File(
        path=path,
        name=str(event.get("file.name") or _name(path)),
        file_class=event.get("hinomi.file.class") or (known.file_class if known else None),
        last_seen=str(event["@timestamp"]),
        action=action,
        user=str(event.get("hinomi.user.id") or event.get("user.name") or (known.user if known else "")),
        size=size if isinstance(size, int) else known.size if known else None,
        left=channel if channel and allowed else known.left if known else "",
    )


def _name(path: str) -> str:
    return path.replace("/", "\\").rpartition("\\")[2]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
