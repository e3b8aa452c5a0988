"""One value of an event a little different: beside the bound, in another case, as another type, in a list, gone."""

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from bench.oracle.evaluator import DASHES, Atom, Rule, Tree, text
from bench.oracle.making import BASE, DATES, FILL, example, put, satisfying
from hinomi.event import Event

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


def elsewhere(event: Event, random: Random) -> None:
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
        put(event, name, random.choice(ODD))
        return
    if name not in event or random.random() < 0.1:
        event[name] = example(atom, event, random) if random.random() < 0.6 else random.choice(ODD)
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
    own = atom.operand if isinstance(atom.operand, str) else str(example(atom, {}, random))
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


def events(rule: Rule, random: Random, several: int) -> Iterator[Event]:
    """Yield an event of a branch of the rule, and it with one of its atoms mutated; `several` in all."""
    made, atoms = satisfying(rule, random)
    yield made
    everything = list(_atoms(rule.tree))
    for _ in range(several - 1):
        mutated = dict(made)
        chosen = random.choice(atoms if atoms and random.random() < 0.85 else everything or [None])
        if chosen is None or random.random() < 0.02:
            elsewhere(mutated, random)
        else:
            mutate(chosen, mutated, random)
        yield mutated


def _atoms(tree: Tree) -> Iterator[Atom]:
    if isinstance(tree, Atom):
        yield tree
    else:
        for part in tree.parts:
            yield from _atoms(part)
