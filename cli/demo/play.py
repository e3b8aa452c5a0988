"""One run of the demo from its folder to its last page; ends 0 if what had to happen happened."""

import json
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console

from hinomi.cli.acting.processes import is_terminal, new_folder
from hinomi.cli.demo.closing import summary
from hinomi.cli.demo.conductor import Conductor, Seen
from hinomi.cli.demo.elastic import Node
from hinomi.cli.demo.show import Plain, Screen, last_page, now_text
from hinomi.cli.demo.stage import Options, Stage


def play(options: Options, node: Node | None = None, *, plain: bool, json_file: str | None, keep: str | None) -> int:
    """Run the demo, its events in the lake or on a node of Elasticsearch.

    Raises:
        ConfigError: If the folder to keep has something in it.
        HinomiError: If a process did not get ready or ended.
    """
    began = time.monotonic()
    kept = None if keep is None else new_folder(keep)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="hinomi-demo-") as scratch, node or nullcontext():
        folder = kept or Path(scratch) / "day"
        stage = Stage(folder, options, node)
        seen, code = _run(stage, Plain() if plain or not is_terminal(console.file) else Screen(console))
        reports_to = None if kept else Path(tempfile.gettempdir()) / f"hinomi-demo-reports-{now_text()}"
        found = summary(stage, seen, reports_to)
    seconds = time.monotonic() - began
    found["seconds"] = round(seconds, 1)
    wrong = wrongs(found, options, code)
    found["wrong"] = wrong
    if json_file:
        Path(json_file).write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    last_page(console, found, seen.steps, kept, seconds)
    for text in wrong:
        console.print(f"[bold red]not as it must be:[/] {text}")
    return 1 if wrong else 0


def _run(stage: Stage, show: Plain | Screen) -> tuple[Seen, int]:
    conductor = Conductor(stage, show)
    code = 0
    try:
        with show:
            seen = conductor.play()
        stage.stop_players()
    finally:
        code = stage.processes.end()
    return seen, code


def wrongs(found: dict[str, Any], options: Options, code: int) -> list[str]:
    """Return what is not as it must be after such a run; empty if all is well."""
    wrong = [f"hinomi serve ended {code}"] if code else []
    if not found["audit"]["ok"]:
        wrong.append("the audit chain does not verify")
    if found["accepted"] != found["sent"]:
        wrong.append(f"{found['sent']} events were sent, {found['accepted']} accepted")
    if found["stored"] != found["accepted"]:
        wrong.append(f"{found['accepted']} events were accepted, {found['stored']} stored")
    if not options.malware:
        if found["isolation_requests"] or found["reports"]:
            wrong.append("something was isolated or reported on a day without malware")
    elif options.fault is None:
        wrong += [f"step {step['id']}: {step['state']}" for step in found["steps"] if step["done"] is None]
        if found["isolation_requests"] != 1:
            wrong.append(f"{found['isolation_requests']} isolation requests, not one")
        if not found["web_filter"]:
            wrong.append("the web filter's lines of the download are not stored")
        if not found["pressed"]:
            wrong.append("no button was pressed in Slack")
        if not found["reminded"]:
            wrong.append("no receipt needed its reminder")
    elif not found["paged"]:
        wrong.append("nobody was paged")
    return wrong
