"""``hinomi rule try``: a rule that is being written, over records that are there."""

from pathlib import Path
from typing import Any

import click

from hinomi.cli.client import Client
from hinomi.cli.options import config_of, examples, listed
from hinomi.cli.output import errors_only, say, show
from hinomi.cli.rules import rules_for, written
from hinomi.text import _

COLUMNS = ("file", "index", "timestamp", "host", "level", "title", "event_id", "rule_id")
MOST = 5


@click.command(
    "try",
    epilog=examples(
        "rule try my_rule.yml --on Security.evtx", "rule try my_rule.yml --since 24h --rules exceptions/ -o jsonl"
    ),
)
@click.argument("rule")
@click.option(
    "--on",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help=_("File or folder of events (several: once each)."),
)
@click.option("--since", default="", help=_("Instead: the events that are stored since, such as 24h, 30d, 2026-11-19."))
@click.option("--until", default="now", show_default=True, help=_("The same, exclusive."))
@click.option(
    "--rules",
    "more",
    multiple=True,
    type=click.Path(path_type=Path),
    help=_("Files or folders that the rule refers to: its exceptions, the rules of a correlation."),
)
@listed
@click.pass_context
def command(
    ctx: click.Context, rule: str, files: tuple[Path, ...], since: str, until: str, more: tuple[Path, ...], fmt: str
) -> int:
    """Match a rule with the events of files, or of the store. RULE: a file or folder, an id, a name, a part of a title."""
    errors_only()
    if bool(files) == bool(since):
        raise click.UsageError(_("name files (--on), or a time (--since)"))
    if files:
        return over_files(rule, files, more, fmt, config_of(ctx))
    return over_store(Client(config_of(ctx)), rule, since, until, more, fmt)


def over_store(client: Client, rule: str, since: str, until: str, more: tuple[Path, ...], fmt: str) -> int:
    """Hunt with a rule as it is written: it need not be loaded."""
    from hinomi.cli.nouns.hunt import hunted

    body: dict[str, Any] = {"rules": [rule], "since": since, "until": until}
    return hunted(client, body | written(rule, more, str(client.config)), fmt)


def over_files(rule: str, files: tuple[Path, ...], more: tuple[Path, ...], fmt: str, config: str | None) -> int:
    """Sweep files with one rule; a correlation with the rules that it refers to."""
    from hinomi.detections.offline.correlating import correlated
    from hinomi.detections.offline.files import find
    from hinomi.detections.offline.sweep import Sweeper, Totals, over

    ruleset, chosen, _lists = rules_for(rule, more, config)
    compiled: Any = getattr(ruleset, "compiled", {})
    routes = [route for name in _based_on(compiled, chosen) for route in compiled[name].routes]
    totals, rows = Totals(), 0
    swept = over(find(files), Sweeper(ruleset, routes=routes).sweep, totals)
    found = []
    for one in correlated(ruleset, _counted(swept, totals), chosen):
        if one.rule.id not in chosen:
            continue
        rows += 1
        row = {"file": str(one.path), "index": one.index, "timestamp": one.event["@timestamp"], "host": one.event.get("host.name"), "level": one.rule.level,
               "title": one.rule.title, "event_id": one.event["event.id"], "rule_id": one.rule.id}  # fmt: skip
        if fmt == "jsonl":
            show([row], COLUMNS, fmt)
        else:
            found.append(row)
    if fmt != "jsonl":
        show(found, COLUMNS, fmt)
    _said(totals, rows, rule)
    for name in chosen:
        if names := ruleset.unmapped.get(name):
            say(_("no field map knows: {names}").format(names=", ".join(names)))
    return 1 if totals.broken else 0


def _based_on(compiled: Any, chosen: list[str]) -> list[str]:
    """Return the detection rules that rules are, or are made of."""
    found: list[str] = []
    for name in chosen:
        spec = compiled[name].correlation
        found += _based_on(compiled, [slot.rule for slot in spec.slots]) if spec else [name]
    return found


def _counted(swept: Any, totals: Any) -> Any:
    for one in swept:
        totals.add(one)
        yield from one.hits


def _said(totals: Any, hits: int, rule: str) -> None:
    say(_("{records} records, {met} of the rule's log source, {hits} hits").format(records=totals.records, met=totals.met, hits=hits))  # fmt: skip
    if not hits and totals.first_met:
        say(_("why not: hinomi rule explain {rule} --event {place}").format(rule=rule, place=totals.first_met))
    if totals.errors:
        say(_("{count} records that no format took, the first: {place}").format(count=totals.errors, place=totals.first_errors[0]))  # fmt: skip
    for fault in list(totals.faults)[:MOST]:
        say(_("rule {rule} failed on an event").format(rule=fault))
    for reason in totals.broken:
        say(_("could not be read: {reason}").format(reason=reason))
