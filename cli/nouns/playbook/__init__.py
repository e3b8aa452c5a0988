"""``hinomi playbook``: what is done about incidents. A verb is a module of this package."""

import click

from hinomi.cli.modules import Modules
from hinomi.cli.options import examples


@click.group(
    "playbook", cls=Modules, package=__name__,
    epilog=examples("playbook list", "playbook lint my-playbooks/", "playbook simulate external-malware.yml --facts severity=critical"),
)  # fmt: skip
def command() -> None:
    """List, write, try, compare and activate playbooks."""
