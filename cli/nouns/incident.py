"""``hinomi incident``: what happened, and where it stands."""

import click

from hinomi.cli.client import Client
from hinomi.cli.nouns.alert import DISPOSITIONS
from hinomi.cli.options import configured, listed, paged, reasoned
from hinomi.cli.output import say, show, show_one
from hinomi.text import _

COLUMNS = ("number", "severity", "status", "title", "entity", "opened_at", "assignee", "category", "tenant")


@click.group(
    "incident",
    epilog=_("Examples:  hinomi incident show 1  ·  hinomi incident decide 1 true_positive --reason 'macro seen'"),
)
def command() -> None:
    """List, read and decide incidents."""


@command.command("list")
@click.option("--status", type=click.Choice(["open", "closed", "merged"]), help=_("Only these."))
@click.option("--severity", type=click.Choice(["low", "medium", "high", "critical"]), help=_("Only these."))
@click.option("--host", help=_("Device id."))
@click.option("--tenant", help=_("Subtree."))
@paged
@listed
@configured
def list_(client: Client, fmt: str, limit: int, cursor: str | None, **filters: str | None) -> None:
    """List incidents, newest first."""
    page = client.get("incidents", limit=limit, cursor=cursor, **filters)
    show(page["items"], COLUMNS, fmt)
    if page["cursor"]:
        say(_("more: --cursor {cursor}").format(cursor=page["cursor"]))


@command.command("show")
@click.argument("number")
@listed
@configured
def show_(client: Client, number: str, fmt: str) -> None:
    """Show one incident: facts, alerts, runs, timeline."""
    show_one(client.get(f"incidents/{number}"), fmt)


@command.command("note")
@click.argument("number")
@click.argument("text")
@configured
def note(client: Client, number: str, text: str) -> None:
    """Write a note on the timeline."""
    client.post(f"incidents/{number}/note", {"text": text})
    say(_("noted"))


@command.command("decide")
@click.argument("number")
@click.argument("choice")
@reasoned
@configured
def decide(client: Client, number: str, choice: str, reason: str) -> None:
    """Decide what the incident's playbook asks (true_positive, false_positive, …)."""
    client.post(f"incidents/{number}/decide", {"choice": choice, "reason": reason})
    say(_("decided: {choice}").format(choice=choice))


@command.command("assign")
@click.argument("number")
@click.option("--to", "assignee", required=True, help=_("Who takes it."))
@configured
def assign(client: Client, number: str, assignee: str) -> None:
    """Assign an incident."""
    client.post(f"incidents/{number}/assign", {"assignee": assignee})
    say(_("assigned"))


@command.command("close")
@click.argument("number")
@click.option("--disposition", required=True, type=click.Choice(DISPOSITIONS), help=_("What it was."))
@reasoned
@configured
def close(client: Client, number: str, disposition: str, reason: str) -> None:
    """Close an incident."""
    client.post(f"incidents/{number}/close", {"disposition": disposition, "reason": reason})
    say(_("closed"))
