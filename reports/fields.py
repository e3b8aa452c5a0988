"""What an author is asked: a pydantic model a report kind, whose fields carry label, choices and stage.

不明 and 調査中 are legal answers everywhere: a first report may be incomplete, speed comes first.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from hinomi.clock import JST, iso, parse_iso
from hinomi.errors import ConfigError, Faults, HinomiError

Shape = Literal["line", "text", "choice", "choices", "time"]
UNKNOWN, INVESTIGATING = "不明", "調査中"
OPEN_ANSWERS = (UNKNOWN, INVESTIGATING)
YES_NO = ("あり", "なし", *OPEN_ANSWERS)
LONGEST = {"line": 300, "text": 8000, "choice": 100, "choices": 100, "time": 40}
Value = str | list[str] | None


@dataclass(frozen=True)
class FormField:
    """One question of a form."""

    name: str
    label: str
    shape: Shape
    required: bool
    choices: tuple[str, ...]
    hint: str
    section: str


def ask(
    label: str,
    shape: Shape = "text",
    *,
    required: bool = False,
    choices: Sequence[str] = (),
    hint: str = "",
    section: str = "",
) -> Any:
    """Return a pydantic field for a question: ``label`` is what people read, ``required`` binds at submission."""
    extra: dict[str, Any] = {
        "shape": shape,
        "required": required,
        "choices": list(choices),
        "hint": hint,
        "section": section,
    }
    return Field(default=None, title=label, description=hint or None, json_schema_extra=extra)


def clean(text: str, longest: int) -> str:
    """Return text without control characters (line feeds and tabs stay), trimmed.

    Raises:
        ValueError: If it is longer than ``longest`` characters.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs"}).strip()
    if len(text) > longest:
        raise ValueError(f"{longest}文字以内で書いてください（いま{len(text)}文字）")
    return text


class Authored(BaseModel):
    """The answers of an author: every one may be missing until the report is submitted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _clean(cls, value: Any, info: ValidationInfo) -> Value:
        question = next(f for f in form_fields(cls) if f.name == info.field_name)
        if value is None:
            return None
        if question.shape == "choices":
            return _choices(value, question)
        if isinstance(value, list):
            if len(value) > 1:
                raise ValueError("答えは一つにしてください")
            value = value[0] if value else ""
        text = clean(str(value), LONGEST[question.shape])
        if not text:
            return None
        if question.shape == "line":
            text = " ".join(text.split())
        if question.shape == "choice":
            return _choice(text, question)
        return _time(text) if question.shape == "time" else text


def _choice(text: str, question: FormField) -> str:
    if text not in question.choices and text not in OPEN_ANSWERS:
        raise ValueError(f"「{'」「'.join(question.choices)}」から選んでください")
    return text


def _choices(value: Any, question: FormField) -> list[str] | None:
    parts = value if isinstance(value, list) else re.split(r"[、,，\n]", str(value))
    kept = [clean(str(part), LONGEST["choices"]) for part in parts]
    return [_choice(part, question) for part in dict.fromkeys(kept) if part] or None


def _time(text: str) -> str:
    """Return a time as ISO UTC; one without a zone is Japan's."""
    if text in OPEN_ANSWERS:
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("日時を 2026-11-24T10:30 の形で書くか、「不明」「調査中」としてください") from error
    return iso(moment if moment.tzinfo else moment.replace(tzinfo=JST))


def local_time(value: str) -> str:
    """Return a kept time as the browser's ``datetime-local`` wants it (Japan's), or nothing."""
    try:
        return parse_iso(value).astimezone(JST).strftime("%Y-%m-%dT%H:%M")
    except ValueError:
        return ""


@cache
def form_fields(model: type[Authored]) -> tuple[FormField, ...]:
    """Return a model's questions in their order."""
    found = []
    for name, info in model.model_fields.items():
        extra: dict[str, Any] = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        found.append(
            FormField(
                name=name,
                label=info.title or name,
                shape=extra.get("shape", "text"),
                required=bool(extra.get("required")),
                choices=tuple(extra.get("choices", ())),
                hint=extra.get("hint", ""),
                section=extra.get("section", ""),
            )
        )
    return tuple(found)


def check(model: type[Authored], values: Mapping[str, Any], *, complete: bool = False) -> dict[str, Value]:
    """Return the answers as they are kept; with ``complete``, those that the stage requires must be there.

    Raises:
        Faults: Naming every answer that does not fit or is missing, by its label (``where`` is its name).
    """
    questions = {question.name: question for question in form_fields(model)}
    faults: list[HinomiError] = []
    kept: dict[str, Value] = {}
    try:
        kept = {name: value for name, value in model(**values).model_dump().items() if value is not None}
    except ValidationError as error:
        faults = [_fault(one, questions) for one in error.errors()]
    if complete and not faults:
        missing = [q for q in questions.values() if q.required and q.name not in kept]
        faults = [
            ConfigError(f"「{q.label}」を記入してください（不明・調査中でも構いません）", where=q.name) for q in missing
        ]
    if faults:
        raise Faults(faults, hint=f"fields: {', '.join(questions)}")
    return kept


def _fault(error: Any, questions: Mapping[str, FormField]) -> ConfigError:
    name = str(error["loc"][0]) if error["loc"] else ""
    if name not in questions:
        return ConfigError(f"no field is called {name!r}", where=name)
    said = str(error.get("ctx", {}).get("error", error["msg"]))
    return ConfigError(f"「{questions[name].label}」{said}", where=name)
