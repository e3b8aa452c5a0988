"""Rules written for a test, loaded as any others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hinomi.detections import Rules, RuleSet, load
from hinomi.detections.engine import loading
from hinomi.settings import Rules as RuleSettings
from hinomi.settings import Settings

HEAD = {"title": "t", "status": "test", "description": "d", "author": "hinomi", "date": "2026-11-24", "level": "high"}
BASE = {"event.id": "e", "@timestamp": "2026-11-24T00:00:00.000000Z", "event.dataset": "x.y"}


class Site:
    """A folder of rules and what is loaded from it."""

    def __init__(self, folder: Path):
        self.folder = folder / "rules"
        self.folder.mkdir()
        self.settings = Settings(
            data=folder / "data", rules=RuleSettings(shipped=False, folders=(self.folder,), reload_seconds=0.0001)
        )

    def write(self, name: str, *documents: dict[str, Any] | str) -> Path:
        path = self.folder / f"{name}.yml"
        texts = [
            doc if isinstance(doc, str) else yaml.safe_dump(doc, allow_unicode=True, sort_keys=False)
            for doc in documents
        ]
        path.write_text("---\n".join(texts), encoding="utf-8")
        return path

    def load(self) -> Rules:
        return load(self.settings)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a changed set waited for: a busy machine may take longer to make it than the stream would wait."""
    monkeypatch.setattr(loading, "PATIENCE", 60.0)
    monkeypatch.setattr(loading, "QUICK", 60.0)


@pytest.fixture
def site(tmp_path: Path, patient: None) -> Site:
    return Site(tmp_path)


@pytest.fixture
def matches(site: Site) -> Callable[[dict[str, Any], dict[str, Any]], bool]:
    def run(detection: dict[str, Any], event: dict[str, Any], source: dict[str, str] | None = None) -> bool:
        rule = {
            **HEAD,
            "id": "00000000-0000-4000-8000-000000000001",
            "logsource": source or {"product": "hinomi"},
            "detection": detection,
        }
        site.write("rule", rule)
        ruleset: RuleSet = site.load().current()
        assert not ruleset.faults, ruleset.faults
        return bool(ruleset.match([BASE | event]).hits)

    return run
