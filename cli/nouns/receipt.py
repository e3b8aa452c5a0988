"""``hinomi receipt``: who was shown to have received what."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, listed, reasoned
from hinomi.cli.output import say, show
from hinomi.text import _


@click.group(
    "receipt", epilog=_("Example:  hinomi receipt note 3f2a… --person p-012 --how phone --reason 'called at 09:12'")
)
def command() -> None:
    """List receipts, and note one that came by phone."""


@command.command("list")
@click.option("--all", "everything", is_flag=True, help=_("Those that came, too."))
@click.option("--incident", help=_("Number or id."))
@listed
@configured
def list_(client: Client, fmt: str, everything: bool, incident: str | None) -> None:
    """List receipts that are waited for."""
    rows = client.get("receipts", state=None if everything else "open", incident=incident)["items"]
    show(rows, ("id", "flow", "role", "incident", "text", "opened_at", "due_at", "state", "by", "done_at"), fmt)


@command.command("note")
@click.argument("wait")
@click.option("--person", required=True, help=_("Who received it."))
@click.option("--how", default="phone", show_default=True, help=_("phone, in person …"))
@reasoned
@configured
def note(client: Client, wait: str, person: str, how: str, reason: str) -> None:
    """Note a receipt that was given by phone; your name is kept with it."""
    client.post(f"receipts/{wait}/note", {"person": person, "how": how, "reason": reason})
    say(_("noted"))
