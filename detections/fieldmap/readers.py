"""Names that no event carries, and how to read them: a tree of fields, an element of a list, the hashes.

``evidence`` says for a text which part of it stands in the event itself wherever the text stands in what is read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hinomi.detections.fieldmap import Choice, Part
from hinomi.event import Event


@dataclass(frozen=True)
class Tree:
    """All values below a name; with `names`, the names of the leaves too (a list of name and value in the record)."""

    begin: str
    end: str = ""
    names: bool = False

    @property
    def choices(self) -> Sequence[Choice]:
        """The values, as a name with ``*``."""
        return [((), (f"{self.begin}*{self.end}",))]

    @property
    def evidence(self) -> Callable[[str], str] | None:
        """The whole text; none where it may be a name."""
        return None if self.names else str

    def __call__(self, event: Event) -> list[Any]:
        """Return the values of the leaves (and their names)."""
        found: list[Any] = []
        for name, value in event.items():
            if name.startswith(self.begin) and name.endswith(self.end):
                found += value if isinstance(value, list) else [value]
                if self.names:
                    found.append(name.removeprefix(self.begin))
        return found


@dataclass(frozen=True)
class Element:
    """One element of a list field, or a field of its own where a format keeps the elements apart."""

    alone: str
    of: str
    index: int
    where: tuple[str, str]

    evidence = staticmethod(str)

    @property
    def choices(self) -> Sequence[Choice]:
        """The whole list: a query cannot ask for a place in it."""
        return [((), (self.alone,)), ((self.where,), (self.of,))]

    def __call__(self, event: Event) -> list[Any]:
        """Return the element, if there is one."""
        if self.alone in event:
            return [event[self.alone]]
        name, value = self.where
        items = event.get(self.of)
        if str(event.get(name, "")).casefold() != value or not isinstance(items, list) or len(items) <= self.index:
            return []
        return [items[self.index]]


#: Who has hashes, and how each is called in Sigma and ECS.
OWNERS = ("process", "dll", "file")
KINDS = {"MD5": "hash.md5", "SHA1": "hash.sha1", "SHA256": "hash.sha256", "SHA512": "hash.sha512", "IMPHASH": "pe.imphash"}  # fmt: skip
LENGTHS = {"MD5": 32, "SHA1": 40, "SHA256": 64, "SHA512": 128, "IMPHASH": 32}
HASHES = {kind: tuple(f"{owner}.{name}" for owner in OWNERS) for kind, name in KINDS.items()}


class Hashes:
    """An event's hashes as Sysmon writes them: ``SHA256=…,IMPHASH=…``, and each of them alone."""

    choices: Sequence[Choice] = [((), tuple(n for names in HASHES.values() for n in names))]

    @staticmethod
    def evidence(text: str) -> str:
        """Return the longest digest in ``SHA256=…,IMPHASH=…``; a piece without a sign may be part of a kind's name."""
        return max((part.partition("=")[2] for part in text.split(",")), key=len)

    def __call__(self, event: Event) -> list[Any]:
        """Return all of them in one text, and one by one."""
        parts = [f"{kind}={event[name]}" for kind, names in HASHES.items() for name in names if name in event]
        return [",".join(parts), *parts] if parts else []


#: Whose hash `Hashes` is, by category; elsewhere anybody's.
OWNER = {
    "process_creation": ("process",), "process_termination": ("process",), "process_tampering": ("process",), "image_load": ("dll", "file"),
    "driver_load": ("dll", "file"), **dict.fromkeys(("file_event", "file_delete", "file_executable_detected", "file_block", "create_stream_hash"), ("file",)),
}  # fmt: skip


def split_hash(category: str | None, kind: str, operand: Any) -> list[Part] | None:
    """Return what ``IMPHASH=…`` asks of the field that holds that hash; None: a comparison that is not of one hash."""
    if kind not in ("eq", "contains", "prefix", "suffix") or not isinstance(operand, str):
        return None
    name, sign, digest = operand.strip(",").partition("=")
    if not sign:
        kinds = [kind for kind, size in LENGTHS.items() if size == len(operand)] if _is_hex(operand) else []
        return [(_owned(category, found), "eq", operand) for found in kinds] or None
    if name.upper() not in HASHES or not (_is_hex(digest) or not digest):
        return None
    fields = _owned(category, name.upper())
    if not digest:
        return [(fields, "present", None)]
    return [(fields, "eq" if len(digest) == LENGTHS[name.upper()] else "prefix", digest)]


def _owned(category: str | None, kind: str) -> tuple[str, ...]:
    return tuple(f"{owner}.{KINDS[kind]}" for owner in OWNER.get(category or "", OWNERS))


def _is_hex(text: str) -> bool:
    return bool(text) and all(sign in "0123456789abcdefABCDEF" for sign in text)


#: Sigma's own fields of single hashes → the same.
SINGLE: Mapping[str, tuple[str, ...]] = {
    **{name: HASHES[name.upper()] for name in ("md5", "sha1", "sha256", "sha512", "imphash")},
    **{name: HASHES[name.upper()] for name in ("MD5", "SHA1", "SHA256", "SHA512", "Imphash", "IMPHASH", "Md5", "Sha1", "Sha256")},
}  # fmt: skip
