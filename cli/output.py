"""How answers are shown: ``-o table|json|jsonl|csv|id``. Standard output is data, messages go to stderr."""

import csv
import io
import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from unicodedata import category

import click

from hinomi.clock import JST, parse_iso
from hinomi.text import _, jst

if TYPE_CHECKING:
    from rich.console import Console

#: Columns of free text, which may break; all others are shown whole.
FREE = frozenset({
    "title", "title_ja", "text", "told", "reason", "why", "error", "remedy", "found", "about", "unmapped", "path", "missing",
})  # fmt: skip
LEAST_FREE = 24
WIDE = 200
"""Columns of a table that goes into a pipe or a file."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
FORMATS = ("table", "json", "jsonl", "csv", "id")
_UNSEEN = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufff9-\ufffb]")
_RISKY = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


def cell(value: Any) -> str:
    """Return one value as people read it; nothing is an empty cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " ".join(cell(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def inert(text: str) -> str:
    """Return the text without control characters: what a log line says must not move the cursor; a full-width blank does not."""
    return "".join(c if c == "\n" or c.isprintable() or category(c) == "Zs" else "\ufffd" for c in text)


def as_json(value: Any, indent: int | None = None) -> str:
    """Return JSON that reads as Japanese does, and in which nothing moves a terminal's cursor or is lost in its encoding."""
    return _UNSEEN.sub(
        lambda c: f"\\u{ord(c[0]):04x}", json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    )


def guard(text: str) -> str:
    """Return a CSV cell that no spreadsheet takes for a formula."""
    return "'" + text if text.startswith(_RISKY) else text


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], fmt: str, *, title: str | None = None) -> None:
    """Print rows; json and jsonl carry every field, table and csv the columns named."""
    if fmt == "json":
        click.echo(as_json(list(rows), indent=2))
    elif fmt == "jsonl":
        for row in rows:
            click.echo(as_json(dict(row)))
    elif fmt == "id":
        for row in rows:
            click.echo(cell(row.get("number", row.get("id"))))
    elif fmt == "csv":
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows([guard(cell(row.get(name))) for name in columns] for row in rows)
        click.echo("\ufeff" + text.getvalue(), nl=False)
    else:
        _table(rows, columns, title)


def show_page(page: Mapping[str, Any], columns: Sequence[str], fmt: str) -> None:
    """Print one page of a list; how to go on is said on stderr."""
    show(page["items"], columns, fmt)
    if page["cursor"]:
        say(_("more: --cursor {cursor}").format(cursor=page["cursor"]))


def show_done(outcome: Mapping[str, Any], fmt: str, text: str) -> None:
    """Say what an act came to; -o other than table prints the answer itself, too."""
    say(text)
    if fmt != "table":
        show_one(outcome, fmt)


def console() -> "Console":
    """Return where tables go: a terminal as wide as it is, a pipe or file wide enough and plain."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=WIDE)


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], title: str | None) -> None:
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    out = console()
    cells = [{name: inert(_shown(row.get(name))) for name in columns} for row in rows]
    widths = {name: max([cell_len(name), *(cell_len(row[name]) for row in cells)]) for name in columns}
    kept = _fitting({name: min(size, LEAST_FREE) if name in FREE else size for name, size in widths.items()}, out.width)
    table = Table(title=title, box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in kept:
        table.add_column(name, overflow="fold", no_wrap=name not in FREE)
    for row in cells:
        table.add_row(*(Text(row[name]) for name in kept))
    out.print(table)
    if left := [name for name in columns if name not in kept]:
        say(_("left out for want of room: {names}; a wider window or -o json shows them").format(names=", ".join(left)))


def _fitting(widths: Mapping[str, int], room: int) -> list[str]:
    """Return the columns that fit beside each other: empty ones never, and the last ones go first."""
    kept = list(widths)
    while len(kept) > 1 and sum(widths[name] + 2 for name in kept) - 2 > room:
        kept.pop()
    return kept


def _shown(value: Any) -> str:
    """Return a cell of a table: a time is that of Japan, to the second; json and csv carry it whole."""
    text = cell(value)
    if isinstance(value, str) and _TIME.fullmatch(text):
        return parse_iso(text).astimezone(JST).strftime("%m-%d %H:%M:%S")
    return text


def show_one(row: Mapping[str, Any], fmt: str) -> None:
    """Print one thing: its fields beneath each other, or as JSON."""
    if fmt in ("json", "jsonl"):
        click.echo(as_json(dict(row), indent=2 if fmt == "json" else None))
        return
    if fmt in ("csv", "id"):
        show([row], list(row), fmt)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in row.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            text = "\n".join(
                "  ".join(_whole(item) for item in entry.values() if item not in (None, "", {}, [])) for entry in value
            )
        else:
            text = _whole(value)
        table.add_row(name, Text(inert(text)))
    console().print(table)


def _whole(value: Any) -> str:
    """Return a value as people read it; a time with its day and zone."""
    return jst(value) if isinstance(value, str) and _TIME.fullmatch(value) else cell(value)


def say(text: str) -> None:
    """Print a message for people, on stderr."""
    click.echo(inert(text), err=True)


def errors_only() -> None:
    """Keep our own log lines below an error out of a command's answer."""
    import logging

    from hinomi import log  # late: what it imports costs `hinomi --help` 90 ms

    log.configure("cli", json=False, level=logging.ERROR)
