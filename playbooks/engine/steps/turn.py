"""A step's turn: everything that starting it needs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from hinomi.playbooks.engine import rows
from hinomi.playbooks.engine.model import Step
from hinomi.playbooks.engine.rows import Row
from hinomi.state import t

if TYPE_CHECKING:
    from hinomi.playbooks.engine import Engine

PLANNED = ("shadow", "simulate")
"""Modes that write what they would do, and do and send nothing."""
WITHIN = timedelta(minutes=15)


@dataclass
class Turn:
    """One step of one run, now. ``row`` is its visit as it is written; `note` changes both."""

    engine: "Engine"
    conn: Connection
    run: Row
    incident: Row
    step: Step
    row: Row
    now: datetime

    @property
    def planned(self) -> bool:
        """Whether the run only writes what it would do."""
        return self.run["mode"] in PLANNED

    def note(self, **values: Any) -> None:
        """Write columns of the step's row."""
        rows.change(self.conn, t.step, self.row["id"], **values)
        self.row = {**self.row, **values}
