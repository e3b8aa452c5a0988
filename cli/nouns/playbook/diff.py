"""``hinomi playbook diff``: what changes, for whoever approves it."""

import click

from hinomi.cli.options import config_of, examples, listed
from hinomi.cli.output import cell, inert, say, show
from hinomi.cli.playbooks import read_playbook
from hinomi.text import _

COLUMNS = ("step", "change", "key", "before", "after", "careful")
MARKS = {"added": "+", "removed": "-", "changed": "~"}


@click.command(
    "diff", epilog=examples("playbook diff old.yml new.yml", "playbook diff external-malware my/external-malware.yml -o json")
)  # fmt: skip
@click.argument("old", metavar="FILE|ID")
@click.argument("new", metavar="FILE|ID")
@listed
@click.pass_context
def command(ctx: click.Context, old: str, new: str, fmt: str) -> None:
    """Show what changes from OLD to NEW: files, or ids of playbooks in service. What needs a second look is marked."""
    from hinomi.playbooks.comparing import compare

    before, after = (read_playbook(name, config_of(ctx))[0] for name in (old, new))
    changes = compare(before, after)
    if fmt == "table":
        for change in changes:
            where = ".".join(part for part in (change.step, change.key) if part)
            values = (
                f"{cell(change.before)} → {cell(change.after)}"
                if change.change == "changed"
                else cell(change.before or change.after)
            )
            careful = f"\n    {_('careful')}: {change.careful}" if change.careful else ""
            click.echo(inert(f"{MARKS[change.change]} {where}: {values}{careful}"))
    else:
        show([change._asdict() for change in changes], COLUMNS, fmt)
    say(
        _("{count} changes, {careful} to look at twice").format(
            count=len(changes), careful=sum(bool(c.careful) for c in changes)
        )
    )
