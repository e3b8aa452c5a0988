"""The author's answers beside those carried over, and how each reads in print."""

from collections.abc import Mapping
from typing import Any

from hinomi.clock import parse_iso
from hinomi.reports.fields import INVESTIGATING, OPEN_ANSWERS, Authored, FormField, form_fields
from hinomi.reports.model import Row
from hinomi.text import era_time

#: Who did not write, in the mark 〇〇未記入.
SHORT_ROLES = {
    "teacher": "教職員",
    "staff": "教職員",
    "school_management": "学校管理職",
    "principal": "校長",
    "board": "教育委員会",
    "operator": "事業者",
    "operator_lead": "事業者",
}


def shown(value: Any, shape: str = "text") -> str:
    """Return an answer as it is printed."""
    if isinstance(value, list):
        return "、".join(map(str, value))
    if shape == "time":
        try:
            return era_time(parse_iso(str(value)))
        except ValueError:
            return str(value)
    return str(value)


class Answers:
    """Every question of a kind with its answer: the author's, else the carried one, else 調査中."""

    def __init__(
        self,
        model: type[Authored],
        own: Mapping[str, Any],
        carried: Mapping[str, tuple[str, Any]],
        *,
        author_role: str,
        submitted: bool,
    ):
        """Take the answers; ``carried`` maps a name to (title of the report it comes from, answer)."""
        self._questions: dict[str, FormField] = {question.name: question for question in form_fields(model)}
        self._own, self._carried = own, carried
        self._blank = f"{SHORT_ROLES.get(author_role, author_role)}未記入" if not submitted else ""

    def value(self, name: str) -> Any:
        """Return an answer as it is kept, or None."""
        return self._own[name] if name in self._own else self._carried.get(name, ("", None))[1]

    def row(self, name: str, *, label: str = "", fallback: str = "") -> Row:
        """Return an answer as a fact; ``fallback`` is what the system knows where nobody answered."""
        question = self._questions[name]
        label = label or question.label
        if name in self._own:
            text = shown(self._own[name], question.shape)
            return Row(label=label, value=text, open=text in OPEN_ANSWERS)
        if name in self._carried:
            source, value = self._carried[name]
            text = shown(value, question.shape)
            return Row(label=label, value=text, open=text in OPEN_ANSWERS, note=f"{source}による")
        if fallback:
            return Row(label=label, value=fallback, note=self._blank and f"システムの記録による・{self._blank}")
        value = f"{INVESTIGATING}（{self._blank}）" if self._blank else INVESTIGATING
        return Row(label=label, value=value, open=True)

    def rows(self, *names: str) -> list[Row]:
        """Return several answers."""
        return [self.row(name) for name in names]

    def of_section(self, section: str) -> list[Row]:
        """Return all answers of a form's section."""
        return [self.row(name) for name, question in self._questions.items() if question.section == section]
