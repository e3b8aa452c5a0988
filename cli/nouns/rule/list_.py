"""``hinomi rule list``: what is loaded, and what each rule has found."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed
from hinomi.cli.output import say, show
from hinomi.text import _


@click.command("list", epilog=examples("rule list --unmapped", "rule list --faults -o json"))
@click.option("--faults", is_flag=True, help=_("Only rules that could not be loaded."))
@click.option("--unmapped", is_flag=True, help=_("Only rules with fields that no field map knows."))
@click.option("--off", is_flag=True, help=_("Only rules that are switched off, by whom and why."))
@click.option("--packs", is_flag=True, help=_("The packs that were brought, instead of rules."))
@listed
@configured
def command(client: Client, fmt: str, faults: bool, unmapped: bool, off: bool, packs: bool) -> None:
    """List rules with level, category, whether they contain, hits, and unmapped fields."""
    if packs:
        show(client.get("packs")["items"], ("name", "state", "files", "by", "at", "reason", "digest"), fmt)
        return
    answer = client.get("rules")
    if off:
        show(answer["off"], ("id", "title", "by", "at", "reason"), fmt)
        return
    if faults:
        show(answer["faults"], ("rule", "where", "reason"), fmt)
        return
    rows = [row for row in answer["items"] if row["unmapped"] or not unmapped]
    show(
        rows,
        ("id", "level", "category", "contain", "title", "hits", "last_seen", "noisy", "exceptions", "unmapped"),
        fmt,
    )
    if answer["off"]:
        say(_("{count} rules are switched off: hinomi rule list --off").format(count=len(answer["off"])))
    if answer["faults"]:
        say(_("{count} rules could not be loaded: hinomi rule list --faults").format(count=len(answer["faults"])))
    for state, text in (
        ("ends soon", _("an exception to rule {rule} ends within 14 days: hinomi rule show {rule}")),
        ("ended", _("an exception to rule {rule} has ended and no longer applies: hinomi rule show {rule}")),
    ):
        for row in rows:
            if state in row["exceptions"]:
                say(text.format(rule=row["id"]))
