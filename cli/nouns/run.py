"""``hinomi run``: playbook runs."""

import click

from hinomi.cli.client import Client
from hinomi.cli.options import configured, listed, paged, reasoned
from hinomi.cli.output import say, show, show_one
from hinomi.text import _


@click.group(
    "run", epilog=_("Examples:  hinomi run show 9c1f…  ·  hinomi run skip 9c1f… --step scan --reason 'PC is rebuilt'")
)
def command() -> None:
    """See and steer playbook runs."""


@command.command("list")
@click.option("--state", help=_("running, paused, done, failed, cancelled"))
@click.option("--incident", help=_("Number or id."))
@paged
@listed
@configured
def list_(client: Client, fmt: str, limit: int, cursor: str | None, **filters: str | None) -> None:
    """List runs, newest first."""
    page = client.get("runs", limit=limit, cursor=cursor, **filters)
    show(page["items"], ("id", "incident", "playbook", "mode", "state", "started_at", "ended_at"), fmt)


@command.command("show")
@click.argument("run")
@listed
@configured
def show_(client: Client, run: str, fmt: str) -> None:
    """Show a run's steps: due, done, by whom."""
    shown = client.get(f"runs/{run}")
    if fmt == "table":
        steps = shown.pop("steps", [])
        show_one({k: v for k, v in shown.items() if not isinstance(v, list | dict)}, fmt)
        show(steps, ("flow", "name", "kind", "state", "outcome", "started_at", "due_at", "done_at", "by", "error"), fmt)
    else:
        show_one(shown, fmt)


def _steer(client: Client, run: str, verb: str, reason: str, step: str | None) -> None:
    client.post(f"runs/{run}/{verb}", {"reason": reason, "step": step})
    say(f"{verb}: {run}")


@command.command("pause")
@click.argument("run")
@reasoned
@configured
def pause(client: Client, run: str, reason: str) -> None:
    """Start no further step."""
    _steer(client, run, "pause", reason, None)


@command.command("resume")
@click.argument("run")
@reasoned
@configured
def resume(client: Client, run: str, reason: str) -> None:
    """Go on after a pause."""
    _steer(client, run, "resume", reason, None)


@command.command("retry")
@click.argument("run")
@click.option("--step", required=True, help=_("Name of the step."))
@reasoned
@configured
def retry(client: Client, run: str, step: str, reason: str) -> None:
    """Try a failed step again; the vendor is asked first whether our request is there."""
    _steer(client, run, "retry", reason, step)


@command.command("skip")
@click.argument("run")
@click.option("--step", required=True, help=_("Name of the step."))
@reasoned
@configured
def skip(client: Client, run: str, step: str, reason: str) -> None:
    """Write a step off; those after it start."""
    _steer(client, run, "skip", reason, step)
