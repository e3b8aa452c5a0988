"""How the demo is shown: live with rich, or as plain lines; and its last page."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hinomi.cli.demo.conductor import Seen
from hinomi.cli.demo.flow import DID_NOT, STEPS, Step
from hinomi.clock import JST

MARKS = {"done": "✔", "verified": "✔", "failed": "✘", "skipped": "–", "did not happen": "·"}
WIDE = 108
"""Columns from which on the Japanese names are shown too."""
NARROW = 78
"""Columns below which deadlines are left out."""
COLOURS = {"✔": "green", "✘": "bold red", "–": "dim", "·": "dim", "…": "yellow"}
TELL = {
    "mail": lambda line: f"mail to {line['role'] or line['who']}: {line['template']}",
    "act": lambda line: f"{line['who']} {line['what']} {line['template']}".rstrip(),
    "waits": lambda line: f"{line['who']}: {line['what']}",
    "paged": lambda line: f"paged: {line['who']} ({line['template']})",
    "scene": lambda line: {
        "usb": f"a class-II file is copied to a USB stick on {line['host']}",
        "malware": f"a downloaded document starts a process tree on {line['host']}",
        "alert": f"the EDR raises its own alert for {line['host']}",
    }[line["what"]],
    "trouble": lambda line: f"trouble: {line['what']}",
}


def _local(iso: str | None) -> str:
    if not iso:
        return ""
    return datetime.fromisoformat(iso).astimezone(JST).strftime("%H:%M:%S.%f")[:-5]


def _mark(step: Step) -> Text:
    mark = MARKS.get(step.state, "…")
    return Text(mark, style=COLOURS[mark])


def steps_table(steps: list[Step], width: int, *, running: bool = False) -> Table:
    """Return the eleven steps; their Japanese names where there is room, no deadlines where there is little."""
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    wide, dues = width >= WIDE, width >= NARROW
    for name in ["", "step", *([""] if wide else []), "done (JST)", *(["due"] if dues else []), "by", "state"]:
        table.add_column(name, no_wrap=name != "step")  # where room is short, the name breaks and all else is whole
    for step in steps:
        ja, en = STEPS[int(step.id)]
        due = "" if step.due is None else datetime.fromisoformat(step.due).astimezone(JST).strftime("%H:%M:%S")
        state = "not yet" if running and step.state == DID_NOT else step.state
        table.add_row(
            _mark(step), f"{step.id:>2} {en}", *([ja] if wide else []), _local(step.done), *([due] if dues else []),
            (step.by or "").removeprefix("person:"), state,
        )  # fmt: skip
    return table


class Plain:
    """Prints one line for each thing that happens."""

    def __init__(self) -> None:
        self._phase, self._lines, self._steps = "", 0, dict[str, str]()

    def __enter__(self) -> "Plain":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, seen: Seen) -> None:
        """Print what is new."""
        if seen.phase != self._phase:
            self._phase = seen.phase
            self._print(seen, seen.phase)
        for line in seen.lines[self._lines :]:
            if line["event"] in TELL:
                self._print(seen, "  " + TELL[line["event"]](line))
        self._lines = len(seen.lines)
        for step in seen.steps:
            if step.state != "did not happen" and self._steps.get(step.id) != step.state:
                self._steps[step.id] = step.state
                by = f" by {step.by.removeprefix('person:')}" if step.by else ""
                self._print(seen, f"step {step.id:>2}  {STEPS[int(step.id)][1]}: {step.state}{by}")

    @staticmethod
    def _print(seen: Seen, text: str) -> None:
        sys.stdout.write(f"{time.monotonic() - seen.began:6.1f} s  {text}\n")
        sys.stdout.flush()


class Screen:
    """Shows the flow live on a terminal."""

    LAST, ELSE = 8, 19
    """Most lines of what happened last, and the lines of all else."""

    def __init__(self, console: Console):
        self._width = console.width - 6
        self._last = max(1, min(self.LAST, console.height - self.ELSE))
        self._live = Live(console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> "Screen":
        self._live.__enter__()
        return self

    def __exit__(self, *given: Any) -> None:
        self._live.__exit__(*given)

    def __call__(self, seen: Seen) -> None:
        """Redraw."""
        told = [TELL[line["event"]](line) for line in seen.lines if line["event"] in TELL]
        happened = Text("\n".join(told[-self._last :]), style="dim")
        counts = "  ".join(f"{name} {count:,}" for name, count in seen.sent.items())
        stored = f"   stored {seen.stored:,}" if seen.stored else ""
        foot = Text(f"{time.monotonic() - seen.began:5.1f} s   sent: {counts}{stored}", style="cyan")
        body = Group(steps_table(seen.steps, self._width, running=True), Text(), happened, Text(), foot)
        self._live.update(Panel(body, title=f"hinomi · 火の見 · {seen.phase}", border_style="red", padding=(1, 2)))


def last_page(console: Console, found: dict[str, Any], steps: list[Step], folder: Path | None, seconds: float) -> None:
    """Print how the day ended."""
    console.print()
    console.print(Text("The documented flow, eleven steps", style="bold"))
    console.print(steps_table(steps, console.width))
    console.print()
    for label, value in _facts(found):
        console.print(Text.assemble((f"{label:<32}", "bold"), value), soft_wrap=True)
    for report in found["reports"]:
        console.print(
            Text.assemble((f"{'report ' + report['number'] + ' ' + report['kind']:<32}", "bold"), report["path"]),
            soft_wrap=True,
        )
    console.print(Text(f"{seconds:.1f} s", style="dim"))
    console.print()
    console.print(
        Text(
            "Try next:" if folder else "Try next (after hinomi demo --keep DIR, which keeps all of this):", style="bold"
        )
    )
    config = f"{folder or 'DIR'}/hinomi.toml"
    for command in ("incident show 1", "audit query --file 成績一覧", "serve"):
        console.print(f"  hinomi {command} --config {config}", soft_wrap=True, highlight=False)


def _facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    spans = found["latencies_ms"]
    ms = {name: "did not happen" if value is None else f"{value:.0f} ms" for name, value in spans.items()}
    audit = found["audit"]
    rows = [
        ("line sent → isolation request", ms["line_to_isolation_request"] + "   (EDR's journal)"),
        ("line sent → isolation verified", ms["line_to_isolation_verified"] + "   (EDR's journal)"),
    ]
    if not found["malware"]:
        rows = [("isolation", f"none asked for: {found['isolation_requests']} requests in the EDR's journal")]
    if found["host"]:
        host = found["host"]
        when = f", observed {_local(host['observed_at'])}" if host["observed_at"] else ", never observed"
        rows.append((f"host {host['id']}", f"{host['state'] or 'unknown'}{when}"))
    if found["paged"]:
        rows.append(("paged", ", ".join(found["paged"])))
    for incident in found["incidents"]:
        rows.append(
            (
                f"incident {incident['number']} ({incident['severity']})",
                f"{incident['title']} — {incident['assignee'] or 'nobody'}",
            )
        )
    counts = "   ".join(f"{name} {found[name]:,}" for name in ("accepted", "stored", "spooled", "unparsed"))
    rows.append(("events", counts))
    rows.append(
        ("audit verify", f"{'OK' if audit['ok'] else 'BROKEN'}, {audit['records']} records, head {audit['head'][:16]}…")
    )
    if found["fault"]:
        rows.append(("fault of the EDR", found["fault"]))
    return rows


def now_text() -> str:
    """Return the present time for a file name."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
