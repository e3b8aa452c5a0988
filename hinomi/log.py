"""Our own log lines: a fixed event name ``part.verb`` and fields, JSON or plain, on stderr.

No names of people or files go into them; values are cut, so a hostile line cannot flood them.
"""

import logging
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from functools import cache
from typing import Any

LONGEST = 500


def _cut(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in fields.items():
        if isinstance(value, str) and len(value) > LONGEST and key != "exception":
            fields[key] = value[:LONGEST] + "…"
    return fields


class _Steady:
    """Standard error, for a log that may lie on a full disk: what cannot be written there stops nobody."""

    def write(self, text: str) -> None:
        """Write, if that can be done."""
        with suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        """Flush, if that can be done."""
        with suppress(OSError, ValueError):
            sys.stderr.flush()


def configure(role: str, *, json: bool = True, level: int = logging.INFO) -> None:
    """Set this process up to log; ``role`` is written into every line."""
    import structlog  # most commands never log, and it brings rich with it

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _cut,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False) if json else structlog.dev.ConsoleRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(_Steady()),  # type: ignore[arg-type]  # it prints and flushes, no more
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(role=role)


@cache
def _structlog() -> Any:
    import structlog

    if not structlog.is_configured():  # what nobody configured must not reach standard output
        configure("hinomi", json=False, level=logging.WARNING)
    return structlog


def get() -> Any:
    """Return the logger; call it as ``log.info("spool.full", source=…)``."""
    return _structlog().get_logger()
