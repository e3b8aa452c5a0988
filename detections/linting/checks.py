"""Our own checks of a rule's document: each a function of the document and what it compiled to, in `CHECKS`."""

import re as _own_patterns
from collections.abc import Callable, Iterator
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from hinomi.clock import JST
from hinomi.detections.engine import condition
from hinomi.detections.engine.compiling import Compiled
from hinomi.detections.engine.predicates import Unsupported
from hinomi.detections.filters import SOURCE_KEYS

KEYS = (
    "title", "id", "name", "related", "taxonomy", "status", "description", "license", "author", "references", "date", "modified", "logsource",
    "detection", "correlation", "filter", "fields", "falsepositives", "level", "tags", "scope", "hinomi", "regression_tests_path", "simulation",
)  # fmt: skip
OWN = (
    "category", "cause", "contain", "covers", "zone", "title_ja", "description_ja", "falsepositives_ja", "why", "why_ja", "response", "response_ja",
)  # fmt: skip
STATUS = ("stable", "test", "experimental", "deprecated", "unsupported")
PATHS = (
    "Image",
    "ParentImage",
    "OriginalFileName",
    "SourceImage",
    "TargetImage",
    "ImageLoaded",
    "ParentProcessName",
    "NewProcessName",
)
_REMEDY = _own_patterns.compile(
    r"(?:[;:] |^)((?:write|name|mend|leave|split|make|save|rename|belongs) .*)", _own_patterns.DOTALL
)


_TAG = _own_patterns.compile(r"[a-z0-9_-]+\.[a-z0-9._-]+")


class Said(NamedTuple):
    """What a check found: the keys that lead there, or a text that stands there."""

    keys: list[str]
    what: str
    remedy: str
    text: str = ""


Check = Callable[[dict[str, Any], Compiled | None], Iterator[Said]]


#: What stands in a fault's reason → what to do, where the reason itself does not say.
_FAULTS = (
    ("is there already", "give one of them another id"), ("is not loaded", "name its id or name; --rules says where it lies"),
    ("is no loaded detection rule", "name its id or name; --rules says where it lies"), ("is unknown; known:", "mend its spelling"),
    ("refused by RE2", "write it without them, or several values"), ("condition names", "mend the name, or add the search"),
    ("no search fits", "mend the pattern, or add the search"), ("no condition", "write condition: selection"),
)  # fmt: skip


def remedy(reason: str) -> str:
    """Return what to do about a fault, "" if nobody knows."""
    found = _REMEDY.search(reason)
    return found[1] if found else next((what for text, what in _FAULTS if text in reason), "")


def identity(document: dict[str, Any], _: Compiled | None) -> Iterator[Said]:
    """A rule has an id that is nobody else's, and says what it is."""
    given = document.get("id")
    if not given:
        yield Said(
            ["title"],
            "no id: hits, exceptions and counts are kept by title, and a new title starts anew",
            f"write id: {uuid4()}",
        )
    elif not _is_uuid(str(given)):
        yield Said(["id"], f"id {given!r} is no UUID", f"write id: {uuid4()}")
    for key, example in (
        ("description", "what it finds, and why that matters"),
        ("level", "medium"),
        ("status", "experimental"),
    ):
        if key not in document and "filter" not in document:
            yield Said(["title"], f"no {key}", f"write {key}: {example}")
    if "status" in document and document["status"] not in STATUS:
        yield Said(["status"], f"status {document['status']!r}", f"write one of {', '.join(STATUS)}")


def dates(document: dict[str, Any], _: Compiled | None) -> Iterator[Said]:
    """Dates are dates, and nothing is changed before it is made."""
    found = {}
    for key in ("date", "modified"):
        if key in document:
            try:
                found[key] = date.fromisoformat(str(document[key]).replace("/", "-"))
            except ValueError:
                yield Said([key], f"{key} {document[key]!r} is no date", "write 2026-11-25")
    if len(found) == 2 and found["modified"] < found["date"]:
        yield Said(["modified"], "modified lies before date", "mend one of them")


def tags(document: dict[str, Any], _: Compiled | None) -> Iterator[Said]:
    """A tag has a namespace."""
    for tag in document.get("tags") or ():
        if not _TAG.fullmatch(str(tag)):
            yield Said(["tags"], f"tag {tag!r} has no namespace, or odd letters", "write namespace.name in lower case, such as attack.t1059.001", str(tag))  # fmt: skip


def spelling(document: dict[str, Any], _: Compiled | None) -> Iterator[Said]:
    """A key that is nearly one of Sigma's is a slip."""
    source, own = document.get("logsource"), document.get("hinomi")
    known: list[tuple[list[str], Any, tuple[str, ...]]] = [([], document, KEYS)]
    if isinstance(source, dict):
        known.append((["logsource"], source, (*SOURCE_KEYS, "definition")))
    if isinstance(own, dict) and "filter" not in document:
        known.append((["hinomi"], own, OWN))
    for path, keys, names in known:
        for key in keys:
            near = get_close_matches(str(key), names, 1, 0.8)
            if key not in names and (near or path):
                yield Said(
                    [*path, str(key)], f"{key!r} is no key here", f"write {near[0] if near else ', '.join(names)}"
                )


def mapping(_: dict[str, Any], compiled: Compiled | None) -> Iterator[Said]:
    """Every field has a name in events, and there are events of its log source."""
    for name in compiled.unmapped if compiled else ():
        if name == "(log source)":
            yield Said(["logsource"], "no field map knows this log source: no event is ever of it", "hinomi rule list --unmapped; name product and service")  # fmt: skip
        else:
            yield Said([], f"no field map of its log source knows {name!r}: it is never there", "mend the name, or write the event's own (hinomi events show)", name)  # fmt: skip


def unused(document: dict[str, Any], compiled: Compiled | None) -> Iterator[Said]:
    """A search that no condition names does nothing."""
    section = document.get("detection")
    if compiled is None or not isinstance(section, dict):
        return
    searches = [str(key) for key in section if key != "condition"]
    texts = section.get("condition")
    try:
        used = {
            name
            for text in (texts if isinstance(texts, list) else [texts])
            for name in condition.names(condition.parse(text), searches)
        }
    except Unsupported:
        return
    for name in searches:
        if name not in used:
            yield Said(["detection", name], f"no condition names {name!r}", "name it in the condition, or leave it out")


def values(document: dict[str, Any], _: Compiled | None) -> Iterator[Said]:
    """A file's name at the end of a path begins after a backslash; an expression says more than a text."""
    for name, key, value in _items(document.get("detection"), "detection"):
        field, *modifiers = key.split("|")
        if not isinstance(value, str):
            continue
        program = field in PATHS and value.lower().endswith(".exe") and value[0] != "." and not set(value) & {"\\", "/"}
        if program and modifiers == ["endswith"]:
            yield Said([name, key], f"{value!r} also ends the path of 'x{value}'", f"write '\\{value}'", value)
        if "re" in modifiers and not set(value) & set(".^$*+?()[]{}|\\"):
            yield Said(
                [name, key], f"{value!r} is a text, and slower as an expression", f"write {field}|contains", value
            )
        if "re" in modifiers and value.startswith(".*") and len(value) > 2:
            yield Said(
                [name, key],
                "an expression that begins with .* says nothing by it",
                f"leave .* out: {value[2:][:60]!r}",
                value,
            )


def containment(document: dict[str, Any], _: Compiled | None) -> Iterator[Said]:
    """What isolates a PC by itself says of which kind it is, and is sure of it."""
    own = document.get("hinomi")
    if isinstance(own, dict) and own.get("contain") == "auto":
        if not own.get("category"):
            yield Said(
                ["hinomi", "contain"],
                "contain: auto without a category: playbooks are chosen by it",
                "write category: malware",
            )
        if document.get("level") not in ("high", "critical"):
            yield Said(
                ["level"],
                f"contain: auto at level {document.get('level', 'medium')}",
                "write level: critical, or contain: never",
            )


def exceptions(document: dict[str, Any], _: Compiled | None) -> Iterator[Said]:
    """An exception ends, and somebody answers for it."""
    if "filter" not in document:
        return
    own = document.get("hinomi")
    if not isinstance(own, dict):
        yield Said(
            ["filter"],
            "an exception without owner, reason and end",
            "write hinomi: {owner: …, reason: …, until: 2027-03-31}",
        )
        return
    try:
        until = date.fromisoformat(str(own.get("until")))
    except ValueError:
        return  # a fault already
    if until < datetime.now(JST).date():
        yield Said(["hinomi", "until"], f"the exception has ended on {until}", "give it another day, or delete it")


def grouping(document: dict[str, Any], _: Compiled | None) -> Iterator[Said]:
    """A correlation that groups by nothing counts all PCs together."""
    body = document.get("correlation")
    if isinstance(body, dict) and not body.get("group-by"):
        yield Said(
            ["correlation"],
            "no group-by: everything in a tenant is counted together",
            "write group-by: [Computer], or what belongs together",
        )


def _items(part: Any, name: str) -> Iterator[tuple[str, str, Any]]:
    """Yield (search, field with modifiers, value) of a detection."""
    if isinstance(part, list):
        for item in part:
            yield from _items(item, name)
    elif isinstance(part, dict):
        for key, value in part.items():
            if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value)):
                yield from _items(value, str(key))
            elif key != "condition":
                for item in value if isinstance(value, list) else [value]:
                    yield name, str(key), item


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


CHECKS: tuple[Check, ...] = (
    identity,
    dates,
    tags,
    spelling,
    mapping,
    unused,
    values,
    containment,
    exceptions,
    grouping,
)
