"""How a drill is shown: live with rich, or as plain lines; the plan beforehand, the score sheet at the end."""

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hinomi.cli.acting.show import Lines, local
from hinomi.cli.drill.conductor import Seen
from hinomi.cli.drill.plan import Plan
from hinomi.playbooks.messages import words
from hinomi.reports.drill import ENDINGS, VERDICTS, Item, Sheet, called, nudged, span

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
        role, pushed = ((called(item.role),), (nudged(item),)) if wide else ((), ())
        found.add_row(
            Text(MARKS[item.verdict], style=colour), str(item.flow or ""), item.what, *role, local(item.due), local(item.done), item.by,
            Text(VERDICTS[item.verdict], style=colour), span(item.late), *pushed,
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
        reached = plan.reached(role)
        roles.add_row(
            words.word(words.ROLES, role),
            str(len(plan.holders(role))),
            ", ".join(r.person.id for r in reached) or Text("いない", style="bold red"),
        )
    console.print(roles)
    for note in plan.notes:
        console.print(Text(f"※ {note}", style="yellow"), soft_wrap=True)


class Plain(Lines):
    """Prints one line for each thing that happens."""

    def __init__(self) -> None:
        super().__init__("【訓練】")

    def __call__(self, seen: Seen) -> None:
        """Print what is new."""
        told = [item for item in seen.items if item.verdict not in ("not_started", "open")]
        states = [((item.playbook, item.step, item.what), item.verdict, self._line(item)) for item in told]
        self.tell(_seconds(seen), seen.phase, seen.lines, states)

    @staticmethod
    def _line(item: Item) -> str:
        late = f" {span(item.late)}" if item.late else ""
        return f"{MARKS[item.verdict]} {item.what}：{VERDICTS[item.verdict]}{late} {item.by}".rstrip()


def _seconds(seen: Seen) -> float:
    return (datetime.now(UTC) - seen.began).total_seconds()


class Screen(Live):
    """Shows the sheet live on a terminal."""

    LAST, ELSE = 8, 12
    """Most lines of what happened last, and the lines of all else but the table."""

    def __init__(self, console: Console):
        super().__init__(console=console, refresh_per_second=4, transient=True)
        self._width = console.width - 6

    def __call__(self, seen: Seen) -> None:
        """Redraw."""
        last = max(1, min(self.LAST, self.console.height - self.ELSE - len(seen.items)))
        happened = Text("\n".join(seen.lines[-last:]), style="dim", overflow="fold")
        foot = Text(f"{_seconds(seen):6.1f} s   連絡の送り先：{seen.sent_to}   Ctrl-C：ここまでで採点", style="cyan")
        body = Group(table(seen.items, self._width), Text(), happened, Text(), foot)
        title = f"【訓練】 hinomi · 火の見 · {seen.plan.flow.title} · {seen.phase}"
        self.update(Panel(body, title=title, border_style="yellow", padding=(1, 2)))


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
        console.print(Text(f"  {local(at)}  {text}"), soft_wrap=True)
    for note in sheet.notes:
        console.print(Text(f"※ {note}", style="yellow"), soft_wrap=True)
    for label, value in (
        ("連絡の送り先", sheet.sent_to),
        ("監査", noted),
        ("報告書", f"{folder / 'drill.pdf'}  （.html .json）"),
    ):
        console.print(Text.assemble((f"{label}  ", "bold"), value), soft_wrap=True)
