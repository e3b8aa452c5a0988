"""Compaction of one table in a process of its own: ``python -m hinomi.events.compacting FOLDER``."""

import sys

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError


def main() -> int:
    """Join small files, checkpoint, drop old log entries; an append that came between is no harm."""
    table = DeltaTable(sys.argv[1])
    try:
        table.optimize.compact()
    except CommitFailedError:
        return 0  # the next hour tries again
    table.update_incremental()
    table.create_checkpoint()
    table.cleanup_metadata()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
