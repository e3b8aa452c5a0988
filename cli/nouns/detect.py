"""``hinomi detect``: the rules over files, without a server."""

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hinomi.cli.options import examples
from hinomi.cli.output import cell, errors_only, guard, say, show
from hinomi.clock import JST, parse_iso
from hinomi.text import _

if TYPE_CHECKING:
    from hinomi.detections import RuleFault
    from hinomi.detections.offline.sweep import Found, Swept, Totals

COLUMNS = ("file", "index", "event_id", "rule_id", "title", "level", "timestamp")
LEVELS = ("critical", "high", "medium", "low", "informational")
MOST = 10


@click.command(
    "detect",
    epilog=examples(
        "detect Security.evtx",
        "detect logs/ --rules sigma/rules/windows -o jsonl > hits.jsonl",
        "detect day.ndjson.gz --fail-on high",
    ),
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--rules",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path),
    help=_("Folder of Sigma rules (several: once each); default: the shipped ones."),
)
@click.option("--format", "named", default="", help=_("The format of the records; default: the first that takes them."))
@click.option("--framing", default="", help=_("evtx, ndjson, json_array, csv, lines; default by content."))
@click.option("--encoding", default="", help=_("Declared encoding, such as cp932."))
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default="informational",
    show_default=True,
    help=_("Only rules of this level and above."),
)
@click.option(
    "--no-correlations", is_flag=True, help=_("Only rules of single events, those that correlations refer to too.")
)
@click.option("--jobs", default=0, help=_("Processes; default: one a core."))
@click.option(
    "-o",
    "--output",
    "fmt",
    type=click.Choice(["table", "jsonl", "csv"]),
    default="table",
    show_default=True,
    help=_("How to print."),
)
@click.option("--fail-on", type=click.Choice(LEVELS), help=_("Exit 3 if a rule of this level or above matches."))
def command(
    files: tuple[Path, ...], folders: tuple[Path, ...], named: str, framing: str, encoding: str, level: str, jobs: int, fmt: str,
    fail_on: str | None, no_correlations: bool,
) -> int:  # fmt: skip
    """Match events in files: EVTX, NDJSON, JSON arrays, CSV, .gz of each, folders of them."""
    from hinomi.detections.offline.correlating import correlated
    from hinomi.detections.offline.files import find
    from hinomi.detections.offline.rules import offline
    from hinomi.detections.offline.sweep import Sweeper, Totals, over

    errors_only()
    paths = find(files)
    ruleset = offline(folders)
    totals = Totals()
    sweeper = Sweeper(ruleset, named=named, encoding=encoding)
    swept = over(paths, sweeper.sweep, totals, framing=framing, encoding=encoding, jobs=jobs)
    wanted = LEVELS[: LEVELS.index(level) + 1]
    found = _counted(paths, swept, totals)
    hits = (hit for hit in (found if no_correlations else correlated(ruleset, found)) if hit.rule.level in wanted)
    summary = Summary()
    if fmt == "table":
        for hit in hits:
            summary.add(hit)
        summary.print(len(ruleset.rules))
    else:
        _lines(hits, summary, fmt)
    _said(totals, summary, ruleset.faults)
    reached = fail_on and any(summary.levels[name] for name in LEVELS[: LEVELS.index(fail_on) + 1])
    return 1 if totals.broken else 3 if reached else 0


def _row(hit: "Found") -> dict[str, Any]:
    values = (
        str(hit.path),
        hit.index,
        hit.event["event.id"],
        hit.rule.id,
        hit.rule.title,
        hit.rule.level,
        hit.event["@timestamp"],
    )
    return dict(zip(COLUMNS, values, strict=True))


def _lines(hits: Iterator["Found"], summary: "Summary", fmt: str) -> None:
    """Print hits as they come, one a line."""
    table = csv.writer(sys.stdout)
    if fmt == "csv":
        sys.stdout.write("\ufeff")
        table.writerow(COLUMNS)
    for hit in hits:
        summary.add(hit)
        if fmt == "jsonl":
            click.echo(json.dumps(_row(hit), ensure_ascii=False))
        else:
            table.writerow(guard(cell(value)) for value in _row(hit).values())


def _counted(paths: list[Path], swept: "Iterator[Swept]", totals: "Totals") -> Iterator["Found"]:
    """Yield hits, and show on a terminal how far it is."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    sizes = {path: path.stat().st_size for path in paths}
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(_("reading"), total=sum(sizes.values()))
        behind = dict.fromkeys(paths, 0)
        for found in swept:
            totals.add(found)
            progress.advance(task, found.chunk.read - behind[found.chunk.path])
            behind[found.chunk.path] = found.chunk.read
            yield from found.hits


class Summary:
    """What a person wants to know first: levels, hosts, times, rules."""

    def __init__(self) -> None:
        self.levels: Counter[str] = Counter()
        self.rules: Counter[tuple[str, str, str]] = Counter()
        self.hosts: Counter[str] = Counter()
        self.seen: dict[str, set[str]] = {}
        self.first = self.last = ""

    def add(self, hit: "Found") -> None:
        """Count one hit."""
        self.levels[hit.rule.level] += 1
        self.rules[hit.rule.level, hit.rule.title, hit.rule.id] += 1
        self.seen.setdefault(hit.rule.level, set()).add(hit.rule.id)
        self.hosts[str(hit.event.get("host.name", ""))] += 1
        moment = hit.event["@timestamp"]
        self.first, self.last = min(self.first or moment, moment), max(self.last, moment)

    def print(self, rules: int) -> None:
        """Print the tables."""
        if not self.rules:
            say(_("no hits"))
            return
        order = sorted(self.rules.items(), key=lambda item: (LEVELS.index(item[0][0]), -item[1], item[0][1]))
        show([{"level": level, "hits": count, "title": title, "rule_id": rule} for (level, title, rule), count in order],
             ("level", "hits", "title", "rule_id"), "table")  # fmt: skip
        click.echo("")
        show([{"level": level, "hits": self.levels[level], "rules": len(self.seen.get(level, ()))} for level in LEVELS],
             ("level", "hits", "rules"), "table")  # fmt: skip
        click.echo("")
        show([{"host": host, "hits": count} for host, count in self.hosts.most_common(MOST)], ("host", "hits"), "table")
        if self.first:
            click.echo("")
            for name, moment in ((_("first"), self.first), (_("last"), self.last)):
                click.echo(f"{name:6}{parse_iso(moment).astimezone(JST):%Y-%m-%d %H:%M:%S} JST")


def _said(totals: "Totals", summary: Summary, not_loaded: "Sequence[RuleFault]") -> None:
    say(_("{records} records, {hits} hits, {errors} records that no format took").format(
        records=totals.records, hits=sum(summary.levels.values()), errors=totals.errors))  # fmt: skip
    for place in totals.first_errors:
        say(f"  {place}")
    if not_loaded:
        say(_("{count} rules could not be loaded").format(count=len(not_loaded)))
    for fault in not_loaded[:MOST]:
        say(f"  {fault.where}: {fault.reason}")
    for rule, count in totals.faults.items():
        say(
            _("rule {rule} failed on an event and was left out after it ({count} times)").format(rule=rule, count=count)
        )
    for reason in totals.broken:
        say(_("could not be read: {reason}").format(reason=reason))
