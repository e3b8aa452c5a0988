"""An event for a rule: it satisfies a random branch of it, field by field."""

import re
from collections.abc import Sequence
from ipaddress import ip_address
from random import Random
from typing import Any

from bench.oracle.evaluator import ONE, STAR, Atom, Rule, Tree, text
from hinomi.detections.fieldmap.readers import HASHES
from hinomi.event import Event

BASE: Event = {"event.id": "e", "@timestamp": "2026-11-24T00:00:00.000000Z"}
FILL = ("", "a", "x ", " -", "\\", "C:\\", "é", "*", "?", "%", "_", "\n", "[", "'", '"', "ſ", "監", "/", "0")
DATES = ("2026-11-24T23:59:59.999999Z", "2026-11-24T15:00:00Z", "2021-01-03T00:30:00.000000Z", "2024-12-30T22:22:22Z", "2026-04-01T08:00:00+09:00", "2025-12-31T23:00:00", "2026-01-01")  # fmt: skip


def satisfying(rule: Rule, random: Random) -> tuple[Event, list[Atom]]:
    """Return an event that should satisfy one branch, and the atoms of that branch."""
    event = dict(BASE)
    for name, asked in random.choice(list(rule.routes or [()])):
        event[name] = [asked] if name in ("event.category", "event.type") else asked
        if not asked:
            del event[name]
    wanted: dict[str, list[Atom]] = {}
    chosen: list[Atom] = []
    _choose(rule.tree, True, random, wanted, chosen)
    for name, atoms in wanted.items():
        if (value := _value(atoms, event, random)) is not None:
            put(event, name, value)
    return event, chosen


def _choose(tree: Tree, want: bool, random: Random, wanted: dict[str, list[Atom]], chosen: list[Atom]) -> None:
    if isinstance(tree, Atom):
        chosen.append(tree)
        if want:
            _wish(tree, random, wanted)
    elif tree.kind == "not":
        _choose(tree.parts[0], not want, random, wanted, chosen)
    elif (tree.kind == "and") is want:
        for part in tree.parts:
            _choose(part, want, random, wanted, chosen)
    elif tree.parts:
        _choose(random.choice(tree.parts), want, random, wanted, chosen)


def _wish(atom: Atom, random: Random, wanted: dict[str, list[Atom]]) -> None:
    if atom.keyword:
        wanted.setdefault(random.choice(("message", "process.command_line", "tags")), []).append(atom)
    elif atom.kind != "null" and atom.fields:
        taken = [name for name in atom.fields if name in wanted]
        wanted.setdefault(random.choice(taken or atom.fields), []).append(atom)


def _value(atoms: Sequence[Atom], event: Event, random: Random) -> Any:
    """Return a value for all that is asked of one field: what it begins with, holds, and ends with."""
    for atom in atoms:
        if atom.kind not in ("contains", "prefix", "suffix", "glob", "re") or (
            atom.kind == "glob" and not (atom.operand[:1] == (STAR,) or atom.operand[-1:] == (STAR,))
        ):
            return example(atom, event, random)
    parts: dict[str, list[str]] = {"prefix": [], "contains": [], "suffix": []}
    for atom in dict.fromkeys(atoms):
        where = atom.kind if atom.kind in parts else "contains"
        if atom.kind == "glob":
            where = (
                "prefix" if atom.operand[0] is not STAR else "suffix" if atom.operand[-1] is not STAR else "contains"
            )
        parts[where].append(example(atom, event, random))
    longest = [max(parts[where], key=len, default="") for where in ("prefix", "suffix")]
    middle = random.choice(("", " ", "x")).join(random.sample(parts["contains"], len(parts["contains"])))
    return longest[0] + (middle if longest[0] + longest[1] else random.choice(FILL) + middle) + longest[1]


def example(atom: Atom, event: Event, random: Random) -> Any:
    """Return a value of which one atom is true."""
    if atom.kind == "glob":
        return "".join(
            random.choice(FILL) if t is STAR else random.choice("aZ0\\*é") if t is ONE else t for t in atom.operand
        )
    if atom.kind == "number":
        bound = atom.operand[1]
        shift = {"gt": 1, "lt": -1}.get(atom.operand[0], 0)
        return int(bound + shift) if bound.denominator == 1 else float(bound + shift)
    if atom.kind == "re":
        return _of_regex(atom.operand.pattern, random)
    if atom.kind == "cidr":
        low, high = int(atom.operand[0]), int(atom.operand[-1])
        return (
            str(ip_address(random.choice((low, high, random.randint(low, high))).__class__(random.randint(low, high))))
            if atom.operand.version == 4
            else str(atom.operand[0])
        )
    if atom.kind == "time":
        return random.choice(DATES)
    if atom.kind == "fieldref":
        other = random.choice(atom.operand[0]) if atom.operand[0] else None
        if other is None:
            return "x"
        value = event.setdefault(other, "same\\Va?ue") if not other.startswith("sigma.") else "x"
        return (
            value
            if not atom.operand[1]
            else f"{random.choice(FILL)}{text(value)}"
            if atom.operand[1] == "endswith"
            else f"{text(value)}{random.choice(FILL)}"
        )
    if atom.kind == "present":
        return random.choice(("x", "", 0, False))
    return atom.operand


def _of_regex(pattern: Any, random: Random) -> str:
    """Return a text that a pattern may match: its choices and classes taken at random; mutation does the rest."""
    found = pattern.decode() if isinstance(pattern, bytes) else str(pattern)
    found = re.sub(r"^\(\?[ims]*\)", "", found)
    for _ in range(12):
        found, count = re.subn(
            r"\((?:\?:)?((?:[^()\\]|\\.)*)\)(\?|\*|\+)?",
            lambda m: random.choice(m[1].split("|")),
            found,
            flags=re.DOTALL,
        )
        if not count:
            break
    found = random.choice(re.split(r"(?<!\\)\|", found))
    found = re.sub(r"\[\^[^\]]*\]", lambda m: random.choice("~ q9"), found)
    found = re.sub(
        r"\[((?:\\.|[^\]])+)\]",
        lambda m: random.choice([c for c in m[1].replace("\\", "") if c != "-"] or ["-"]),
        found,
    )
    found = re.sub(r"((?:\\.|[^\\]))\{(\d+)(?:,\d*)?\}", lambda m: m[1] * min(int(m[2]), 300), found, flags=re.DOTALL)
    found = re.sub(
        r"((?:\\.|[^\\]))([*+?]\??)",
        lambda m: m[1] * random.choice((1, 1, 2) if m[2][0] == "+" else (0, 1)),
        found,
        flags=re.DOTALL,
    )
    classes = {
        "d": "7",
        "w": "w",
        "s": " ",
        "S": "S",
        "D": "D",
        "W": "-",
        "b": "",
        "A": "",
        "Z": "",
        "z": "",
        "n": "\n",
        "t": "\t",
        "r": "\r",
    }
    found = re.sub(r"\\(.)", lambda m: "\ue000" + classes.get(m[1], m[1]), found, flags=re.DOTALL)
    return re.sub(r"(?<!\ue000)[$^]|\ue000", "", re.sub(r"(?<!\ue000)\.", "x", found))


def put(event: Event, name: str, value: Any) -> None:
    """Write a value where a name is read: what is computed of an event has fields of its own."""
    if name == "sigma.hashes":
        for part in text(value).split(","):
            kind, sign, digest = part.partition("=")
            event[HASHES.get(kind.upper().lstrip("*"), HASHES["SHA256"])[0]] = digest if sign else part
    elif name.startswith("sigma."):
        short = name.rpartition(".")[2]
        event[f"winlog.event_data.{short}"] = event[f"auditd.log.{short}"] = value
    else:
        event[name] = value
