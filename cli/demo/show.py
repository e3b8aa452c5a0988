"""How the demo is shown: live with rich, or as plain lines; and its last page."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hinomi.cli.acting.show import Lines, local
from hinomi.cli.demo.conductor import Seen
from hinomi.cli.demo.flow import DID_NOT, STEPS, Step
from hinomi.cli.demo.scenes import SERVER

MARKS = {"done": "✔", "verified": "✔", "failed": "✘", "skipped": "–", DID_NOT: "·"}
WIDE = 116
"""Columns from which on the Japanese names are shown too."""
NARROW = 96
"""Columns below which deadlines are left out."""
COLOURS = {"✔": "green", "✘": "bold red", "–": "dim", "·": "dim", "…": "yellow"}
LEVELS = {"critical": "bold red", "high": "yellow"}
TELL = {
    "mail": lambda line: f"mail to {line['role'] or line['who']}: {line['template']}",
    "act": lambda line: f"{line['who']} {line['what']} {line['template']}".rstrip(),
    "waits": lambda line: f"{line['who']}: {line['what']}",
    "paged": lambda line: f"paged: {line['who']} ({line['template']})",
    "scene": lambda line: {
        "usb": f"a class-II file is copied to a USB stick on {line['host']}",
        "download": f"the web filter sees a document come down to {line['host']}",
        "malware": f"a downloaded document starts a process tree on {line['host']}",
        "alert": f"the EDR raises its own alert for {line['host']}",
    }[line["what"]],
    "trouble": lambda line: f"trouble: {line['what']}",
}


def _told(seen: Seen) -> list[str]:
    """Return what has happened, as it is said."""
    return [TELL[line["event"]](line) for line in seen.lines if line["event"] in TELL]


def _mark(step: Step) -> Text:
    mark = MARKS.get(step.state, "…")
    return Text(mark, style=COLOURS[mark])


def _after(step: Step, first: Step) -> str:
    """Return how long after the detection it was done."""
    if not step.done or not first.done or step is first:
        return ""
    return f"+{(datetime.fromisoformat(step.done) - datetime.fromisoformat(first.done)).total_seconds():.1f} s"


def _state(step: Step, running: bool) -> Text:
    state = Text("not yet" if running and step.state == DID_NOT else step.state, style=COLOURS[_mark(step).plain])
    return state.append(" · Slack", style="magenta") if step.via == "slack" else state


def _due(step: Step) -> Text:
    late = bool(step.due) and bool(step.done) and str(step.done) > str(step.due)
    return Text(local(step.due), style="red" if late else "dim")


def steps_table(steps: list[Step], width: int, *, running: bool = False) -> Table:
    """Return the eleven steps; their Japanese names where there is room, no deadlines where there is little."""
    table = Table(box=box.SIMPLE_HEAD, border_style="dim", header_style="dim", pad_edge=False, padding=0)
    wide, dues = width >= WIDE, width >= NARROW
    right = ("#", "after", "done", "due")
    ja_title, due_title = ([""] if wide else []), (["after", "due"] if dues else [])
    for title in ("", "#", "step", *ja_title, "done", *due_title, "by", "state"):
        # where room is short, the name breaks and all else is whole
        table.add_column(title, no_wrap=title != "step", justify="right" if title in right else "left")
    for step in steps:
        ja, en = STEPS[int(step.id)]
        dim = "" if step.over or step.state == "failed" else "dim"
        table.add_row(
            _mark(step), Text(step.id, style="dim"), Text(en, style=dim or "bold"), *([Text(ja, style=dim)] if wide else []), local(step.done),
            *([Text(_after(step, steps[0]), style="cyan"), _due(step)] if dues else []), (step.by or "").removeprefix("person:"),
            _state(step, running),
        )  # fmt: skip
    return table


class Plain(Lines):
    """Prints one line for each thing that happens."""

    def __call__(self, seen: Seen) -> None:
        """Print what is new."""
        states = [(step.id, step.state, self._line(step)) for step in seen.steps if step.state != DID_NOT]
        self.tell(time.monotonic() - seen.began, seen.phase, _told(seen), states)

    @staticmethod
    def _line(step: Step) -> str:
        by = f" by {step.by.removeprefix('person:')}" if step.by else ""
        return f"step {step.id:>2}  {STEPS[int(step.id)][1]}: {step.state}{by}"


class Screen(Live):
    """Shows the flow live on a terminal."""

    LAST, ELSE = 8, 19
    """Most lines of what happened last, and the lines of all else."""

    def __init__(self, console: Console):
        super().__init__(console=console, refresh_per_second=8, transient=True)
        self._width = console.width - 6
        self._last = max(1, min(self.LAST, console.height - self.ELSE))

    def __call__(self, seen: Seen) -> None:
        """Redraw."""
        self.update(self.page(seen))

    def page(self, seen: Seen) -> Panel:
        """Return what is to be seen now."""
        happened = Text("\n".join(_told(seen)[-self._last :]), style="dim")
        counts = "  ".join(f"{name} {count:,}" for name, count in seen.sent.items()) or "nothing yet"
        stored = f"   stored {seen.stored:,}" if seen.stored else ""
        foot = Text(f"{time.monotonic() - seen.began:5.1f} s   sent: {counts}{stored}", style="cyan")
        body = Group(steps_table(seen.steps, self._width, running=True), happened, Text(), foot)
        return Panel(body, title=f"hinomi · 火の見 · {seen.phase}", border_style="red", padding=(0, 2))


def last_page(console: Console, found: dict[str, Any], steps: list[Step], folder: Path | None, seconds: float) -> None:
    """Print how the day ended."""
    console.print()
    console.print(
        Text.assemble(("hinomi · 火の見", "bold red"), ("   the documented flow, eleven steps; times in JST", "bold"))
    )
    console.print(steps_table(steps, console.width))
    for group in _facts(found):
        for label, value, style in group:
            console.print(Text.assemble((f"{label:<32}", "bold"), (value, style)), soft_wrap=True)
        console.print()
    kept = "Try next:" if folder else "Try next (after hinomi demo --keep DIR, which keeps all of this):"
    console.print(Text.assemble((kept, "bold"), (f"   the day took {seconds:.1f} s", "dim")))
    config = f"{folder or 'DIR'}/hinomi.toml"
    for command in ("incident show 1", "audit query --file 成績一覧", "serve"):
        console.print(f"  hinomi {command} --config {config}", soft_wrap=True, highlight=False)


def _facts(found: dict[str, Any]) -> list[list[tuple[str, str, str]]]:
    """Return groups of (what, value, style)."""
    audit = found["audit"]
    incidents = [
        (f"incident {row['number']} ({row['severity']})", f"{row['title']} — {row['assignee'] or 'nobody'}", LEVELS.get(row["severity"], ""))
        for row in sorted(found["incidents"], key=lambda row: int(row["number"]))
    ]  # fmt: skip
    counts = "   ".join(f"{name} {found[name]:,}" for name in ("accepted", "stored", "spooled", "unparsed"))
    head = f"{'OK' if audit['ok'] else 'BROKEN'}, {audit['records']} records, head {audit['head'][:16]}…"
    proof = [("events", counts, ""), ("audit verify", head, "green" if audit["ok"] else "bold red")]
    reports = [(f"report {row['number']} {row['kind']}", str(row["path"]), "") for row in found["reports"]]
    return [_speed(found), [*incidents, *_people(found)], proof + reports]


def _speed(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what was done to the PC, and how fast; both ends of a span are read outside of hinomi."""
    rows = [("isolation", f"none asked for: {found['isolation_requests']} requests in the EDR's journal", "green")]
    if found["malware"]:
        spans = found["latencies_ms"]
        ms = {name: DID_NOT if value is None else f"{value:.0f} ms" for name, value in spans.items()}
        rows = [
            (f"line sent → isolation {what}", f"{ms[f'line_to_isolation_{what}']}   (EDR's journal)", "cyan")
            for what in ("request", "verified")
        ]
    if host := found["host"]:
        when = f", observed {local(host['observed_at'])}" if host["observed_at"] else ", never observed"
        rows.append((f"host {host['id']}", f"{host['state'] or 'unknown'}{when}", ""))
        seen = f"{found['web_filter']} requests of {host['id']} to {SERVER}, over syslog"
        rows.append(("seen by the web filter", seen, ""))
    if found["fault"]:
        rows.append(("fault of the EDR", found["fault"], "bold red"))
    return rows


def _people(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = []
    if found["pressed"]:
        steps = ", ".join(f"step {row['step']} by {row['by'].removeprefix('person:')}" for row in found["pressed"])
        rows.append(("pressed in Slack", steps, "magenta"))
    if found["paged"]:
        rows.append(("paged", ", ".join(found["paged"]), "yellow"))
    return rows


def now_text() -> str:
    """Return the present time for a file name."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
