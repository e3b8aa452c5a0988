"""``hinomi incident``: what happened, and where it stands."""

import click

from hinomi.cli.client import Client
from hinomi.cli.nouns.alert import DISPOSITIONS
from hinomi.cli.options import configured, examples, fail_on, listed, paged, reasoned
from hinomi.cli.output import show_done, show_one, show_page
from hinomi.text import _

COLUMNS = ("number", "severity", "status", "title", "entity", "opened_at", "assignee", "category", "tenant")


SEVERITIES = ("low", "medium", "high", "critical")
DECIDE = "incident decide 1 true_positive --reason 'macro seen'"


@click.group("incident", epilog=examples("incident show 1", DECIDE))
def command() -> None:
    """List, read and decide incidents."""


@command.command("list", epilog=examples("incident list --status open", "incident list --fail-on critical -o json"))
@click.option("--status", type=click.Choice(["open", "closed", "merged"]), help=_("Only these."))
@click.option("--severity", type=click.Choice(SEVERITIES), help=_("Only these."))
@click.option("--host", help=_("Device id."))
@click.option("--tenant", help=_("Subtree."))
@fail_on(SEVERITIES)
@paged
@listed
@configured
def list_(client: Client, fmt: str, limit: int, cursor: str | None, worst: str | None, **filters: str | None) -> int:
    """List incidents, newest first."""
    page = client.get("incidents", limit=limit, cursor=cursor, **filters)
    show_page(page, COLUMNS, fmt)
    ranks = {name: rank for rank, name in enumerate(SEVERITIES)}
    return 3 if worst and any(ranks.get(row["severity"], 0) >= ranks[worst] for row in page["items"]) else 0


@command.command("show", epilog=examples("incident show 1", "incident show 1 -o json"))
@click.argument("number")
@listed
@configured
def show_(client: Client, number: str, fmt: str) -> None:
    """Show one incident: facts, alerts, runs, timeline."""
    show_one(client.get(f"incidents/{number}"), fmt)


@command.command(
    "note", epilog=examples("incident note 1 'the teacher phoned'", "incident note 1 'PC collected' -o json")
)
@click.argument("number")
@click.argument("text")
@listed
@configured
def note(client: Client, number: str, text: str, fmt: str) -> None:
    """Write a note on the timeline."""
    show_done(client.post(f"incidents/{number}/note", {"text": text}), fmt, _("noted"))


@command.command("decide", epilog=examples(DECIDE, "incident decide 2 false_positive --reason 'known tool'"))
@click.argument("number")
@click.argument("choice")
@reasoned
@listed
@configured
def decide(client: Client, number: str, choice: str, reason: str, fmt: str) -> None:
    """Decide what the incident's playbook asks (true_positive, false_positive, …), or report its task as done."""
    outcome = client.post(f"incidents/{number}/decide", {"choice": choice, "reason": reason})
    show_done(outcome, fmt, _("decided: {choice}").format(choice=choice))


@command.command("assign", epilog=examples("incident assign 1 --to o1", "incident assign 1 --to o2 -o json"))
@click.argument("number")
@click.option("--to", "assignee", required=True, help=_("Who takes it."))
@listed
@configured
def assign(client: Client, number: str, assignee: str, fmt: str) -> None:
    """Assign an incident."""
    show_done(client.post(f"incidents/{number}/assign", {"assignee": assignee}), fmt, _("assigned"))


@command.command(
    "close",
    epilog=examples(
        "incident close 1 --disposition true_positive --reason 'PC is clean'",
        "incident close 2 --disposition test --reason 'drill of 11/20' -o json",
    ),
)
@click.argument("number")
@click.option("--disposition", required=True, type=click.Choice(DISPOSITIONS), help=_("What it was."))
@reasoned
@listed
@configured
def close(client: Client, number: str, disposition: str, reason: str, fmt: str) -> None:
    """Close an incident."""
    outcome = client.post(f"incidents/{number}/close", {"disposition": disposition, "reason": reason})
    show_done(outcome, fmt, _("closed"))
