"""``hinomi host``: devices, what is known of their isolation, and isolating by hand."""

from typing import Any

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, confirm, examples, listed, paged, reasoned
from hinomi.cli.output import as_json, say, show_done, show_one, show_page
from hinomi.text import _

COLUMNS = ("id", "name", "tenant", "state", "observed_at", "age", "holds", "protected")


@click.group("host", epilog=examples("host state PC-0101", "host isolate PC-0101 --reason 'phoned in' --dry-run"))
def command() -> None:
    """See and cut off devices."""


@command.command("list", epilog=examples("host list --state isolated", "host list --tenant kita/aoba -o csv"))
@click.option("--state", help=_("isolated, released, pending_isolation, unknown …"))
@click.option("--tenant", help=_("Subtree."))
@paged
@listed
@configured
def list_(client: Client, fmt: str, limit: int, cursor: str | None, **filters: str | None) -> None:
    """List devices with what was last observed of them."""
    show_page(client.get("hosts", limit=limit, cursor=cursor, **filters), COLUMNS, fmt)


@command.command("state", epilog=examples("host state PC-0101", "host state PC-0101 -o json"))
@click.argument("device")
@listed
@configured
def state(client: Client, device: str, fmt: str) -> None:
    """Show what was observed of one device, when, and who holds it."""
    show_one(client.get(f"hosts/{device}"), fmt)


def _acting(function: Any) -> Any:
    for option in (
        configured,
        listed,
        click.option("--yes", is_flag=True, help=_("Do not ask.")),
        click.option("--dry-run", is_flag=True, help=_("Show the exact request and do nothing.")),
        click.option(
            "--vendor", default="", help=_("By which product of the settings, where several know the device.")
        ),
        reasoned,
        click.argument("device"),
    ):
        function = option(function)
    return function


def _act(client: Client, verb: str, device: str, reason: str, vendor: str, dry_run: bool, yes: bool, fmt: str) -> None:
    wish = {"reason": reason, "dry_run": dry_run, "vendor": vendor}
    if dry_run:
        plan = client.post(f"hosts/{device}/{verb}", wish)
        click.echo(as_json(plan, indent=None if fmt == "jsonl" else 2))
        return
    if not yes:
        known = client.get(f"hosts/{device}")
        about = _("{verb} {name} of {tenant}; owner: {owner}; last seen: {state}")
        confirm(known["name"], about.format(verb=verb, **{**known, "owner": known["owner"] or "-"}))
    outcome = client.post(f"hosts/{device}/{verb}", wish)
    show_done(outcome, fmt, _("asked for: {verb} {device}, in run {run}").format(verb=verb, **outcome))
    say(_("hinomi host state {device} shows what is observed").format(device=device))


@command.command(
    "isolate",
    epilog=examples(
        "host isolate PC-0101 --reason 'phoned in' --dry-run", "host isolate PC-0101 --reason 'phoned in' --yes -o json"
    ),
)
@_acting
def isolate(client: Client, **given: Any) -> None:
    """Cut one device off the network; on a terminal its name is asked for, elsewhere --yes is needed."""
    _act(client, "isolate", **given)


@command.command(
    "release",
    epilog=examples(
        "host release PC-0101 --reason 'scan is clean' --dry-run",
        "host release PC-0101 --reason 'scan is clean' --yes -o json",
    ),
)
@_acting
def release(client: Client, **given: Any) -> None:
    """Lift the cut-off of one device; on a terminal its name is asked for, elsewhere --yes is needed."""
    _act(client, "release", **given)
