"""Who exported which file: rows of the egress table, lineage by name, and the coverage of the answer."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hinomi.directory import Directory, account_name
from hinomi.event import Event
from hinomi.events import EventStore, Query, Term
from hinomi.events.coverage import Coverage, coverage
from hinomi.tenancy import Grant
from hinomi.text import jst

COLUMNS = (
    "when", "user", "name", "role", "school", "file", "path", "class", "bytes", "sha256", "channel", "destination", "device", "host",
    "verdict", "former_names", "source", "event_id",
)  # fmt: skip
RENAMES = ("file-renamed", "file-copied", "file-moved")
_RISKY = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Answer:
    """Rows, oldest first, and the coverage."""

    rows: list[dict[str, Any]]
    coverage: Coverage

    def recorded(self, number: int) -> "Answer":
        """Return it with the number of the audit record of the question."""
        return replace(self, coverage=replace(self.coverage, record=number))


def who_exported(
    store: EventStore,
    directory: Directory,
    *,
    grant: Grant,
    since: str,
    until: str,
    silence_after: Mapping[str, float],
    names: Mapping[str, str] | None = None,
    file: str | None = None,
    user: str | None = None,
    channel: str | None = None,
    file_class: str | None = None,
) -> Answer:
    """Answer which files left the endpoints, by whom, how and where to."""
    terms = [Term("hinomi.egress.channel", "=", channel)] if channel else []
    terms += [Term("hinomi.file.class", "=", file_class)] if file_class else []
    former = _lineage(store, grant, since, until, file) if file else {}
    called, notes = _names(directory, grant, user) if user else (frozenset[str](), [])
    query = Query(grant, since, until, tuple(terms), table="egress", oldest_first=True)
    rows = []
    for batch in store.scan(query):
        for event in batch:
            if _is_file(event, file, former) and (not user or _is_user(event, called)):
                rows.append(_row(event, directory, former))
    given = {"file": file, "user": user, "channel": channel, "file_class": file_class}
    asked = {name: value for name, value in given.items() if value}
    looked = coverage(
        store,
        directory,
        Query(grant, since, until),
        silence_after,
        asked=asked,
        found=len(rows),
        notes=notes,
        names=names,
    )
    return Answer(rows, looked)


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


def _names(directory: Directory, grant: Grant, user: str) -> tuple[frozenset[str], list[str]]:
    """Return all that a log may call a person by whom a person id, account, address or name stands for; and remarks."""
    named = [one for one in directory.people if "".join(one.name.split()) == "".join(user.split())]
    person = directory.person(user, grant.tenant) or (named[0] if len(named) == 1 else None)
    if person is None:
        why = f"同じ氏名の方が{len(named)}人います。利用者IDで照会してください。" if named else "名簿にありません。"
        return frozenset({user.casefold()}), [f"利用者「{user}」は{why}記録に書かれた利用者名とだけ照合しました。"]
    accounts = {name for account in person.accounts for name in (account, account_name(account))}
    return frozenset(name.casefold() for name in {person.id, person.mail, user, *accounts} if name), []


def _is_user(event: Event, names: frozenset[str]) -> bool:
    called = (event.get("hinomi.user.id"), event.get("user.name"), event.get("user.email"))
    return any(str(name).casefold() in names for name in called if name)


def _row(event: Event, directory: Directory, former: Mapping[tuple[str, str], list[str]]) -> dict[str, Any]:
    tenant = str(event.get("hinomi.tenant", ""))
    user = event.get("hinomi.user.id") or event.get("user.name")
    person = directory.person(str(user), tenant) if user else None
    return {
        "when": jst(event["@timestamp"]), "time": event["@timestamp"], "user": user,
        "name": person.name if person else event.get("user.full_name"), "role": event.get("hinomi.user.role"), "school": directory.tenant_name(tenant),
        "file": event.get("file.name"), "path": event.get("file.path"), "class": event.get("hinomi.file.class"),
        "bytes": event.get("hinomi.egress.bytes") or event.get("file.size"), "sha256": event.get("file.hash.sha256"),
        "channel": event.get("hinomi.egress.channel"), "destination": event.get("hinomi.egress.destination") or event.get("file.target_path"),
        "device": event.get("device.serial_number"), "host": event.get("hinomi.host.id"), "verdict": event.get("hinomi.egress.verdict"),
        "former_names": former.get(_key(event), []), "source": event.get("hinomi.source"), "event_id": event.get("event.id"),
    }  # fmt: skip


def _cell(value: Any) -> str:
    text = "" if value is None else " ← ".join(value) if isinstance(value, list) else str(value)
    return "'" + text if text.startswith(_RISKY) else text


def as_csv(answer: Answer) -> bytes:
    """Return the rows as CSV with a BOM; the coverage line is the last row's only cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([_cell(row.get(name)) for name in COLUMNS] for row in answer.rows)
    writer.writerow([answer.coverage.text()])
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "replace")


def as_jsonl(answer: Answer) -> bytes:
    """Return the rows as JSON lines; the coverage is the last line."""
    lines: Sequence[Any] = [*answer.rows, {"coverage": answer.coverage.as_dict()}]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode("utf-8", "replace")
