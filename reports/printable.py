"""Hostile text made fit for paper: everything shows, nothing is interpreted, every line can break.

A character that would be invisible, turn the line around, or that the fonts have no glyph for is
printed as ``[U+202E]``.
"""

import re
import unicodedata
from typing import Any

from hinomi.reports.fonts import covered
from hinomi.reports.model import ReportModel

#: A run without a place to break is cut into pieces of this many characters.
PIECE = 12
LONGEST = 20_000
_VARIATIONS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_PLAIN = re.compile(r"[\u3000-\u30ff\u4e00-\u9fa5\uff01-\uff5e -~\n]*")
_RUN = re.compile(rf"[!-~\u00a1-\u2fff]{{{PIECE + 1},}}")


def printable(text: str) -> str:
    """Return text in which every character has a glyph; tabs become spaces, line feeds stay."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}…（{len(text)}文字のうち{LONGEST}文字を掲載）"
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    return text if _PLAIN.fullmatch(text) and _all_covered(text) else "".join(map(_show, text))


def _all_covered(text: str) -> bool:
    return all(c == "\n" or ord(c) in covered() for c in set(text))


def _show(char: str) -> str:
    code = ord(char)
    if char == "\n" or any(code in span for span in _VARIATIONS):
        return char
    hidden = unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return f"[U+{code:04X}]" if hidden or code not in covered() else char


def pieces(text: str) -> str | list[str]:
    """Return printable text; where it has long unbroken runs, as the pieces between which a line may break."""
    text = printable(text)
    if not _RUN.search(text):
        return text
    found: list[str] = []
    last = 0
    for run in _RUN.finditer(text):
        found.append(text[last : run.start()])
        found += _cut(run.group())
        last = run.end()
    return [piece for piece in (*found, text[last:]) if piece]


def _cut(run: str) -> list[str]:
    """Return a run cut after separators, and after every `PIECE` characters without one."""
    parts = re.findall(r"[^\\/._&=?,;:|-]*[\\/._&=?,;:|-]?", run)
    return [part[n : n + PIECE] for part in parts if part for n in range(0, len(part), PIECE)]


def for_typst(report: ReportModel) -> dict[str, Any]:
    """Return the report as the template reads it: every text printable, nothing but data."""
    sections = [
        {
            "title": pieces(section.title),
            "rows": [
                {
                    "label": pieces(row.label),
                    "value": pieces(row.value),
                    "open": row.open,
                    "note": pieces(row.note),
                }
                for row in section.rows
            ],
            "grid": {
                "columns": [pieces(column) for column in section.grid.columns],
                "widths": section.grid.widths,
                "rows": [[pieces(cell) for cell in row] for row in section.grid.rows],
                "note": pieces(section.grid.note),
            }
            if section.grid
            else None,
            "notes": [pieces(note) for note in section.notes],
        }
        for section in report.sections
    ]
    texts = {
        name: printable(str(getattr(report, name))) for name in ("title", "number", "made_on", "made_at", "audit_hash")
    }
    lines = {name: pieces(getattr(report, name)) for name in ("addressee", "sender", "subject", "lead")}
    return {
        **texts,
        **lines,
        "rev": report.rev,
        "header": printable(report.header()),
        "mark": report.mark,
        "drill": report.drill,
        "warnings": [pieces(warning) for warning in report.warnings],
        "audit_count": report.audit_count,
        "sections": sections,
    }
