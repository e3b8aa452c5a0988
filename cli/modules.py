"""Commands that are modules: a group whose commands are the modules of a package, each imported when it is asked for."""

import importlib
import pkgutil
from typing import Any

import click

from hinomi.cli.options import everywhere


class Modules(click.Group):
    """Every module of a package is a command of its name, an underscore at the end (``list_``) apart.

    A new command is a new file: the module's ``command``.
    """

    def __init__(self, *args: Any, package: str, **options: Any):
        """Take the package's name."""
        super().__init__(*args, **options)
        self.package = package

    def _modules(self) -> dict[str, str]:
        path = importlib.import_module(self.package).__path__
        return {module.name.rstrip("_"): module.name for module in pkgutil.iter_modules(path)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the modules."""
        return sorted(self._modules())

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command's module and return it."""
        module = self._modules().get(name)
        if module is None:
            return None
        found: Any = importlib.import_module(f"{self.package}.{module}")
        command: click.Command = found.command
        return everywhere(command)
