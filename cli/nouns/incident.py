"""``hinomi incident``: what happened, and where it stands."""

import click

from hinomi.cli.client import Client
from hinomi.cli.nouns.alert import DISPOSITIONS
from hinomi.cli.options import configured, examples, fail_on, listed, paged, reasoned
from hinomi.cli.output import say, show, show_done, show_one, show_page
from hinomi.text import _

COLUMNS = ("number", "severity", "status", "title", "entity", "opened_at", "assignee_name", "category", "tenant")

ABOUT = (
    "number", "status", "severity", "title", "title_ja", "category", "cause", "file_class", "school", "host", "user_name", "assignee_name",
    "disposition", "opened_at", "detected_at", "acknowledged_at", "closed_at",
)  # fmt: skip
TOLD = ("reported_by", "occurred_at", "what")
FACTS = ("sources", "files", "processes", "sha256", "vendor_sha1")
PARTS = {
    "alerts": ("number", "level", "status", "title", "count", "first_seen", "last_seen"),
    "runs": ("id", "playbook", "mode", "state"),
    "reports": ("number", "kind", "state", "path"),
    "timeline": ("at", "who", "told"),
}


SEVERITIES = ("low", "medium", "high", "critical")
KINDS = ("lost_device", "missent")
DECIDE = "incident decide 1 true_positive --reason 'macro seen'"
LOST = "incident open --cause internal --kind lost_device --reported-by t01 --device PC-0101 --what 'left on a train'"


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
    """Show one incident: facts, alerts, runs, reports, timeline; -o json shows all that is kept."""
    incident = client.get(f"incidents/{number}")
    if fmt != "table":
        show_one(incident, fmt)
        return
    about = {name: incident[name] for name in ABOUT if incident[name]}
    facts = {name: ", ".join(map(str, incident["facts"][name])) for name in FACTS if incident["facts"].get(name)}
    told = {name: incident["facts"][name] for name in TOLD if incident["facts"].get(name)}
    show_one({**about, **facts, **told}, fmt)
    if law := incident["facts"].get("statutory"):
        say("\nstatutory")
        show([{**clock, "why": "\n".join(law["reasons"])} for clock in law["clocks"]], ("name", "due", "why"), fmt)
    for alert in incident["alerts"]:
        alert["title"] = alert["title_ja"] or alert["title"]
    for part, columns in PARTS.items():
        if incident[part]:
            say(f"\n{part}")
            show(incident[part], columns, fmt)


@command.command(
    "open", epilog=examples(LOST, "incident open --cause internal --kind missent --reported-by t01 -o json")
)
@click.option(
    "--cause", type=click.Choice(["internal"]), required=True, help=_("What people report is of internal cause.")
)
@click.option("--kind", type=click.Choice(KINDS), required=True, help=_("What has happened."))
@click.option(
    "--reported-by", required=True, metavar="PERSON", help=_("Who reports it: an id or account of people.csv.")
)
@click.option(
    "--device", default="", help=_("Device id, name or asset number; of a lost one, theirs if they have one.")
)
@click.option("--occurred-at", default="", metavar="TIME", help=_("When: 2h (ago), 2026-11-19T08:00; default now."))
@click.option("--what", default="", help=_("What they say; no names of pupils."))
@click.option("--title", default="", help=_("Title; default that of its kind."))
@listed
@configured
def open_(client: Client, fmt: str, **told: str) -> None:
    """Open an incident that a person has reported: a lost PC, a mis-sent message. Reported twice, it is one."""
    outcome = client.post("incidents", told)
    text = _("opened: incident {number}") if outcome["opened"] else _("joined: incident {number} was open already")
    show_done(outcome, fmt, text.format(number=outcome["number"]))
    if not outcome["live"]:
        say(_("no playbook is live for it: nobody is told; hinomi playbook activate ID --mode live --reason …"))


@command.command("link", epilog=examples("incident link t01", "incident link h01 -o json"))
@click.argument("person")
@listed
@configured
def link(client: Client, person: str, fmt: str) -> None:
    """Make a person's own link to the page on which a lost PC or a mis-sent message is reported; it holds for 90 days."""
    outcome = client.post("incidents/links", {"person": person})
    if fmt == "table":
        click.echo(outcome["url"])
    else:
        show_one(outcome, fmt)


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
