"""``hinomi alert``: triage."""

from typing import Any

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, listed, paged, reasoned
from hinomi.cli.output import say, show, show_one
from hinomi.text import _

COLUMNS = ("number", "level", "status", "title", "entity", "count", "last_seen", "assignee", "tenant", "incident")
DISPOSITIONS = ("true_positive", "false_positive", "authorised", "test", "duplicate")


@click.group(
    "alert",
    epilog=_(
        "Examples:  hinomi alert list --level critical  ·  hinomi alert close 3 4 7 --disposition false_positive --reason 'known tool'"
    ),
)
def command() -> None:
    """List, read and answer alerts."""


@command.command("list")
@click.option("--status", type=click.Choice(["new", "acknowledged", "closed"]), help=_("Only these."))
@click.option(
    "--level", type=click.Choice(["informational", "low", "medium", "high", "critical"]), help=_("Only these.")
)
@click.option("--rule", help=_("Rule id."))
@click.option("--host", help=_("Device id."))
@click.option("--tenant", help=_("Subtree."))
@paged
@listed
@configured
def list_(client: Client, fmt: str, limit: int, cursor: str | None, **filters: str | None) -> None:
    """List alerts, newest first."""
    page = client.get("alerts", limit=limit, cursor=cursor, **filters)
    show(page["items"], COLUMNS, fmt)
    if page["cursor"]:
        say(_("more: --cursor {cursor}").format(cursor=page["cursor"]))


@command.command("show")
@click.argument("number")
@listed
@configured
def show_(client: Client, number: str, fmt: str) -> None:
    """Show one alert with its evidence."""
    show_one(client.get(f"alerts/{number}"), fmt)


def _selection(function: Any) -> Any:
    for option in (
        click.option("--tenant", help=_("Filter: subtree.")),
        click.option("--level", help=_("Filter: level.")),
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
    if not numbers and not chosen:
        raise click.UsageError(_("name alerts by number, or give a filter (--rule, --level, --tenant)"))
    outcome = client.post(f"alerts/{verb}", {**selection, **body})
    show(outcome["items"], ("id", "ok", "error"), fmt)
    return 6 if any(not item["ok"] for item in outcome["items"]) else 0


@command.command("ack")
@_selection
@reasoned
@listed
@configured
def ack(client: Client, numbers: tuple[str, ...], reason: str, fmt: str, **filters: str | None) -> int:
    """Acknowledge alerts: somebody is looking."""
    return _act(client, "acknowledge", numbers, filters, {"reason": reason}, fmt)


@command.command("assign")
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


@command.command("close")
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
