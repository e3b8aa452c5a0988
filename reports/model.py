"""One report as data: what every rendering (PDF, page) is made of, so that numbers cannot differ."""

from typing import Any

from pydantic import BaseModel, ConfigDict

MARKS = {"I": "TLP:RED", "II": "TLP:AMBER+STRICT", "III": "TLP:AMBER", "IV": "TLP:CLEAR"}
CLASSES = {"I": "Ⅰ", "II": "Ⅱ", "III": "Ⅲ", "IV": "Ⅳ"}
#: The local nicknames beside the official 重要性分類.
NICKNAMES = {"I": "最高機密", "II": "機密", "III": "機密", "IV": "公開"}


class Part(BaseModel):
    """What all parts share."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(Part):
    """A fact: what it is called, and what is known. ``open`` = nobody knows yet."""

    label: str
    value: str
    open: bool = False
    note: str = ""


class Grid(Part):
    """A table; ``widths`` are relative, ``mono`` columns hold hashes and paths."""

    columns: list[str]
    widths: list[float]
    rows: list[list[str]]
    note: str = ""


class Section(Part):
    """A numbered part of a report: facts, then a table, then remarks."""

    title: str
    rows: list[Row] = []
    grid: Grid | None = None
    notes: list[str] = []


class ReportModel(Part):
    """A report."""

    kind: str
    title: str
    number: str
    rev: int
    file_class: str = "II"
    drill: bool = False
    made_at: str
    made_on: str
    addressee: str
    sender: str
    subject: str
    lead: str
    warnings: list[str] = []
    sections: list[Section]
    audit_count: int
    audit_hash: str
    found: dict[str, Any] = {}
    """What it has shown of the incident that was not known before."""

    @property
    def mark(self) -> str:
        """The TLP-like handling mark of the report's own class."""
        return MARKS[self.file_class]

    def header(self) -> str:
        """Return what stands on every page."""
        exercise = "【訓練】　" if self.drill else ""
        return f"{exercise}【取扱注意】　重要性分類{CLASSES[self.file_class]}　{self.mark}"
