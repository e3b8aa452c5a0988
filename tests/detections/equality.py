"""Events made for a rule: one branch of its condition satisfied, then spoilt in the ways that split matchers."""

from random import Random
from typing import Any

from hinomi.detections.engine.predicates import Node
from hinomi.event import Event

#: Letters whose case folding is no ASCII matter: Kelvin, long s, sharp s, ligatures, dotless and dotted i, full width, sigma.
FOLDS = {"k": "\u212a", "s": "\u017f", "ss": "\u00df", "fi": "\ufb01", "ff": "\ufb00", "st": "\ufb06", "i": "\u0130"}
ODD: list[Any] = [
    "", " ", "\0", "a\0b", "\\", "\\\\", '"', '\\"', "'", "\u001f", "\x7f", "\u00e9\u00c9", "ＡＢ", "\U0001f600", "\u2028", "\ud800", "x" * 70_000,
    0, -1, 1, 4.0, 2.5, -0.0, 1e16, 1e-7, 1e300, float("nan"), float("inf"), 2**63, -(2**70), True, False, None,
    [], [""], [None], ["a", None, 3, True, 1.5], [["deep"]], [{"a": 1}], {"a": "b"}, "true", "null", "None", "[", "{", "1,2", "nan", "inf",
]  # fmt: skip


def event_for(tree: Node, condition: Any, random: Random) -> Event:
    """Return an event of the log source that satisfies a branch, mutated or not."""
    event: Event = {"event.kind": "event", "event.category": ["process"], "message": "m"}
    event.update({name: value for name, value in condition if value})
    _satisfy(tree, event, random)
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        _mutate(event, random)
    return event


def _satisfy(node: Node, event: Event, random: Random) -> None:
    if node[0] == "and":
        for child in node[1]:
            _satisfy(child, event, random)
    elif node[0] == "or":
        if not node[1]:
            return  # a list that nothing fills: never
        _satisfy(random.choice(node[1]), event, random)
    elif node[0] == "not":
        if random.random() < 0.2:
            _satisfy(node[1], event, random)
    else:
        _set(node, event, random)


def _set(atom: Node, event: Event, random: Random) -> None:
    _, names, kind, operand = atom
    name = random.choice(names) if names else random.choice(("message", "process.command_line", "x.y"))
    base = kind.removesuffix("_cased")
    if not isinstance(operand, str) or base not in ("eq", "contains", "prefix", "suffix", "word", "re", "cidr"):
        return
    text = {"re": operand.strip("(?is)^$.*").replace("\\", ""), "cidr": operand.split("/")[0]}.get(base, operand)
    before, after = random.choice(("", "x", "C:\\a ", "\u00e9", '"')), random.choice(("", "y", " -z", "\u212a", "\\"))
    old = str(event.get(name, "")) if base in ("contains", "word", "re") else ""
    whole = {
        "eq": text, "prefix": text + after, "suffix": before + text, "contains": old + before + text + after,
    }.get(base, old + text)  # fmt: skip
    event[name] = _shaped(whole, random)


def _shaped(text: str, random: Random) -> Any:
    choice = random.random()
    if choice < 0.25:
        text = text.upper()
    elif choice < 0.35:
        plain, other = random.choice(list(FOLDS.items()))
        text = text.replace(plain, other, 1)
    if random.random() < 0.15:
        return random.choice(([text], ["other", text], [text, 7], [], [[text]], [{"k": text}], [None, text]))
    if random.random() < 0.1:
        try:
            return random.choice((int, float))(text)
        except (ValueError, OverflowError):
            return {"true": True, "false": False}.get(text.lower(), text)
    return text


def _mutate(event: Event, random: Random) -> None:
    name = random.choice(list(event))
    value = event[name]
    how = random.random()
    if how < 0.4:
        event[name] = random.choice(ODD)
    elif how < 0.5:
        del event[name]
    elif isinstance(value, str) and value:
        at = random.randrange(len(value))
        event[name] = random.choice(
            (value[:at], value[at:], value[:at] + "\\" + value[at:], value.swapcase(), value + "\0", value * 3)
        )
    else:
        event[f"winlog.event_data.{name.rpartition('.')[2]}"] = value
