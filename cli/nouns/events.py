"""``hinomi events``: look into what was stored."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed, paged
from hinomi.cli.output import say, show, show_one, show_page
from hinomi.text import _, jst

COLUMNS = (
    "@timestamp",
    "event.dataset",
    "event.action",
    "host.name",
    "user.name",
    "process.command_line",
    "file.path",
    "event.id",
)


SEARCH = "events search 'host.name=PC-0101 powershell' --since 2h"


@click.group("events", epilog=examples(SEARCH, "help queries"))
def command() -> None:
    """Search and show stored events."""


@command.command("search", epilog=examples(SEARCH, "events search --egress --since 30d -o csv > egress.csv"))
@click.argument("query", default="")
@click.option("--since", default="24h", show_default=True, help=_("2h, 30d, 2026-11-19 or 令和8年11月19日."))
@click.option("--until", default="now", show_default=True, help=_("The same, exclusive."))
@click.option("--egress", is_flag=True, help=_("Only files that left."))
@paged
@listed
@configured
def search(
    client: Client, query: str, since: str, until: str, egress: bool, limit: int, cursor: str | None, fmt: str
) -> None:
    """Find events: field=value, field~part, field>n and bare words, all of which must fit."""
    body = {
        "query": query,
        "since": since,
        "until": until,
        "limit": limit,
        "cursor": cursor,
        "table": "egress" if egress else "events",
    }
    page = client.post("events/search", body)
    show_page(page, COLUMNS, fmt)
    seen = {"count": len(page["items"]), "since": jst(page["since"]), "until": jst(page["until"])}
    say(_("{count} shown; window {since} to {until}").format(**seen))


@command.command(
    "count",
    epilog=examples(
        "events count --by event.dataset --by host.name --since 7d", "events count 'user.name=sato' --by event.action"
    ),
)
@click.argument("query", default="")
@click.option("--since", default="24h", show_default=True, help=_("2h, 30d, 2026-11-19 or 令和8年11月19日."))
@click.option("--until", default="now", show_default=True, help=_("The same, exclusive."))
@click.option("--by", multiple=True, help=_("Field to count by; up to three."))
@click.option("--egress", is_flag=True, help=_("Only files that left."))
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help=_("Rows, most first."))
@listed
@configured
def count(
    client: Client, query: str, since: str, until: str, by: tuple[str, ...], egress: bool, limit: int, fmt: str
) -> None:
    """Count events that fit a query, by the values of fields."""
    body = {"query": query, "since": since, "until": until, "by": list(by), "limit": limit}
    found = client.post("events/count", body | {"table": "egress" if egress else "events"})
    show(found["items"], (*by, "count", "first", "last"), fmt)


@command.command(
    "show",
    epilog=examples(
        "events show 1e99d96d8dff1f87a2526d21da6a2deb", "events show 1e99d96d8dff1f87a2526d21da6a2deb -o jsonl"
    ),
)
@click.argument("event_id")
@listed
@configured
def show_(client: Client, event_id: str, fmt: str) -> None:
    """Print one event: its fields beneath each other, or (-o json, jsonl) the nested ECS document."""
    from hinomi.event import flat

    document = client.get(f"events/{event_id}")
    show_one(document if fmt in ("json", "jsonl") else dict(flat(document)), fmt)
