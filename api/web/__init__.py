"""Pages for people without a login: templates and styles; their routes are `hinomi.api.routes.pages`.

Jinja2 with autoescape; no script, nothing from elsewhere (strict CSP).
"""

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound

from hinomi.text import era_time, jst

__all__ = ["render", "static"]


class _Templates(BaseLoader):
    """Reads templates of this package, wherever it is installed."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Any]:
        found = files(__name__).joinpath("templates", template)
        if not found.is_file():
            raise TemplateNotFound(template)
        return found.read_text(encoding="utf-8"), None, None


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=_Templates(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["era"] = era_time
    environment.filters["jst"] = jst
    return environment


def render(template: str, **facts: Any) -> str:
    """Return a page."""
    return _environment().get_template(template).render(**facts)


def static(name: str) -> bytes | None:
    """Return a file of ``static/``, or None."""
    found = files(__name__).joinpath("static", name)
    return found.read_bytes() if "/" not in name and "\\" not in name and found.is_file() else None
