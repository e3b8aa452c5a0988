"""The how-to pages, followed to the letter: files saved, commands run, and what they are said to print is printed."""

import re
import shlex
from pathlib import Path

import pytest

from hinomi.cli.main import main

HOWTO = Path(__file__).parents[1] / "docs" / "howto"
PAGES = [HOWTO / f"{name}.md" for name in ("write-a-rule",)]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_SAVED = re.compile(r"[Ss]ave[^`]*`([\w./]+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_can_be_followed(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    text, ran, after = page.read_text(encoding="utf-8"), 0, 0
    for block in _BLOCK.finditer(text):
        kind, content, before = block[1], block[2], text[after : block.start()]
        after = block.end()
        if kind:
            named = _SAVED.search(before)
            assert named, f"{page.name}: a file is shown, and not under which name it is saved:\n{content}"
            (tmp_path / named[1]).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / named[1]).write_text(content, encoding="utf-8")
            continue
        command, *said = content.splitlines()
        code = main(shlex.split(command)[1:])
        printed = "".join(capsys.readouterr())
        assert code == (1 if "(exit 1)" in said else 0), f"{command}\n{printed}"
        flat = re.sub(r"\s+", " ", printed)
        for line in said:
            assert line == "(exit 1)" or re.sub(r"\s+", " ", line) in flat, (
                f"{command}\ndid not print: {line}\n{printed}"
            )
        ran += 1
    assert ran
