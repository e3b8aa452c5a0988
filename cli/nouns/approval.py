"""``hinomi approval``: what waits for a yes or a no."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed, reasoned
from hinomi.cli.output import show, show_done
from hinomi.text import _

COLUMNS = ("id", "kind", "role", "incident", "text", "options", "opened_at", "due_at", "state", "escalated_at")


@click.group("approval", epilog=examples("approval list", "approval approve 3f2a90b1 --reason 'scan is clean'"))
def command() -> None:
    """Approve or deny."""


@command.command("list", epilog=examples("approval list --incident 1", "approval list --all -o csv"))
@click.option("--all", "everything", is_flag=True, help=_("Those that are done, too."))
@click.option("--incident", help=_("Number or id."))
@listed
@configured
def list_(client: Client, fmt: str, everything: bool, incident: str | None) -> None:
    """List approvals, decisions and tasks that wait for somebody."""
    state = "" if everything else "open"
    rows = [
        row
        for kind in ("approvals", "decisions", "tasks")
        for row in client.get(kind, state=state, incident=incident)["items"]
    ]
    show(rows, COLUMNS, fmt)


def _decide(client: Client, wait: str, choice: str, reason: str, fmt: str) -> None:
    outcome = client.post(f"approvals/{wait}", {"choice": choice, "reason": reason})
    show_done(outcome, fmt, f"{choice}: {wait}")


@command.command(
    "approve",
    epilog=examples(
        "approval approve 3f2a90b1 --reason 'scan is clean'", "approval approve 3f2a90b1 --reason 'PC rebuilt' -o json"
    ),
)
@click.argument("wait")
@reasoned
@listed
@configured
def approve(client: Client, wait: str, reason: str, fmt: str) -> None:
    """Say yes to what `approval list` shows."""
    _decide(client, wait, "approve", reason, fmt)


@command.command(
    "deny",
    epilog=examples(
        "approval deny 3f2a90b1 --reason 'still infected'", "approval deny 3f2a90b1 --reason 'examination' -o json"
    ),
)
@click.argument("wait")
@reasoned
@listed
@configured
def deny(client: Client, wait: str, reason: str, fmt: str) -> None:
    """Say no to what `approval list` shows."""
    _decide(client, wait, "deny", reason, fmt)
