"""How a component gets its name.

A component registers itself with a decorator; importing the package that holds it is what makes it
known, so adding one edits no list. Components of other packages come in through the entry-point
group of the same name (``hinomi.formats``, ``hinomi.actions``, ``hinomi.vendors``, …): an entry
point names a module, whose import registers it.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import EntryPoints, entry_points
from typing import Any, Generic, TypeVar

from hinomi.errors import UnknownComponentError

T = TypeVar("T")


def extensions(group: str) -> EntryPoints:
    """Return what other packages bring for a group of entry points."""
    found: EntryPoints = _installed().select(group=group)
    return found


@cache
def _installed() -> Any:
    """Read the metadata of every package, once for all groups; what Python 3.11 gives is a class of its own."""
    return entry_points()


class Registry(Generic[T]):
    """Named components of one kind: the modules of one package, and those of entry points."""

    def __init__(self, kind: str, package: str, *, submodule: str | None = None):
        """Name the kind, the package whose modules (or their `submodule`) are to be imported."""
        self.kind = kind
        self.package = package
        self.submodule = submodule
        self._items: dict[str, T] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[T], T]:
        """Give the decorated object its name.

        Raises:
            ValueError: If the name is taken; two components with one name is a bug.
        """

        def add(item: T) -> T:
            if self._items.setdefault(name, item) is not item:
                raise ValueError(f"two {self.kind}s are named {name!r}")
            return item

        return add

    def get(self, name: str) -> T:
        """Return the component called ``name``.

        Raises:
            UnknownComponentError: If there is none; the hint lists those there are.
        """
        self.load()
        if name not in self._items:
            known = ", ".join(sorted(self._items))
            raise UnknownComponentError(f"no {self.kind} is called {name!r}", hint=f"known: {known}")
        return self._items[name]

    def load(self) -> None:
        """Import every module that may hold a component, once."""
        if self._loaded:
            return
        self._loaded = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__, f"{self.package}."):
            suffix = f".{self.submodule}" if self.submodule and module.ispkg else ""
            importlib.import_module(module.name + suffix)
        for point in extensions(f"hinomi.{self.kind}s"):
            point.load()

    def __iter__(self) -> Iterator[tuple[str, T]]:
        self.load()
        yield from sorted(self._items.items())

    def __contains__(self, name: object) -> bool:
        self.load()
        return name in self._items
