"""``hinomi alert``: triage."""

from typing import Any

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, fail_on, listed, paged, reasoned
from hinomi.cli.output import say, show, show_one, show_page
from hinomi.text import _

COLUMNS = (
    "number", "level", "status", "title", "entity", "count", "last_seen", "assignee", "tenant", "incident_number",
)  # fmt: skip
DISPOSITIONS = ("true_positive", "false_positive", "authorised", "test", "duplicate")


LEVELS = ("informational", "low", "medium", "high", "critical")
STATUSES = ("new", "acknowledged", "closed")
CLOSE = "alert close 3 4 7 --disposition false_positive --reason 'known tool'"


@click.group("alert", epilog=examples("alert list --level critical", CLOSE))
def command() -> None:
    """List, read and answer alerts."""


@command.command(
    "list", epilog=examples("alert list --level critical --status new", "alert list --fail-on high -o csv > alerts.csv")
)
@click.option("--status", type=click.Choice(STATUSES), help=_("Only these."))
@click.option("--level", type=click.Choice(LEVELS), help=_("Only these."))
@click.option("--rule", help=_("Rule id."))
@click.option("--host", help=_("Device id."))
@click.option("--tenant", help=_("Subtree."))
@fail_on(LEVELS)
@paged
@listed
@configured
def list_(client: Client, fmt: str, limit: int, cursor: str | None, worst: str | None, **filters: str | None) -> int:
    """List alerts, newest first."""
    page = client.get("alerts", limit=limit, cursor=cursor, **filters)
    show_page(page, COLUMNS, fmt)
    return 3 if worst and any(LEVELS.index(row["level"]) >= LEVELS.index(worst) for row in page["items"]) else 0


@command.command("show", epilog=examples("alert show 3", "alert show 3 -o json"))
@click.argument("number")
@listed
@configured
def show_(client: Client, number: str, fmt: str) -> None:
    """Show one alert with its evidence."""
    show_one(client.get(f"alerts/{number}"), fmt)


def _selection(function: Any) -> Any:
    for option in (
        click.option("--tenant", help=_("Filter: subtree.")),
        click.option("--status", type=click.Choice(STATUSES[:2]), help=_("Filter: status.")),
        click.option("--host", help=_("Filter: device id.")),
        click.option("--level", type=click.Choice(LEVELS), help=_("Filter: level.")),
        click.option("--rule", help=_("Filter: rule id, instead of numbers.")),
        click.argument("numbers", nargs=-1),
    ):
        function = option(function)
    return function


def _act(
    client: Client, verb: str, numbers: tuple[str, ...], filters: dict[str, str | None], body: dict[str, Any], fmt: str
) -> int:
    chosen = {name: value for name, value in filters.items() if value}
    selection: dict[str, Any] = {"ids": list(numbers)} if numbers else {"filter": chosen}
    if bool(numbers) == bool(chosen):
        raise click.UsageError(
            _("name alerts by number, or give a filter (--rule, --level, --host, --status, --tenant)")
        )
    items = client.post(f"alerts/{verb}", {**selection, **body})["items"]
    show(items, ("id", "ok", "error"), fmt)
    failed = sum(not item["ok"] for item in items)
    if not items:
        say(_("no open alert fits: hinomi alert list"))
    elif failed:
        say(_("{failed} of {count} failed").format(failed=failed, count=len(items)))
    return 6 if failed else 0


@command.command(
    "ack", epilog=examples("alert ack 3 4 7 --reason 'looking'", "alert ack --host PC-0101 --reason 'looking'")
)
@_selection
@reasoned
@listed
@configured
def ack(client: Client, numbers: tuple[str, ...], reason: str, fmt: str, **filters: str | None) -> int:
    """Acknowledge alerts: somebody is looking."""
    return _act(client, "acknowledge", numbers, filters, {"reason": reason}, fmt)


@command.command(
    "assign",
    epilog=examples(
        "alert assign 3 4 --to o1 --reason 'night shift'", "alert assign --level critical --to o1 --reason 'lead'"
    ),
)
@_selection
@click.option("--to", "assignee", required=True, help=_("Who takes them."))
@reasoned
@listed
@configured
def assign(
    client: Client, numbers: tuple[str, ...], assignee: str, reason: str, fmt: str, **filters: str | None
) -> int:
    """Assign alerts."""
    return _act(client, "assign", numbers, filters, {"reason": reason, "assignee": assignee}, fmt)


@command.command(
    "close", epilog=examples(CLOSE, "alert close --rule 6f0d7c1e --disposition test --reason 'drill of 11/20'")
)
@_selection
@click.option("--disposition", required=True, type=click.Choice(DISPOSITIONS), help=_("What it was."))
@reasoned
@listed
@configured
def close(
    client: Client, numbers: tuple[str, ...], disposition: str, reason: str, fmt: str, **filters: str | None
) -> int:
    """Close alerts; authorised and test ones stay closed when they are hit again."""
    return _act(client, "close", numbers, filters, {"reason": reason, "disposition": disposition}, fmt)
