"""How a drill is shown: live with rich, or as plain lines; the plan beforehand, the score sheet at the end."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hinomi.cli.drill.conductor import Seen
from hinomi.cli.drill.plan import Plan
from hinomi.clock import JST, parse_iso
from hinomi.playbooks.engine import people
from hinomi.playbooks.messages import words
from hinomi.reports.drill import ENDINGS, VERDICTS, Item, Sheet, called, span

COLOURS = {
    "in_time": "green", "done": "green", "late": "yellow", "overdue": "bold red", "failed": "bold red", "open": "cyan",
    "not_started": "dim", "skipped": "dim",
}  # fmt: skip
MARKS = {
    "in_time": "✔",
    "done": "✔",
    "late": "△",
    "overdue": "✘",
    "failed": "✘",
    "open": "…",
    "not_started": "·",
    "skipped": "–",
}
WIDE = 118
"""Columns from which on roles and reminders are shown too."""


def _time(moment: str | None) -> str:
    return parse_iso(moment).astimezone(JST).strftime("%H:%M:%S") if moment else ""


def table(items: list[Item], width: int) -> Table:
    """Return the lines of the sheet; with little room without the roles and the reminders."""
    wide = width >= WIDE
    found = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    names = (
        "",
        "段",
        "項目",
        *(("担当",) if wide else ()),
        "期限",
        "完了",
        "実施者",
        "判定",
        "遅れ",
        *(("催促など",) if wide else ()),
    )
    for name in names:
        found.add_column(
            name,
            overflow="fold",
            no_wrap=name in ("", "段", "期限", "完了", "遅れ"),
            justify="right" if name == "段" else "left",
        )
    for item in items:
        colour = COLOURS[item.verdict]
        role = (called(item.role),) if wide else ()
        nudged = (
            (" ".join([*([f"催促{item.reminded}"] if item.reminded else []), *(["上位へ"] if item.escalated else [])]),)
            if wide
            else ()
        )
        found.add_row(
            Text(MARKS[item.verdict], style=colour), str(item.flow or ""), item.what, *role, _time(item.due), _time(item.done), item.by,
            Text(VERDICTS[item.verdict], style=colour), span(item.late), *nudged,
        )  # fmt: skip
    return found


def show_plan(console: Console, plan: Plan, sent_to: str) -> None:
    """Print what a drill would be: nothing has been started."""
    owner = plan.owner.id if plan.owner else "-"
    product = ", ".join(name for name in plan.simulators if name in plan.device.vendors) or "-"
    facts = [
        ("流れ", plan.flow.title), ("対象", f"{plan.directory.tenant_name(plan.device.tenant)}（{plan.device.tenant}）"),
        ("端末（想定）", f"{plan.device.id}  利用者 {owner}  製品 {product}"), ("模擬する製品", ", ".join(plan.simulators) or "なし"),
        ("連絡の送り先", sent_to), ("実施方法", f"{plan.options.played_by}  {plan.options.pace:g}倍の速さ  最長 {plan.options.limit:g} 分"),
    ]  # fmt: skip
    console.print(Text("訓練の計画（何も始めていません）", style="bold"))
    for label, value in facts:
        console.print(Text.assemble((f"{label}  ", "bold"), value), soft_wrap=True)
    for entry in plan.entries:
        console.print(
            Text.assemble(
                ("\n手順 ", "bold"), f"{entry.playbook.id}  本番では {plan.material.modes[entry.playbook.id]}"
            )
        )
    roles = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("役割", "人数", "連絡できる人"):
        roles.add_column(name)
    for role in plan.roles():
        reached = people.recipients(plan.directory, plan.facts, role, off_device=role == "teacher")
        roles.add_row(
            words.word(words.ROLES, role),
            str(len(plan.holders(role))),
            ", ".join(r.person.id for r in reached) or Text("いない", style="bold red"),
        )
    console.print(roles)
    for note in plan.notes:
        console.print(Text(f"※ {note}", style="yellow"), soft_wrap=True)


class Plain:
    """Prints one line for each thing that happens."""

    def __init__(self) -> None:
        self._phase, self._lines, self._told = "", 0, dict[tuple[str, str], str]()

    def __enter__(self) -> "Plain":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, seen: Seen) -> None:
        """Print what is new."""
        if seen.phase != self._phase:
            self._phase = seen.phase
            self._print(seen, f"{seen.phase}")
        for line in seen.lines[self._lines :]:
            self._print(seen, f"  {line}")
        self._lines = len(seen.lines)
        for item in seen.items:
            key = item.step, item.what
            if item.verdict not in ("not_started", "open") and self._told.get(key) != item.verdict:
                self._told[key] = item.verdict
                late = f" {span(item.late)}" if item.late else ""
                self._print(
                    seen, f"{MARKS[item.verdict]} {item.what}：{VERDICTS[item.verdict]}{late} {item.by}".rstrip()
                )

    @staticmethod
    def _print(seen: Seen, text: str) -> None:
        passed = (datetime.now(UTC) - seen.began).total_seconds()
        sys.stdout.write(f"【訓練】{passed:7.1f} s  {text}\n")
        sys.stdout.flush()


class Screen:
    """Shows the sheet live on a terminal."""

    LAST, ELSE = 8, 12
    """Most lines of what happened last, and the lines of all else but the table."""

    def __init__(self, console: Console):
        self._console, self._width = console, console.width - 6
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> "Screen":
        self._live.__enter__()
        return self

    def __exit__(self, *given: Any) -> None:
        self._live.__exit__(*given)

    def __call__(self, seen: Seen) -> None:
        """Redraw."""
        last = max(1, min(self.LAST, self._console.height - self.ELSE - len(seen.items)))
        happened = Text("\n".join(seen.lines[-last:]), style="dim", overflow="fold")
        passed = (datetime.now(UTC) - seen.began).total_seconds()
        foot = Text(f"{passed:6.1f} s   連絡の送り先：{seen.sent_to}   Ctrl-C：ここまでで採点", style="cyan")
        body = Group(table(seen.items, self._width), Text(), happened, Text(), foot)
        title = f"【訓練】 hinomi · 火の見 · {seen.plan.flow.title} · {seen.phase}"
        self._live.update(Panel(body, title=title, border_style="yellow", padding=(1, 2)))


def last_page(console: Console, sheet: Sheet, folder: Path, noted: str) -> None:
    """Print the score sheet."""
    counts = sheet.counts()
    console.print()
    console.print(
        Text(
            f"【訓練】採点表  {sheet.title}  {sheet.school}  {ENDINGS.get(sheet.ended_by, sheet.ended_by)}",
            style="bold",
        )
    )
    console.print(table(list(sheet.items), console.width))
    console.print()
    result = f"期限内 {counts['in_time']}／{counts['total']}   遅れ {counts['late']}   実施されず {counts['never']}"
    console.print(Text(result, style="bold green" if counts["in_time"] == counts["total"] else "bold yellow"))
    for at, text in sorted([*sheet.reminders, *sheet.escalations]):
        console.print(Text(f"  {_time(at)}  {text}"), soft_wrap=True)
    for note in sheet.notes:
        console.print(Text(f"※ {note}", style="yellow"), soft_wrap=True)
    for label, value in (
        ("連絡の送り先", sheet.sent_to),
        ("監査", noted),
        ("報告書", f"{folder / 'drill.pdf'}  （.html .json）"),
    ):
        console.print(Text.assemble((f"{label}  ", "bold"), value), soft_wrap=True)
