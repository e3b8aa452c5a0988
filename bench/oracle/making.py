"""Events for a rule: one that satisfies a random branch of it, and others in which one value is a little different."""

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from random import Random
from typing import Any

from bench.oracle.evaluator import DASHES, ONE, STAR, Atom, Rule, Tree, text
from hinomi.detections.fieldmap.readers import HASHES
from hinomi.event import Event

BASE: Event = {"event.id": "e", "@timestamp": "2026-11-24T00:00:00.000000Z"}
FILL = ("", "a", "x ", " -", "\\", "C:\\", "é", "*", "?", "%", "_", "\n", "[", "'", '"', "ſ", "監", "/", "0")
LOOKALIKE = {
    "k": "\u212a",
    "s": "ſ",
    "i": "ıİ",
    "ss": "ßẞ",
    "å": "\u212b",
    "a": "ａА",
    "f": "ﬀ",
    "fi": "ﬁ",
    "-": "–—―/",
    "/": "-",
    "σ": "ς",
}
ODD: tuple[Any, ...] = (0, 1, -1, 1.0, 1.5, True, False, "", " ", "null", "None", "true", "True", "False", "-", "\\", "*", "?", 2**53 + 1, 2**63 - 1, "2e3", "0x10", "１", "1_0", " 5", "+5", "nan", "inf", "::1", "::ffff:10.0.0.1", "10.0.0.1", "fe80::1%eth0", "2026-02-30", "K", "\u212a", "ß", "SS", "a\nb", "\x00")  # fmt: skip
DATES = ("2026-11-24T23:59:59.999999Z", "2026-11-24T15:00:00Z", "2021-01-03T00:30:00.000000Z", "2024-12-30T22:22:22Z", "2026-04-01T08:00:00+09:00", "2025-12-31T23:00:00", "2026-01-01")  # fmt: skip


def events(rule: Rule, random: Random, several: int) -> Iterator[Event]:
    """Yield an event of a branch of the rule, and it with one of its atoms mutated; `several` in all."""
    made, atoms = satisfying(rule, random)
    yield made
    everything = list(_atoms(rule.tree))
    for _ in range(several - 1):
        mutated = dict(made)
        chosen = random.choice(atoms if atoms and random.random() < 0.85 else everything or [None])
        if chosen is None or random.random() < 0.02:
            _elsewhere(mutated, random)
        else:
            mutate(chosen, mutated, random)
        yield mutated


def satisfying(rule: Rule, random: Random) -> tuple[Event, list[Atom]]:
    """Return an event that should satisfy one branch, and the atoms of that branch."""
    event = dict(BASE)
    for name, wanted in random.choice(list(rule.routes or [()])):
        event[name] = [wanted] if name in ("event.category", "event.type") else wanted
        if not wanted:
            del event[name]
    wanted: dict[str, list[Atom]] = {}
    chosen: list[Atom] = []
    _choose(rule.tree, True, random, wanted, chosen)
    for name, atoms in wanted.items():
        if (value := _value(atoms, event, random)) is not None:
            _put(event, name, value)
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
            return _example(atom, event, random)
    parts: dict[str, list[str]] = {"prefix": [], "contains": [], "suffix": []}
    for atom in dict.fromkeys(atoms):
        where = atom.kind if atom.kind in parts else "contains"
        if atom.kind == "glob":
            where = (
                "prefix" if atom.operand[0] is not STAR else "suffix" if atom.operand[-1] is not STAR else "contains"
            )
        parts[where].append(_example(atom, event, random))
    longest = [max(parts[where], key=len, default="") for where in ("prefix", "suffix")]
    middle = random.choice(("", " ", "x")).join(random.sample(parts["contains"], len(parts["contains"])))
    return longest[0] + (middle if longest[0] + longest[1] else random.choice(FILL) + middle) + longest[1]


def _example(atom: Atom, event: Event, random: Random) -> Any:
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


def _put(event: Event, name: str, value: Any) -> None:
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


def _atoms(tree: Tree) -> Iterator[Atom]:
    if isinstance(tree, Atom):
        yield tree
    else:
        for part in tree.parts:
            yield from _atoms(part)


def _elsewhere(event: Event, random: Random) -> None:
    """Change what the event's log source is told by."""
    name = random.choice(
        ("event.code", "winlog.channel", "event.dataset", "event.category", "event.type", "event.module")
    )
    if name in event and random.random() < 0.5:
        del event[name]
    else:
        value = text(event.get(name, "process"))
        event[name] = random.choice((value.upper(), value + "x", [value, "other"], [value], ["other"], []))


def mutate(atom: Atom, event: Event, random: Random) -> None:
    """Change one value that an atom looks at, so that its verdict may or may not change."""
    names = [name for name in event if name not in BASE or name == "message"] if atom.keyword else list(atom.fields)
    here = [name for name in names if name in event]
    if not names:
        return
    name = random.choice(here or names)
    if name.startswith("sigma."):
        _put(event, name, random.choice(ODD))
        return
    if name not in event or random.random() < 0.1:
        event[name] = _example(atom, event, random) if random.random() < 0.6 else random.choice(ODD)
        if event[name] is None:
            del event[name]
            return
    value = event[name]
    if isinstance(value, list) or (not isinstance(value, str) and random.random() < 0.5):
        value = _reshaped(value, random)
    elif isinstance(value, str) and (special := SPECIAL.get(atom.kind)) and random.random() < 0.4:
        value = special(atom, value, random)
    else:
        value = random.choice(TEXTS)(text(value), random) if random.random() < 0.7 else _reshaped(value, random)
    if value is None:
        del event[name]
    else:
        event[name] = value


def _reshaped(value: Any, random: Random) -> Any:
    """Return the value as another type, a list, or nothing."""
    single = text(value[0] if value else "") if isinstance(value, list) else text(value)
    number: Any = int(single) if re.fullmatch(r"-?\d{1,18}", single) else None
    choices: list[Any] = [
        None,
        "",
        [],
        [single],
        [single, "other"],
        ["other", single],
        ["other"],
        [""],
        ["", single],
        [7, single],
        [True],
        single,
    ]
    if number is not None:
        choices += [
            number,
            float(number),
            number + 1,
            number - 1,
            [number],
            f"{number}.0",
            f"0{number}",
            f"+{number}",
            f" {number}",
            f"{number} ",
        ]
    if single in ("true", "false", "1", "0"):
        choices += [single in ("true", "1"), single.upper(), single.title()]
    return random.choice(choices)


def _place(value: str, random: Random) -> int:
    return random.choice((0, len(value), random.randint(0, len(value))))


def _insert(value: str, random: Random) -> str:
    at = _place(value, random)
    return value[:at] + random.choice(FILL) + value[at:]


def _cut(value: str, random: Random) -> str:
    return random.choice((value[1:], value[:-1], value[: (at := _place(value, random))] + value[at + 1 :]))


def _swap(value: str, random: Random) -> str:
    at = random.randrange(len(value)) if value else 0
    return value[:at] + random.choice("aA0\\*?. -é") + value[at + 1 :]


def _case(value: str, random: Random) -> str:
    return random.choice((value.upper(), value.lower(), value.swapcase(), value.title(), value.casefold()))


def _lookalike(value: str, random: Random) -> str:
    """Replace a letter by one that folds to it (the Kelvin sign), or only looks as if (the dotless i)."""
    found = [letters for letters in LOOKALIKE if letters in value.lower()]
    if not found:
        return value.translate({sign: sign + 0xFEE0 for sign in range(0x21, 0x7F)})
    letters = random.choice(found)
    at = random.choice([m.start() for m in re.finditer(re.escape(letters), value.lower())])
    return value[:at] + random.choice(LOOKALIKE[letters]) + value[at + len(letters) :]


def _slashes(value: str, random: Random) -> str:
    return random.choice(
        (
            value.replace("\\", "\\\\"),
            value + "\\",
            value.replace("\\", "/"),
            value.replace("\\", "", 1),
            value.replace("*", "\\*"),
            value.replace("\\\\", "\\"),
        )
    )


def _dashes(value: str, random: Random) -> str:
    found = [at for at, sign in enumerate(value) if sign in DASHES]
    if not found:
        return value.replace(" ", " -", 1)
    at = random.choice(found)
    return value[:at] + random.choice(DASHES + "\u2012\u2212") + value[at + 1 :]


def _coded(value: str, random: Random) -> str:
    """Return base64 of base64's own text moved by a byte or two, where it is any."""
    try:
        inner = base64.b64decode(value + "=" * (-len(value) % 4))
    except ValueError:
        return base64.b64encode(value.encode("utf-8", "replace")).decode()
    return base64.b64encode(
        random.randbytes(random.randrange(4)) + inner + random.randbytes(random.randrange(4))
    ).decode()


TEXTS: Sequence[Callable[[str, Random], str]] = (_insert, _cut, _swap, _case, _lookalike, _slashes, _dashes, _coded)


def _address(atom: Atom, value: str, random: Random) -> str:
    low, high = int(atom.operand[0]), int(atom.operand[-1])
    make = type(atom.operand[0])
    moved = max(
        0, min(random.choice((low - 1, low, low + 1, high - 1, high, high + 1)), 2**atom.operand.max_prefixlen - 1)
    )
    found = str(make(moved))
    if atom.operand.version == 4:
        return random.choice(
            (found, f"::ffff:{found}", f"{found}/32", f" {found}", f"{found}:80", found.replace(".", ".0", 1))
        )
    return random.choice((found, found.upper(), make(moved).exploded, f"{found}%eth0", f"[{found}]"))


def _near(atom: Atom, value: str, random: Random) -> Any:
    bound = atom.operand[1]
    moved = bound + random.choice((-1, 0, 1))
    exact = int(moved) if moved.denominator == 1 else float(moved)
    return random.choice(
        (exact, float(moved), str(exact), f"{exact}.0", f"{exact}e0", f" {exact}", f"0{exact}", True, "１")
    )


def _date(atom: Atom, value: str, random: Random) -> str:
    return random.choice((*DATES, value.replace("T", " "), value.rstrip("Z"), value[:10], value[:-8], value + "x"))


def _line(atom: Atom, value: str, random: Random) -> str:
    return random.choice(
        (value + "\n", "\n" + value, f"x\n{value}\ny", value.upper(), value.lower(), "a" + value, value + "a")
    )


def _longer(atom: Atom, value: str, random: Random) -> str:
    """Write the atom's own text at another place than it asks for."""
    own = atom.operand if isinstance(atom.operand, str) else str(_example(atom, {}, random))
    return random.choice(
        (
            f"{own}x",
            f"x{own}",
            f"x{own}x",
            own,
            own[:-1],
            own[1:],
            own + own,
            f"{value} {own}",
            f"{own}{value}",
            own.upper(),
        )
    )


SPECIAL: Mapping[str, Callable[[Atom, str, Random], Any]] = {
    "cidr": _address, "number": _near, "time": _date, "re": _line, "eq": _longer, "contains": _longer, "prefix": _longer, "suffix": _longer, "glob": _longer,
}  # fmt: skip
