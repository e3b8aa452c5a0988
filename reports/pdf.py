"""A report as PDF: Typst with one template; the report is handed over as JSON and never as markup.

Language: typst.app/docs (0.15). The document is tagged; nothing outside the template is read.
"""

import json
import tempfile
from datetime import UTC, datetime
from importlib.resources import files

import typst

from hinomi.errors import HinomiError
from hinomi.reports.fonts import check_fonts, typst_fonts
from hinomi.reports.model import ReportModel
from hinomi.reports.printable import for_typst


def render(report: ReportModel, now: datetime) -> bytes:
    """Return the PDF.

    Raises:
        IntegrityError: If a font is not the pinned one.
        HinomiError: If Typst refuses or warns (a warning would be a missing font or glyph).
    """
    folders = tuple(dict.fromkeys(font.path.parent for font in check_fonts()))
    template = files(__name__.rpartition(".")[0]).joinpath("templates", "report.typ").read_bytes()
    data = json.dumps(for_typst(report), ensure_ascii=False)
    with tempfile.TemporaryDirectory(prefix="hinomi-report-") as root:
        compiler = typst.Compiler(template, root=root, font_paths=typst_fonts(folders), sys_inputs={"report": data})
        try:
            pdf, warnings = compiler.compile_with_warnings(
                format="pdf", timestamp=now.astimezone(UTC).replace(microsecond=0)
            )
        except typst.TypstError as error:
            raise HinomiError(
                f"the report cannot be set: {error.message}", hint="; ".join(error.hints) or None
            ) from error
    if warnings:
        raise HinomiError(f"the report was set with a warning: {warnings[0].message}")
    assert isinstance(pdf, bytes)  # noqa: S101 - one document of format pdf is one bytes object
    return pdf
