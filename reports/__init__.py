"""What people read: one module per report kind. Entry points ``hinomi.reports``.

A kind says what its author is asked (`hinomi.reports.fields.Authored`) and which sections it has;
everything else is filled in from the state store (`hinomi.reports.facts`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hinomi.registry import Registry

if TYPE_CHECKING:
    from hinomi.reports.answers import Answers
    from hinomi.reports.events import Look
    from hinomi.reports.facts import Facts
    from hinomi.reports.fields import Authored
    from hinomi.reports.model import Section


@dataclass(frozen=True)
class ReportKind:
    """One kind of report.

    ``carries`` names the kinds whose answers stand in for questions of the same name; ``to`` and ``author``
    are the roles where no playbook says otherwise; ``matter`` is the subject line without the incident; ``looks`` is what
    it takes from the event store.
    """

    name: str
    title: str
    matter: str
    fields: "type[Authored]"
    sections: "Callable[[Facts, Answers], list[Section]]"
    author: str
    to: str
    carries: tuple[str, ...] = ()
    looks: "Look | None" = None


reports: Registry[ReportKind] = Registry("report", __name__)
