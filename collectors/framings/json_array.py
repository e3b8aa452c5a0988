"""A JSON array in a complete file: each element is a record, its raw bytes as they stand in the file."""

from collections.abc import Iterator
from typing import BinaryIO, Literal

from hinomi.collectors.framings import Cut, framings

CHUNK = 1 << 16


@framings.register("json_array")
class JsonArray:
    """Cuts at the commas of the outermost array, without building anything in memory but one element."""

    kind: Literal["whole"] = "whole"

    def __init__(self, *, encoding: str = "", context: str | None = None):
        self._encoding = encoding

    def open(self, file: BinaryIO, from_record: int) -> Iterator[Cut]:
        """Yield elements from number ``from_record`` on; what is torn at the end is an element, too."""
        for number, raw in enumerate(_elements(file)):
            if number >= from_record:
                yield Cut(number, number + 1, raw)


def _elements(file: BinaryIO) -> Iterator[bytes]:
    depth, in_text, element = 0, False, bytearray()
    while chunk := file.read(CHUNK):
        for byte in chunk:
            if in_text:
                if byte == 0x22 and not _odd(element):
                    in_text = False
            elif byte == 0x22:
                in_text = True
            elif byte in b"[{":
                depth += 1
                if depth == 1 and byte == 0x5B:
                    continue
            elif byte in b"]}":
                depth -= 1
                if depth == 0 and byte == 0x5D:
                    break
            elif byte == 0x2C and depth == 1:
                yield from _whole(element)
                element.clear()
                continue
            element.append(byte)
    yield from _whole(element)


def _odd(element: bytearray) -> bool:
    return (len(element) - len(element.rstrip(b"\\"))) % 2 == 1


def _whole(element: bytearray) -> Iterator[bytes]:
    if text := bytes(element).strip():
        yield text
