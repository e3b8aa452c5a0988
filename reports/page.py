"""A report as one HTML file: the same model as the PDF, everything inside, nothing fetched, no script."""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, Template

from hinomi.reports.model import ReportModel


@cache
def _template() -> Template:
    source = files("hinomi.reports").joinpath("templates", "report.html.j2").read_text(encoding="utf-8")
    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(source)


def render(report: ReportModel) -> str:
    """Return the page."""
    return _template().render(report=report)
