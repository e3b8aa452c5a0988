"""Errors raised on purpose: what happened, where, and what to do next.

Everything an operator can cause or fix is a `HinomiError`; anything else is a bug and keeps its
traceback. The command line prints one line and the hint, and ends with `exit_code`
(0 ok, 1 failure, 2 usage or configuration, 3 matched under --fail-on, 4 log-in needed,
5 refused by policy, 6 some of a bulk failed, 7 integrity check failed, 130 interrupted).
"""

from collections.abc import Sequence
from pathlib import Path


class HinomiError(Exception):
    """An operator-facing failure: what happened, where, and what to do next."""

    exit_code = 1
    status = 500

    def __init__(self, message: str, *, where: Path | str | None = None, hint: str | None = None):
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message}"


class ConfigError(HinomiError):
    """What was written (settings, rule, playbook, CSV, arguments) cannot be used."""

    exit_code = 2
    status = 400


class Faults(ConfigError):
    """Several faults of one or more files, all collected before giving up."""

    def __init__(self, faults: Sequence[HinomiError], *, hint: str | None = None):
        super().__init__("\n".join(str(f) + (f" ({f.hint})" if f.hint else "") for f in faults), hint=hint)
        self.faults = list(faults)


class UnknownComponentError(ConfigError):
    """A name that no registered component answers to."""


class NotFoundError(HinomiError):
    """What was asked for is not there, or not in the caller's tenant."""

    status = 404


class ConflictError(HinomiError):
    """The state is not one in which this can be done."""

    status = 409


class AuthError(HinomiError):
    """No key, or one that is not valid."""

    exit_code = 4
    status = 401


class RefusedError(HinomiError):
    """Refused by policy: scope, tenant, guard, kill switch, four eyes."""

    exit_code = 5
    status = 403


class IntegrityError(HinomiError):
    """Something kept as proof is not as it was written."""

    exit_code = 7


class FullError(HinomiError):
    """A bounded buffer is full; the sender must wait and send again."""

    status = 429
