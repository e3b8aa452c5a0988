"""Bytes to text without guessing: declared encoding, else BOM, UTF-8, CP932, EUC-JP in turn.

Detectors fail on Japanese lines (facts measured on CP932); strict trials in this order do not. What
cannot be decoded becomes U+FFFD, and the raw bytes are kept where the text does not give them back.
"""

import codecs
from functools import lru_cache
from typing import NamedTuple

BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
TRIALS = ("utf-8", "cp932", "euc_jp")
MARKS = tuple(bom[:1] for bom, _ in BOMS)


class Decoded(NamedTuple):
    """The text, the encoding used, and whether encoding it again gives the bytes back."""

    text: str
    encoding: str
    faithful: bool


@lru_cache(maxsize=1)
def decode(raw: bytes, declared: str = "") -> Decoded:
    """Decode one record; never fails. The last one is remembered: each format and the reader ask for it."""
    for bom, name in BOMS if raw[:1] in MARKS else ():
        if raw.startswith(bom):
            body = raw if name == "utf-8-sig" else raw[len(bom) :]
            return _lossy(body, name, raw)
    for name in (declared,) if declared else TRIALS:
        try:
            text = raw.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
        return Decoded(text, name, name == "utf-8" or text.encode(name, "replace") == raw)
    if declared:  # not what was declared: another trial may still read it whole
        try:
            return Decoded(raw.decode("utf-8"), "utf-8", True)
        except UnicodeDecodeError:
            return _lossy(raw, declared, raw)
    return _lossy(raw, "utf-8", raw)


def _lossy(body: bytes, name: str, raw: bytes) -> Decoded:
    try:
        text = body.decode(name, "replace")
    except LookupError:
        text = body.decode("utf-8", "replace")
    return Decoded(text, name, False)
