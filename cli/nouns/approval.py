"""``hinomi approval``: what waits for a yes or a no."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, listed, reasoned
from hinomi.cli.output import say, show
from hinomi.text import _

COLUMNS = ("id", "kind", "role", "incident", "text", "options", "opened_at", "due_at", "state", "escalated_at")


@click.group("approval", epilog=_("Example:  hinomi approval approve 3f2a… --reason 'scan is clean'"))
def command() -> None:
    """Approve or deny."""


@command.command("list")
@click.option("--all", "everything", is_flag=True, help=_("Those that are done, too."))
@click.option("--incident", help=_("Number or id."))
@listed
@configured
def list_(client: Client, fmt: str, everything: bool, incident: str | None) -> None:
    """List approvals, decisions and tasks that wait for somebody."""
    state = None if everything else "open"
    rows = [
        row
        for kind in ("approvals", "decisions", "tasks")
        for row in client.get(kind, state=state, incident=incident)["items"]
    ]
    show(rows, COLUMNS, fmt)


def _decide(client: Client, wait: str, choice: str, reason: str) -> None:
    client.post(f"approvals/{wait}", {"choice": choice, "reason": reason})
    say(f"{choice}: {wait}")


@command.command("approve")
@click.argument("wait")
@reasoned
@configured
def approve(client: Client, wait: str, reason: str) -> None:
    """Say yes."""
    _decide(client, wait, "approve", reason)


@command.command("deny")
@click.argument("wait")
@reasoned
@configured
def deny(client: Client, wait: str, reason: str) -> None:
    """Say no."""
    _decide(client, wait, "deny", reason)
