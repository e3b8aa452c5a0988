"""A run as a tree in the terminal: what comes after what, where each step stands, since when, and who is waited for."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hinomi.cli.output import console, inert
from hinomi.clock import JST, parse_iso
from hinomi.text import _

if TYPE_CHECKING:
    from rich.text import Text

Row = Mapping[str, Any]
#: Where a step or a wait stands → its sign, and how that is coloured.
_SIGNS = {
    "verified": ("✓", "green"), "done": ("✓", "green"), "adopted": ("✓", "green"), "accepted": ("◐", "yellow"), "intent": ("◐", "yellow"),
    "sent": ("◐", "yellow"), "waiting": ("◐", "yellow"), "open": ("◐", "yellow"), "failed": ("✗", "red"), "unknown": ("✗", "red"),
    "manual": ("!", "yellow"), "skipped": ("-", "dim"), "undone": ("-", "dim"), "written_off": ("-", "dim"), "simulated": ("~", "cyan"),
}  # fmt: skip
_TO_COME = ("○", "dim")
_OVERDUE = ("!", "bold red")


def show_graph(run: Row) -> None:
    """Print a run as a tree; a step that comes after several stands below the last of them, and names the others."""
    from rich.text import Text
    from rich.tree import Tree

    head = f"{run['playbook']}  {run['mode']}  {run['state']}  {_time(run['started_at'])} → {_time(run['ended_at']) or '…'}"
    root = Tree(
        Text(inert(f"{head}  {_('incident')} {run.get('incident_number') or '-'}"), style="bold"), guide_style="dim"
    )
    rows = {row["name"]: row for row in run["steps"]}
    branches: dict[str, Tree] = {}
    for node in _in_order(_nodes(run, rows)):
        row = rows.get(node["name"])
        above = branches.get(node["after"][-1]) if node["after"] else None
        below = (above or root).add(_step(node, row, node["after"][:-1]))
        branches[node["name"]] = below
        for wait in run["waits"]:
            if row and wait["step"] == row["id"]:
                below.add(_wait(wait))
    console().print(root)


def _nodes(run: Row, rows: Mapping[str, Row]) -> list[Row]:
    """Return the steps to show; one that a failure has called for comes after what has failed, others of that kind not at all."""
    if not run["graph"]:  # by hand: its steps are all there is
        return [{"name": name, "after": [], "role": "", "if": None} for name in rows]
    failed = {node["on_failure"]: node["name"] for node in run["graph"] if _state(rows, node["name"]) == "failed"}
    called = [{**node, "after": [failed[node["name"]]]} for node in run["graph"] if node["name"] in failed]
    return [
        *(node for node in run["graph"] if not node["off_path"]),
        *(node for node in called if node["name"] in rows),
    ]


def _state(rows: Mapping[str, Row], name: str) -> str:
    return str(rows[name]["state"]) if name in rows else ""


def _in_order(nodes: list[Row]) -> Iterator[Row]:
    """Yield steps so that each comes after those it is after; of those, the one that is deepest stands last."""
    depth: dict[str, int] = {}
    left = list(nodes)
    while left:
        ready = [node for node in left if all(name in depth for name in node["after"])]
        for node in ready or left:
            after = sorted(node["after"], key=lambda name: depth.get(name, 0))
            depth[node["name"]] = 1 + max((depth.get(name, 0) for name in after), default=0)
            yield {**node, "after": after}
        left = [node for node in left if node not in (ready or left)]


def _step(node: Row, row: Row | None, also: list[str]) -> "Text":
    state = row["state"] if row else ""
    sign = _SIGNS.get(state, _TO_COME)
    said = [state, row["outcome"] if row["outcome"] != state else ""] if row else [_("to come")]
    times = [f"{_time(row['started_at'])} → {_time(row['done_at']) or '…'}"] if row and state != "skipped" else []
    flow = f"{node['flow']:>2} " if node.get("flow") else ""
    beside = [f"({_('also after')} {', '.join(also)})"] if also else []
    condition = [f"if {node['if']}"] if node["if"] and (row is None or state == "skipped") else []
    who = (row["by_name"] if row else "") or (node["role"] if row is None or not row["done_at"] else "")
    return _line(sign, f"{flow}{node['name']}", [*said, *times, who, *condition, *beside, row["error"] if row else ""])


def _wait(wait: Row) -> "Text":
    """Return what is waited for: since it is over, its outcome and who; else who is asked, and by when."""
    if wait["state"] != "open":
        sign = _SIGNS.get(wait["state"], _TO_COME)
        return _line(
            sign,
            wait["kind"],
            [wait["outcome"] or wait["state"], _time(wait["done_at"]), wait.get("by_name") or ""],
            quiet=True,
        )
    late = bool(wait["escalated_at"])
    told = f"{_('overdue, told')}: {wait['escalate'] or 'operator_lead'}" if late else ""
    return _line(
        _OVERDUE if late else _SIGNS["open"],
        wait["kind"],
        [wait["role"], f"{_('by')} {_time(wait['due_at'])}", told],
        quiet=True,
    )


def _line(sign: tuple[str, str], name: str, said: list[Any], *, quiet: bool = False) -> "Text":
    from rich.text import Text

    mark, style = sign
    rest = "  ".join(inert(str(part)) for part in said if part)
    return Text.assemble(
        (f"{mark} ", style),
        (inert(name), "dim" if quiet else "bold"),
        ("  ", ""),
        (rest, style if style != "bold red" else "red"),
    )


def _time(stamp: str | None) -> str:
    return parse_iso(stamp).astimezone(JST).strftime("%m-%d %H:%M") if stamp else ""
