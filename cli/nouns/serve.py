"""``hinomi serve``: the running program."""

from pathlib import Path

import click

from hinomi.cli.client import find_config
from hinomi.cli.options import config_of, examples


@click.command(
    "serve", epilog=examples("serve --config /srv/hinomi/hinomi.toml", "--config /srv/hinomi/hinomi.toml serve")
)
@click.pass_context
def command(ctx: click.Context) -> int:
    """Receive, detect, respond and store until SIGTERM; a part that dies is restarted."""
    from hinomi import log
    from hinomi.runtime.check import check
    from hinomi.runtime.supervisor import Supervisor
    from hinomi.settings import load_settings

    config = Path(find_config(config_of(ctx))).resolve()
    log.configure("serve")
    settings = load_settings(config)
    check(settings)
    return Supervisor(settings, config).run()
