"""``hinomi rule stats``: how often each rule has fired, when last, what it costs."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed
from hinomi.cli.output import say, show
from hinomi.text import _

COLUMNS = ("id", "level", "hits_24h", "hits", "last_seen", "noisy", "tenants", "cost_us", "title")
SORTS = {"hits": "hits", "recent": "last_seen", "cost": "cost_us"}


@click.command("stats", epilog=examples("rule stats --by cost", "rule stats --silent -o csv"))
@click.option(
    "--by",
    type=click.Choice(list(SORTS)),
    default="hits",
    show_default=True,
    help=_("Most hits, fired last, or most costly first."),
)
@click.option("--silent", is_flag=True, help=_("Only rules that never fired."))
@click.option("--limit", type=click.IntRange(1), default=None, help=_("Only so many rows."))
@listed
@configured
def command(client: Client, fmt: str, by: str, silent: bool, limit: int | None) -> None:
    """Show hits of a day and of all time, the last one, noise, and the microseconds of one evaluation where measured."""
    rows = [row for row in client.get("rules/stats")["items"] if not (silent and row["hits"])]
    key = SORTS[by]
    rows.sort(
        key=lambda row: (row[key] is not None, row[key] or 0 if key != "last_seen" else row[key] or ""), reverse=True
    )
    show(rows[:limit], COLUMNS, fmt)
    fired, noisy = sum(bool(row["hits"]) for row in rows), [row["id"] for row in rows if row["noisy"]]
    say(_("{count} rules, {fired} have fired").format(count=len(rows), fired=fired))
    for rule in noisy[:5]:
        say(
            _("rule {rule} is noisy, its hits make one alert a tenant: mend it, or hinomi rule disable {rule}").format(
                rule=rule
            )
        )
