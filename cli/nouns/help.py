"""``hinomi help TOPIC``: what does not belong to one command."""

import click

from hinomi.cli.options import examples

TOPICS = {
    "exit-codes": """\
0    done
1    failed
2    usage, settings, a file that cannot be used
3    matched, under --fail-on
4    a key is needed
5    refused by policy: scope, tenant, guard, kill switch
6    some of several failed
7    an integrity check failed
130  interrupted""",
    "queries": """\
field=value    equal            field!=value   not equal
field~part     contains         field>n  field>=n  field<n  field<=n
word           in any field     "two words"    quoted
All must fit. Times: 2h, 30d, 2026-11-19, 令和8年11月19日.""",
}


@click.command("help", epilog=examples("help exit-codes", "help queries"))
@click.argument(
    "topic", type=click.Choice(sorted([*TOPICS, "settings", "fieldmap", "rules", "rules.ja"])), required=False
)
@click.pass_context
def command(ctx: click.Context, topic: str | None) -> None:
    """Explain a topic."""
    if topic == "settings":
        from hinomi.cli.reference import settings_reference

        click.echo(settings_reference(), nl=False)
    elif topic == "fieldmap":
        from hinomi.cli.fieldmap_page import fieldmap_reference

        click.echo(fieldmap_reference(), nl=False)
    elif topic in ("rules", "rules.ja"):
        from hinomi.cli.rules_page import PAGES, rules_reference

        click.echo(rules_reference(PAGES[topic]), nl=False)
    else:
        click.echo(TOPICS[topic] if topic else ctx.find_root().get_help())
