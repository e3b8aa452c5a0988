"""``hinomi rule coverage``: what the rules ask for, what of it is mapped, and whether it is received."""

import json
from pathlib import Path
from typing import Any

import click

from hinomi.cli.client import Client
from hinomi.cli.options import config_of, examples, listed
from hinomi.cli.output import say, show
from hinomi.errors import ConfigError, HinomiError
from hinomi.text import _

COLUMNS = ("product", "category", "service", "rules", "mapped", "partly", "none", "received", "last", "unmapped")


@click.command(
    "coverage",
    epilog=examples("rule coverage", "rule coverage ./rules --unmapped", "rule coverage --navigator layer.json"),
)
@click.argument("folders", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--unmapped", is_flag=True, help=_("List the rules with fields or log sources that no field map knows."))
@click.option(
    "--navigator",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help=_("Write an ATT&CK Navigator layer (format 4.5)."),
)
@click.option("--since", default="7d", show_default=True, help=_("How far back a log source counts as received."))
@listed
@click.pass_context
def command(
    ctx: click.Context,
    folders: tuple[Path, ...],
    unmapped: bool,
    navigator: Path | None,
    since: str,
    fmt: str,
) -> None:
    """Show per log source: rules, how many have every field mapped, and whether the source is received.

    Without folders, the rules of the settings. Without settings or data, *received* is unknown (?).
    """
    from hinomi.detections.coverage import navigator as layer
    from hinomi.detections.coverage import receive, survey

    client = _client(config_of(ctx))
    found = survey(folders or _folders(client))
    if client is not None:
        try:
            receive(found, lambda by: _counted(client, by, since))
        except HinomiError as error:
            say(_("what is received is not known: {error}").format(error=error))
    if navigator is not None:
        navigator.write_text(
            json.dumps(layer(found, _("hinomi: rules")), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
        say(_("written: {path}").format(path=navigator))
    if unmapped:
        rules = [rule for coverage in found for rule in coverage.rules if rule.unmapped]
        rows = [
            {
                "rule": rule.id,
                "title": rule.title,
                "source": "/".join(part or "-" for part in rule.source),
                "unmapped": list(rule.unmapped),
                "path": rule.where,
            }
            for rule in rules
        ]
        show(rows, ("rule", "source", "unmapped", "title", "path"), fmt)
    else:
        show([each.row() for each in found], COLUMNS, fmt)
    rules_ = [rule for each in found for rule in each.rules]
    mapped = sum(not rule.unmapped for rule in rules_)
    say(_("{mapped} of {count} rules have every field mapped; {received} of {sources} log sources are received").format(
        mapped=mapped, count=len(rules_), received=sum(each.received is True for each in found), sources=len(found)
    ))  # fmt: skip


def _client(config: str | None) -> Client | None:
    """Return who to ask what is received; none where no settings were named and there are none."""
    try:
        return Client(config)
    except ConfigError:
        if config:
            raise
        return None


def _folders(client: Client | None) -> list[Path]:
    from hinomi.detections import packaged_folders
    from hinomi.detections.packs.shelf import published
    from hinomi.settings import Settings, load_settings

    settings = load_settings(client.config) if client else Settings()
    own = (settings.resolve(folder) for folder in settings.rules.folders)
    return [*packaged_folders(settings), *own, *published(settings.data).folders(settings.data)]


def _counted(client: Client, by: tuple[str, ...], since: str) -> list[dict[str, Any]]:
    try:
        answer = client.post("events/count", {"since": since, "by": list(by), "limit": 1000})
    except HinomiError as error:
        if error.exit_code != 2:  # not: a field that the store does not count by, as no event has it in a column
            raise
        return []
    items: list[dict[str, Any]] = answer["items"]
    return items
