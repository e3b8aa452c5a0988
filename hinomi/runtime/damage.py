"""A block that is no longer what was written: said once, its bytes put aside, the others go on."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from hinomi import log
from hinomi.spool import Log, Row

T = TypeVar("T")


def sound(source: Log, row: Row, decode: Callable[[bytes], T], *, aside: Path | None = None) -> T | None:
    """Return what a block holds, or None if it is damaged; ``aside`` is where its bytes are then kept."""
    if row.payload is not None:
        try:
            return decode(row.payload)
        except msgspec.DecodeError:
            pass
    log.get().error("log.block_damaged", file=source.path.name, block=row.seq, lane=row.lane, records=row.records)
    if aside is not None:
        try:
            aside.mkdir(parents=True, exist_ok=True)
            (aside / f"{source.path.stem}-{source.id}-{row.seq}.block").write_bytes(source.packed(row.seq))
        except OSError as error:
            log.get().error("log.block_not_kept", block=row.seq, error=error.strerror or str(error))
    return None
