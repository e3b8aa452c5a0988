"""What the engine asks of reports; the runtime hands it in, so that playbooks never import reports."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection


class Built(NamedTuple):
    """A finished file."""

    path: str
    sha256: str
    found: Mapping[str, Any] = {}
    """What building it has shown of the incident: facts, among them perhaps ``file_class``."""


class ReportBuilder(Protocol):
    """Opens report rows and makes their files."""

    def open(
        self,
        conn: Connection,
        *,
        incident: str,
        run: str,
        step: str,
        kind: str,
        author_role: str,
        due_at: str | None,
        now: datetime,
    ) -> str:
        """Make a draft in the caller's transaction; return its id."""
        ...

    def build(self, report_id: str, now: datetime) -> Built:
        """Write the file; blocking, outside of transactions; the same report again makes a new revision's file."""
        ...

    def title(self, kind: str) -> str:
        """Return what people call this kind of report."""
        ...
