"""All faults of a configuration at once, before anything starts: sources, vendors, rules folders, playbooks."""

from hinomi.clock import SystemClock
from hinomi.collectors.formats import formats
from hinomi.collectors.framings import framings
from hinomi.collectors.sources import SourceContext, sources
from hinomi.errors import ConfigError, Faults, HinomiError
from hinomi.events import open_store
from hinomi.playbooks.engine.library import load_library
from hinomi.runtime.parts import build_adapters, build_channels
from hinomi.settings import Settings


def faults_of(settings: Settings) -> list[HinomiError]:
    """Return every fault found; empty if `serve` can start."""
    found: list[HinomiError] = []

    def attempt(where: str, act: object) -> None:
        try:
            act()  # type: ignore[operator]  # called for its errors
        except Faults as faults:
            found.extend(faults.faults)
        except HinomiError as error:
            found.append(ConfigError(f"{where}: {error}", where=settings.file, hint=error.hint))

    for name, source in settings.sources.items():
        context = SourceContext(name, source, settings, SystemClock())
        attempt(f"[sources.{name}]", lambda c=context: sources.get(c.settings.kind)(c))
        attempt(f"[sources.{name}] framing", lambda s=source: framings.get(s.framing))
        for wanted in source.formats:
            attempt(f"[sources.{name}] formats", lambda w=wanted: formats.get(w))
    attempt("[store]", lambda: open_store(settings).close())
    attempt("[vendors]", lambda: build_adapters(settings))
    attempt("[channels]", lambda: build_channels(settings))
    attempt("[playbooks]", lambda: load_library(settings))
    for folder in (*settings.rules.folders, *settings.playbooks.folders):
        if not settings.resolve(folder).is_dir():
            found.append(
                ConfigError("no such folder", where=settings.resolve(folder), hint="make it, or mend the path")
            )
    return found


def check(settings: Settings) -> None:
    """Return if `serve` can start.

    Raises:
        Faults: Naming everything that is wrong.
    """
    if found := faults_of(settings):
        raise Faults(found)
