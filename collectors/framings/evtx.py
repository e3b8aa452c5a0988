"""Windows event log files (EVTX): each record is handed over as JSON text, as evtx_dump writes it.

Format: learn.microsoft.com [MS-EVEN6] 2.2.17, github.com/libyal/libevtx documentation: a header of 4,096 bytes, then
chunks of 65,536. Read with pyevtx-rs. A record that cannot be read is handed over as what went wrong with it.
"""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, Literal

from hinomi.collectors.framings import Cut, framings

MAGIC = b"ElfFile\x00"
HEADER, CHUNK = 4096, 65536


@framings.register("evtx")
class Evtx:
    """A complete file; the place of a record is its number in the file, from 0."""

    kind: Literal["whole"] = "whole"

    def __init__(self, *, encoding: str = "", context: str | None = None):
        pass  # EVTX says itself what it holds

    def open(self, file: BinaryIO, from_record: int) -> Iterator[Cut]:
        """Yield records from number ``from_record`` on.

        Raises:
            OSError: If the file is no event log at all.
        """
        for number, raw in enumerate(_records(file)):
            if number >= from_record:
                yield Cut(number, number + 1, raw)


def _records(file: BinaryIO) -> Iterator[bytes]:
    from evtx import PyEvtxParser  # not needed by who reads no such files

    parser: Iterator[Any] = iter(PyEvtxParser(file).records_json())
    while True:
        try:
            record = next(parser)
        except StopIteration:
            break
        except RuntimeError as error:
            yield _fault(str(error))
            continue
        yield record["data"].encode("utf-8", "surrogatepass")
    if left := (file.seek(0, 2) - HEADER) % CHUNK:
        yield _fault(f"the file is cut off: {left} bytes of its last chunk of {CHUNK}")


def _fault(text: str) -> bytes:
    return json.dumps({"evtx_error": text[:500]}).encode()
