"""``hinomi receipt``: who was shown to have received what."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed, reasoned
from hinomi.cli.output import show, show_done
from hinomi.text import _

COLUMNS = ("id", "flow", "role", "incident", "text", "sent_to", "opened_at", "due_at", "state", "by", "done_at")


@click.group(
    "receipt",
    epilog=examples("receipt list", "receipt note 3f2a90b1 --person p-012 --how phone --reason 'called at 09:12'"),
)
def command() -> None:
    """List receipts, and note one that came by phone."""


@command.command("list", epilog=examples("receipt list --incident 1", "receipt list --all -o jsonl"))
@click.option("--all", "everything", is_flag=True, help=_("Those that came, too."))
@click.option("--incident", help=_("Number or id."))
@listed
@configured
def list_(client: Client, fmt: str, everything: bool, incident: str | None) -> None:
    """List receipts that are waited for, with the people they were sent to."""
    rows = client.get("receipts", state="" if everything else "open", incident=incident)["items"]
    show([{**row, "sent_to": [r["person"] for r in row["receipts"]]} for row in rows], COLUMNS, fmt)


@command.command(
    "note",
    epilog=examples(
        "receipt note 3f2a90b1 --person p-012 --reason 'called at 09:12'",
        "receipt note 3f2a90b1 --person p-012 --how 'in person' --reason 'met at the gate'",
    ),
)
@click.argument("wait")
@click.option("--person", required=True, help=_("Who received it."))
@click.option("--how", default="phone", show_default=True, help=_("phone, in person …"))
@reasoned
@listed
@configured
def note(client: Client, wait: str, person: str, how: str, reason: str, fmt: str) -> None:
    """Note a receipt that was given by phone; your name is kept with it."""
    outcome = client.post(f"receipts/{wait}/note", {"person": person, "how": how, "reason": reason})
    show_done(outcome, fmt, _("noted"))
