"""``hinomi demo``: one school day with an incident in it, through the real doors."""

from pathlib import Path

import click

from hinomi.cli.options import examples
from hinomi.text import _

FAULTS = ("timeout-after-accept", "refuse", "offline", "500")


@click.command(
    "demo",
    epilog=examples(
        "demo",
        "demo --keep /tmp/day --seed 2",
        "demo --fault edr=offline --plain",
        "demo --store elasticsearch --es-node PATH",
    ),
)
@click.option(
    "--events", type=click.IntRange(0, 5_000_000), default=20_000, show_default=True, help=_("Events of normal work.")
)
@click.option("--seed", type=int, default=1, show_default=True, help=_("Who there is, what they do, who is hit."))
@click.option(
    "--without", type=click.Choice(["malware"]), help=_("Leave the malware out: nothing is isolated, nothing reported.")
)
@click.option("--fault", metavar="edr=" + "|".join(FAULTS), help=_("What the EDR does wrong."))
@click.option(
    "--store",
    type=click.Choice(["lake", "elasticsearch"]),
    default="lake",
    show_default=True,
    help=_("Where events are kept."),
)
@click.option(
    "--es-node",
    type=click.Path(path_type=Path),
    envvar="HINOMI_ES_NODE",
    metavar="PATH",
    help=_("A script that starts a node of Elasticsearch for the day, and purges it."),
)
@click.option(
    "--es-url",
    default="",
    envvar="HINOMI_ES_URL",
    metavar="URL",
    help=_("A node that is there already; what the demo writes stays in it."),
)
@click.option("--plain", is_flag=True, help=_("Print lines instead of a live screen."))
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, writable=True), help=_("Write what happened as JSON.")
)
@click.option(
    "--keep", type=click.Path(file_okay=False), help=_("Keep everything in this folder, which must be new or empty.")
)
def command(
    events: int, seed: int, without: str | None, fault: str | None, store: str, es_node: Path | None, es_url: str, plain: bool,
    json_file: str | None, keep: str | None,
) -> int:  # fmt: skip
    """Play one school day with an incident: collect, detect, cut off, tell, release, report, prove."""
    from hinomi.cli.demo.elastic import Node
    from hinomi.cli.demo.play import play
    from hinomi.cli.demo.stage import Options

    options = Options(events=events, seed=seed, malware=without is None, fault=_fault(fault))
    node = Node(es_node, es_url) if store == "elasticsearch" else None
    return play(options, node, plain=plain, json_file=json_file, keep=keep)


def _fault(given: str | None) -> str | None:
    if given is None:
        return None
    who, _sign, what = given.partition("=")
    if who != "edr" or what not in FAULTS:
        raise click.BadParameter(
            _("{given!r} is not known; known are {known}").format(
                given=given, known=", ".join(f"edr={name}" for name in FAULTS)
            ),
            param_hint="--fault",
        )
    return what
