"""Where everything lies in the data folder, and which partitions there are."""

from dataclasses import dataclass
from pathlib import Path

from hinomi.settings import Settings

#: A spool block may go when these have it behind them; a hits block when the responder has.
SPOOL_READERS = ("worker", "storer")
LIVE, HISTORY = "events", "history"
SPOOL_LANES = (LIVE, HISTORY)
"""What comes now, and what a source brings of the past: the past never stands before the present."""


@dataclass(frozen=True)
class Folders:
    """Paths below one data folder."""

    data: Path

    def spool(self, partition: str) -> Path:
        """Return the file of a partition's records."""
        return self.data / "spool" / f"{partition}.db"

    def hits(self, partition: str) -> Path:
        """Return the file of a partition's hits."""
        return self.data / "hits" / f"{partition}.db"

    @property
    def damaged(self) -> Path:
        """Return the folder of blocks that could not be read."""
        return self.data / "spool" / "damaged"

    @property
    def positions(self) -> Path:
        """Return the folder of the readers' positions."""
        return self.data / "run" / "pos"

    @property
    def run(self) -> Path:
        """Return the folder of what lives as long as the processes: sockets, statistics."""
        return self.data / "run"

    @property
    def costs(self) -> Path:
        """Return the folder of what rules cost, as workers have measured it."""
        return self.run / "costs"


def partitions(settings: Settings) -> list[str]:
    """Return the names of all partitions, trusted ones first."""
    trusted = [f"trusted-{n}" for n in range(settings.spool.trusted)]
    return trusted + [f"bulk-{n}" for n in range(settings.spool.bulk)]
