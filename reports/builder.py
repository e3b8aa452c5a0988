"""Builds a report's file: facts and answers → one model → PDF in ``reports/`` of the data folder.

It is what the playbook engine knows as `hinomi.playbooks.engine.reports.ReportBuilder`.
"""

import hashlib
import json
import os
import secrets
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from hinomi.clock import JST, iso
from hinomi.errors import HinomiError, IntegrityError, NotFoundError
from hinomi.events import EventStore, open_store
from hinomi.playbooks.engine.reports import Built
from hinomi.playbooks.messages.names import role_name
from hinomi.reports import ReportKind, forms, reports
from hinomi.reports.answers import SHORT_ROLES, Answers, shown
from hinomi.reports.facts import Facts, gather
from hinomi.reports.fields import form_fields
from hinomi.reports.model import Grid, ReportModel, Section
from hinomi.reports.pdf import render
from hinomi.settings import Settings
from hinomi.state import State
from hinomi.text import era_date, era_time

SCHOOL_ROLES = (
    "teacher",
    "staff",
    "school_management",
    "principal",
    "vice_principal",
    "chief_teacher",
    "school_security_officer",
)
BOARD_ROLES = ("board", "ict_section")
EXERCISE = "これは訓練のために作成した報告書です。実際の事案ではありません。"


class Builder:
    """Opens reports and makes their files."""

    def __init__(self, settings: Settings, state: State):
        """Take where files go, and the state store they are made from."""
        self._folder = settings.data / "reports"
        self._drill = settings.drill.on
        self._settings, self._state = settings, state
        self._opened: EventStore | None = None

    def title(self, kind: str) -> str:
        """Return what people call this kind of report."""
        return reports.get(kind).title

    def open(
        self,
        conn: Connection,
        *,
        incident: str,
        run: str,
        step: str,
        kind: str,
        author_role: str,
        due_at: str | None,
        now: datetime,
    ) -> str:
        """Make a draft in the caller's transaction; return its id."""
        return forms.open_report(
            conn, incident=incident, run=run, step=step, kind=kind, author_role=author_role, due_at=due_at, now=now
        )

    def model(self, conn: Connection, report_id: str, now: datetime) -> ReportModel:
        """Return a report as data, as it stands in this snapshot."""
        report = forms.by_id(conn, report_id)
        kind = reports.get(report["kind"])
        taken = forms.carried(conn, report, kind)
        facts = gather(conn, report, now, taken, to=kind.to, source_names=self._settings.source_names)
        if kind.looks is not None:
            facts = replace(facts, found=kind.looks(self._store(), facts, self._silence()))
        submitted = report["submitted_at"] is not None
        answers = Answers(kind.fields, report["fields"], taken, author_role=report["author_role"], submitted=submitted)
        return self._compose(facts, kind, answers)

    def _store(self) -> EventStore:
        """Return the event store, opened to be read when a report asks for it first."""
        self._opened = self._opened or open_store(self._settings)
        return self._opened

    def _silence(self) -> dict[str, float]:
        return {name: source.silence_after for name, source in self._settings.sources.items()}

    def build(self, report_id: str, now: datetime) -> Built:
        """Write the PDF, and the data it was made of beside it; return its path and SHA-256.

        Raises:
            HinomiError: If it cannot be set or written.
        """
        with self._state.read() as conn:
            report = forms.by_id(conn, report_id)
            model = self.model(conn, report_id, now)
        pdf = render(model, now)
        path = self._folder / file_name(report)
        kept = {"model": model.model_dump(), "fields": report["fields"], "built_at": iso(now)}
        self._write(path.with_suffix(".json"), json.dumps(kept, ensure_ascii=False, indent=1).encode())
        self._write(path, pdf)
        return Built(str(path), hashlib.sha256(pdf).hexdigest(), model.found)

    def _write(self, path: Path, content: bytes) -> None:
        """Write a file so that it is whole or not there, readable by its owner alone."""
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise HinomiError(f"the report cannot be written: {error.strerror}", where=path) from error

    def _compose(self, facts: Facts, kind: ReportKind, answers: Answers) -> ReportModel:
        incident, report = facts.incident, facts.report
        day = facts.now.astimezone(JST).date()
        sections = kind.sections(facts, answers)
        if (changes := self._changes(report, kind)) is not None:
            sections = [*sections, changes]
        return ReportModel(
            kind=kind.name,
            title=kind.title,
            number=report["number"],
            rev=report["rev"],
            made_at=era_time(facts.now),
            made_on=era_date(day),
            addressee=addressee(facts),
            sender=sender(facts),
            subject=f"{kind.matter}（事案{incident['number']}　{incident['title_ja'] or incident['title']}）",
            lead="このことについて、下記のとおり報告します。",
            warnings=[*([EXERCISE] if self._drill else []), *_warnings(report)],
            drill=self._drill,
            sections=sections,
            audit_count=facts.audit_head[0],
            audit_hash=facts.audit_head[1],
            found=facts.found.facts() if facts.found is not None else {},
        )

    def _changes(self, report: dict[str, Any], kind: ReportKind) -> Section | None:
        """Return what differs from the version before (前報との差分), or None for a first version."""
        if report["rev"] < 2:
            return None
        before: dict[str, Any] = {}
        earlier = self._folder / file_name({**report, "rev": report["rev"] - 1})
        try:
            before = json.loads(earlier.with_suffix(".json").read_bytes())["fields"]
        except (OSError, ValueError, KeyError):
            return Section(title="前報との差分", notes=["前の版の記録が見つからないため、差分は示せません。"])
        rows = [
            [
                question.label,
                _text(before.get(question.name), question.shape),
                _text(report["fields"].get(question.name), question.shape),
            ]
            for question in form_fields(kind.fields)
            if before.get(question.name) != report["fields"].get(question.name)
        ]
        grid = Grid(columns=["項目", "前の版", "この版"], widths=[2.5, 4.5, 4.5], rows=rows, note=f"{len(rows)}項目")
        return Section(title=f"前報（第{report['rev'] - 1}版）との差分", grid=grid)


def _text(value: Any, shape: str) -> str:
    return shown(value, shape) if value is not None else "（未記入）"


def file_name(report: dict[str, Any]) -> str:
    """Return a report's file name; later versions carry theirs."""
    return f"{report['number']}.pdf" if report["rev"] < 2 else f"{report['number']}-{report['rev']}.pdf"


def _warnings(report: dict[str, Any]) -> list[str]:
    if report["submitted_at"]:
        return []
    who = SHORT_ROLES.get(report["author_role"], report["author_role"])
    return [
        f"{who}未記入：この報告は期限までに提出されていません。記録から分かる事項だけで作成し、{who}が記入する項目は「調査中」としています。"
    ]


def addressee(facts: Facts) -> str:
    """Return whom the report is to (宛先)."""
    if facts.to in BOARD_ROLES:
        return f"{facts.board}　教育長　様"
    if facts.to in SCHOOL_ROLES:
        return f"{facts.school}　校長　様"
    return f"{role_name(facts.to)}　様"


def sender(facts: Facts) -> str:
    """Return whom the report is from (発信者): the author by name and role, else the role that was asked."""
    role = facts.report["author_role"]
    place = facts.school if role in SCHOOL_ROLES else facts.board if role in BOARD_ROLES else ""
    author = facts.who(facts.report["author"]) if facts.report["author"] else role_name(role)
    return "　".join(part for part in (place, author) if part)


def read_file(settings: Settings, report: dict[str, Any]) -> bytes:
    """Return a sent report's PDF, if it still is what was sent.

    Raises:
        NotFoundError: If there is no file yet.
        IntegrityError: If the file was changed.
    """
    if not report["path"]:
        raise NotFoundError("報告書はまだ作成されていません")
    path = Path(report["path"])
    if not path.exists():  # the data folder was moved
        path = settings.data / "reports" / path.name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotFoundError(f"報告書のファイルがありません: {error.strerror}", where=path) from error
    if hashlib.sha256(content).hexdigest() != report["sha256"]:
        raise IntegrityError("報告書のファイルが、送付したものと一致しません", where=path, hint="hinomi audit verify")
    return content
