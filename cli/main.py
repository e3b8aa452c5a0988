"""The ``hinomi`` command: finds the nouns, says errors in one line, ends with the right code."""

import sys
from collections.abc import Sequence

import click

from hinomi import __version__
from hinomi.cli import nouns
from hinomi.cli.modules import Modules
from hinomi.cli.options import examples
from hinomi.cli.output import say
from hinomi.errors import HinomiError
from hinomi.text import _, translated


@click.group(
    cls=Modules,
    package=nouns.__name__,
    epilog=examples("demo", "init /srv/hinomi", "incident list --config /srv/hinomi/hinomi.toml", "help exit-codes"),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="hinomi")
@click.option(
    "--config", type=click.Path(dir_okay=False), envvar="HINOMI_CONFIG", help=_("Settings file (hinomi.toml).")
)
@click.pass_context
def cli(ctx: click.Context, config: str | None) -> None:
    """Collect, detect, respond, report: the fire watch-tower of a board of education."""
    ctx.obj = {"config": config}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; an operator's mistake is one line and a hint, a bug is a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    cli.help = translated(cli.help)
    try:
        code = cli.main(args=None if argv is None else list(argv), prog_name="hinomi", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except HinomiError as error:
        place = f"{error.where}: " if error.where else ""
        say(f"{_('error:')} {place}{_(error.message)}")
        if error.hint:
            say(f"       {_(error.hint)}")
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo(_("interrupted"), err=True)
        return 130
    except SystemExit:  # click's answer to a reader that has gone, as `head` does: nothing failed here
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        say(f"{_('error:')} {error.filename}: {error.strerror}")
        return 1
