"""The fonts of every report: Noto Sans CJK JP, Regular and Bold, from two pinned packages; system fonts are ignored.

Their SHA-256 is checked before each report, so that the same report looks the same everywhere.
"""

import hashlib
import struct
from collections.abc import Iterator
from functools import cache
from importlib.resources import as_file
from pathlib import Path
from typing import NamedTuple

import noto_cjk_sans_jp_bold  # type: ignore[import-untyped]  # a font as a package, without types
import noto_cjk_sans_jp_regular  # type: ignore[import-untyped]  # the same
import typst

from hinomi.errors import IntegrityError

FAMILY = "Noto Sans CJK JP"


class Font(NamedTuple):
    """One file, and what it must be."""

    package: str
    path: Path
    sha256: str


def fonts() -> tuple[Font, Font]:
    """Return the two files with the hashes they must have."""
    with as_file(noto_cjk_sans_jp_regular.FONT_PATH) as regular, as_file(noto_cjk_sans_jp_bold.FONT_PATH) as bold:
        return (
            Font(
                "noto-cjk-sans-jp-regular", regular, "68a3fc98800b2a27b371f2fb79991daf3633bd89309d4ffaa6946fd587f375b5"
            ),
            Font("noto-cjk-sans-jp-bold", bold, "e53dcb0dcb2922e45d01aae1ebd2f382bb81d4229b18b6b883bd170678af1f76"),
        )


def check_fonts() -> tuple[Font, Font]:
    """Return the fonts if both are as they must be.

    Raises:
        IntegrityError: Naming the package to install again.
    """
    found = fonts()
    for font in found:
        hint = f"install {font.package}==0.0.1 again"
        try:
            with font.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise IntegrityError(
                f"a report font cannot be read: {error.strerror}", where=font.path, hint=hint
            ) from error
        if digest != font.sha256:
            raise IntegrityError("a report font is not as it was pinned", where=font.path, hint=hint)
    return found


@cache
def typst_fonts(folders: tuple[Path, ...]) -> typst.Fonts:
    """Return the fonts as Typst takes them: those of the folders and no others."""
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=list(folders))


@cache
def covered() -> frozenset[int]:
    """Return the code points that both fonts have a glyph for (their ``cmap``, OpenType 1.9)."""
    regular, bold = (frozenset(_code_points(font.path)) for font in fonts())
    return regular & bold


def _code_points(path: Path) -> Iterator[int]:
    with path.open("rb") as file:
        count = struct.unpack(">H", file.read(12)[4:6])[0]
        tables = {
            tag: (offset, length) for tag, _, offset, length in struct.iter_unpack(">4sLLL", file.read(16 * count))
        }
        offset, length = tables[b"cmap"]
        file.seek(offset)
        cmap = file.read(length)
    for index in range(struct.unpack_from(">H", cmap, 2)[0]):
        start = struct.unpack_from(">HHL", cmap, 4 + 8 * index)[2]
        if struct.unpack_from(">H", cmap, start)[0] == 12:
            yield from _format_12(cmap, start)


def _format_12(cmap: bytes, start: int) -> Iterator[int]:
    groups = struct.unpack_from(">L", cmap, start + 12)[0]
    for first, last, glyph in struct.iter_unpack(">LLL", cmap[start + 16 : start + 16 + 12 * groups]):
        yield from range(first + (1 if glyph == 0 else 0), last + 1)
