"""``hinomi playbook export``: a playbook in a form that others read."""

import click

from hinomi.cli.options import config_of, examples
from hinomi.cli.output import as_json
from hinomi.cli.playbooks import read_playbook
from hinomi.text import _


@click.command(
    "export", epilog=examples("playbook export external-malware", "playbook export my.yml --format cacao > my.json")
)
@click.argument("playbook", metavar="FILE|ID")
@click.option(
    "--format",
    "form",
    type=click.Choice(["cacao"]),
    default="cacao",
    show_default=True,
    help=_("OASIS CACAO 2.0 (JSON)."),
)
@click.pass_context
def command(ctx: click.Context, playbook: str, form: str) -> None:
    """Print a file, or a playbook in service, as CACAO 2.0; `import` brings it back as it was."""
    from hinomi.clock import SystemClock
    from hinomi.playbooks import cacao

    found, _body = read_playbook(playbook, config_of(ctx))
    click.echo(as_json(cacao.write(found, SystemClock().now()), indent=2))
