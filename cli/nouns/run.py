"""``hinomi run``: playbook runs."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, examples, listed, paged, reasoned
from hinomi.cli.output import show, show_done, show_one, show_page
from hinomi.cli.run_graph import show_graph
from hinomi.text import _

COLUMNS = ("id", "incident_number", "playbook", "mode", "state", "started_at", "ended_at")
STEPS = ("flow", "name", "kind", "state", "outcome", "started_at", "due_at", "done_at", "by_name", "error")
SKIP = "run skip 9c1f03ab --step scan --reason 'PC is rebuilt'"


@click.group("run", epilog=examples("run show 9c1f03ab", SKIP))
def command() -> None:
    """See and steer playbook runs."""


@command.command("list", epilog=examples("run list --state running", "run list --incident 1 -o json"))
@click.option("--state", help=_("running, paused, done, failed, cancelled"))
@click.option("--incident", help=_("Number or id."))
@paged
@listed
@configured
def list_(client: Client, fmt: str, limit: int, cursor: str | None, **filters: str | None) -> None:
    """List runs, newest first."""
    show_page(client.get("runs", limit=limit, cursor=cursor, **filters), COLUMNS, fmt)


@command.command("show", epilog=examples("run show 9c1f03ab --graph", "run show 9c1f03ab -o json"))
@click.argument("run")
@click.option("--graph", is_flag=True, help=_("As a tree: what comes after what, where it stands, who is waited for."))
@listed
@configured
def show_(client: Client, run: str, graph: bool, fmt: str) -> None:
    """Show a run's steps: due, done, by whom."""
    shown = client.get(f"runs/{run}")
    if graph and fmt == "table":
        show_graph(shown)
    elif fmt == "table":
        steps = shown.pop("steps", [])
        show_one({k: v for k, v in shown.items() if not isinstance(v, list | dict)}, fmt)
        show(steps, STEPS, fmt)
    else:
        show_one(shown, fmt)


def _steer(client: Client, run: str, verb: str, reason: str, step: str | None, fmt: str) -> None:
    outcome = client.post(f"runs/{run}/{verb}", {"reason": reason, "step": step})
    show_done(outcome, fmt, f"{verb}: {run}" + (f" {step}" if step else ""))


@command.command(
    "pause",
    epilog=examples("run pause 9c1f03ab --reason 'vendor is called'", "run pause 9c1f03ab --reason 'drill' -o json"),
)
@click.argument("run")
@reasoned
@listed
@configured
def pause(client: Client, run: str, reason: str, fmt: str) -> None:
    """Start and send nothing more until it is resumed; what was sent goes on being verified."""
    _steer(client, run, "pause", reason, None, fmt)


@command.command(
    "resume",
    epilog=examples("run resume 9c1f03ab --reason 'vendor answered'", "run resume 9c1f03ab --reason 'drill' -o json"),
)
@click.argument("run")
@reasoned
@listed
@configured
def resume(client: Client, run: str, reason: str, fmt: str) -> None:
    """Go on after a pause."""
    _steer(client, run, "resume", reason, None, fmt)


@command.command(
    "retry",
    epilog=examples(
        "run retry 9c1f03ab --step isolate --reason 'EDR is back'",
        "run retry 9c1f03ab --step scan --reason 'PC is on again' -o json",
    ),
)
@click.argument("run")
@click.option("--step", required=True, help=_("Name of the step."))
@reasoned
@listed
@configured
def retry(client: Client, run: str, step: str, reason: str, fmt: str) -> None:
    """Try a failed step again; the vendor is asked first whether our request is there."""
    _steer(client, run, "retry", reason, step, fmt)


@command.command("skip", epilog=examples(SKIP, "run skip 9c1f03ab --step eradicate --reason 'done by hand' -o json"))
@click.argument("run")
@click.option("--step", required=True, help=_("Name of the step."))
@reasoned
@listed
@configured
def skip(client: Client, run: str, step: str, reason: str, fmt: str) -> None:
    """Write a step off; those after it start."""
    _steer(client, run, "skip", reason, step, fmt)
