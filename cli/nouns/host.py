"""``hinomi host``: devices, what is known of their isolation, and isolating by hand."""

import json

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, confirm, listed, paged, reasoned
from hinomi.cli.output import say, show, show_one
from hinomi.text import _


@click.group(
    "host",
    epilog=_("Examples:  hinomi host state PC-0101  ·  hinomi host isolate PC-0101 --reason 'phoned in' --dry-run"),
)
def command() -> None:
    """See and cut off devices."""


@command.command("list")
@click.option("--state", help=_("isolated, released, pending_isolation, unknown …"))
@click.option("--tenant", help=_("Subtree."))
@paged
@listed
@configured
def list_(client: Client, fmt: str, limit: int, cursor: str | None, **filters: str | None) -> None:
    """List devices with what was last observed of them."""
    columns = ("id", "name", "tenant", "state", "observed_at", "age", "holds", "protected")
    show(client.get("hosts", limit=limit, cursor=cursor, **filters)["items"], columns, fmt)


@command.command("state")
@click.argument("device")
@listed
@configured
def state(client: Client, device: str, fmt: str) -> None:
    """Show what was observed of one device, when, and who holds it."""
    show_one(client.get(f"hosts/{device}"), fmt)


def _acting(verb: str, client: Client, device: str, reason: str, dry_run: bool, yes: bool) -> None:
    if dry_run:
        plan = client.post(f"hosts/{device}/{verb}", {"reason": reason, "dry_run": True})
        click.echo(json.dumps(plan, ensure_ascii=False, indent=2))
        return
    confirm(device, yes=yes)
    outcome = client.post(f"hosts/{device}/{verb}", {"reason": reason, "dry_run": False})
    say(
        _("asked for: {verb} {device}; hinomi host state {device} shows what is observed").format(
            verb=verb, device=device
        )
    )
    show_one(outcome, "table")


@command.command("isolate")
@click.argument("device")
@reasoned
@click.option("--dry-run", is_flag=True, help=_("Show the exact request and do nothing."))
@click.option("--yes", is_flag=True, help=_("Do not ask."))
@configured
def isolate(client: Client, device: str, reason: str, dry_run: bool, yes: bool) -> None:
    """Cut one device off the network."""
    _acting("isolate", client, device, reason, dry_run, yes)


@command.command("release")
@click.argument("device")
@reasoned
@click.option("--dry-run", is_flag=True, help=_("Show the exact request and do nothing."))
@click.option("--yes", is_flag=True, help=_("Do not ask."))
@configured
def release(client: Client, device: str, reason: str, dry_run: bool, yes: bool) -> None:
    """Lift the cut-off of one device."""
    _acting("release", client, device, reason, dry_run, yes)
