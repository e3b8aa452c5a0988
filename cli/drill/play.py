"""One drill from its plan to its report: on paper, on the terminal, and one record in the live audit."""

import hashlib
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from hinomi.cli.acting.processes import is_terminal, new_folder
from hinomi.cli.client import Client
from hinomi.cli.drill import material, plan
from hinomi.cli.drill.conductor import Conductor
from hinomi.cli.drill.options import Options
from hinomi.cli.drill.show import Plain, Screen, last_page, show_plan
from hinomi.clock import JST
from hinomi.errors import HinomiError
from hinomi.reports import drill, page, pdf
from hinomi.reports.drill import Sheet

ENDED = {"finished": 0, "stands": 1, "limit": 1, "interrupted": 130}
"""How a drill ended → exit code."""


def play(
    client: Client, options: Options, *, plain: bool, keep: str | None, json_file: str | None, dry_run: bool
) -> int:
    """Hold a drill; return the exit code.

    Raises:
        ConfigError: If it cannot be held so; nothing was started then.
        HinomiError: If a process of the drill failed.
    """
    made = plan.make(material.gather(client, options.lists), options)
    console = Console()
    stamp = datetime.now(JST)
    folder = new_folder(keep or f"hinomi-drill-{stamp:%Y%m%d-%H%M%S}")
    show = Plain() if plain or not is_terminal(console.file) else Screen(console)
    conductor = Conductor(folder, made, show)
    if dry_run:
        show_plan(console, made, conductor.stage.sent_to)
        return 0
    with _ended_cleanly(conductor):
        with show:
            ended_by = conductor.hold()
        sheet = conductor.sheet(ended_by)
    number = f"D-{stamp:%Y%m%d-%H%M}"
    written = _write(sheet, number, folder)
    if json_file:
        Path(json_file).write_text(written, encoding="utf-8")
    noted = _noted(client, made, sheet, hashlib.sha256(written.encode()).hexdigest())
    last_page(console, sheet, folder, noted)
    return ENDED[sheet.ended_by]


@contextmanager
def _ended_cleanly(conductor: Conductor) -> Iterator[None]:
    """Take Ctrl-C and SIGTERM as an end with the score so far; end the drill's processes whatever happens."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        conductor.stage.processes.end()
        for number, handler in before.items():
            signal.signal(number, handler)


def _write(sheet: Sheet, number: str, folder: Path) -> str:
    """Write the report as PDF, HTML and JSON; return the JSON."""
    now = datetime.now(UTC)
    model = drill.model(sheet, number, now)
    text = json.dumps({"number": number, **sheet.as_dict()}, ensure_ascii=False, indent=2) + "\n"
    files = {
        "drill.json": text.encode(),
        "drill.html": page.render(model).encode(),
        "drill.pdf": pdf.render(model, now),
    }
    for name, content in files.items():
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    return text


def _noted(client: Client, made: plan.Plan, sheet: Sheet, digest: str) -> str:
    """Note the drill in the live audit, if there is one; say what came of it."""
    if not made.material.live:
        return "本番の監査記録がないため、残していません"
    about = {
        "flow": sheet.flow, "tenant": sheet.tenant, "began_at": sheet.began, "ended_at": sheet.ended, "ended_by": sheet.ended_by,
        "played_by": sheet.played_by, **sheet.counts(), "sheet_sha256": digest,
    }  # fmt: skip
    try:
        answer = client.post("drills", about)
    except HinomiError as error:
        return f"本番の監査に残せませんでした: {error}"
    return f"本番の監査に記録 {answer['recorded']} 番として残しました（drill.held）"
