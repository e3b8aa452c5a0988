"""The how-to pages, followed to the letter: files saved, commands run, and what they are said to print is printed."""

import re
import shlex
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hinomi.cli.main import main
from hinomi.clock import iso
from hinomi.event import Event
from hinomi.events import Flush, open_store
from hinomi.settings import load_settings

HOWTO = Path(__file__).parents[1] / "docs" / "howto"
LISTS = {
    "tenants": "path,name,kind\nkita,北県,prefecture\nkita/aoba,青葉市,municipality\nkita/aoba/higashi,東小学校,school\n",
    "people": "id,tenant,name,role,mail,mail_off,phone,language,accounts\nt1,kita/aoba/higashi,佐藤 花,teacher,t1@school.test,,,ja,sato\n",
    "devices": "id,tenant,name,asset_no,owner,protected,vendors\nPC-0101,kita/aoba/higashi,PC-0101,A-1,t1,no,\nPC-0102,kita/aoba/higashi,PC-0102,A-2,,no,\n",
}  # fmt: skip


def a_site_where_a_file_was_taken(folder: Path) -> None:
    """Lay out a site, and store what its operation log said yesterday: one copy to a USB stick."""
    assert main(["init", str(folder / "site")]) == 0
    config = folder / "site" / "hinomi.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(
        f'{text}\n[sources.oplog]\nkind = "file"\npath = "oplog/*.csv"\ntenant = "kita/aoba"\n', encoding="utf-8"
    )
    (folder / "lists").mkdir()
    for name, rows in LISTS.items():
        (folder / "lists" / f"{name}.csv").write_text(rows, encoding="utf-8")
    assert main(["directory", "import", str(folder / "lists"), "--config", str(config)]) == 0
    event: Event = {
        "@timestamp": iso(datetime.now(UTC) - timedelta(days=1)), "event.id": "0" * 31 + "1", "event.dataset": "skysea.operation",
        "event.action": "file-copied", "hinomi.tenant": "kita/aoba/higashi", "hinomi.source": "oplog", "hinomi.host.id": "PC-0101",
        "hinomi.user.id": "t1", "hinomi.user.role": "teacher", "user.name": "sato", "file.name": "成績一覧.xlsx", "file.path": "C:\\校務\\成績一覧.xlsx",
        "file.target_path": "E:\\成績一覧.xlsx", "hinomi.file.class": "II", "hinomi.egress.channel": "usb", "hinomi.egress.verdict": "allowed",
        "hinomi.egress.destination": "USB-1", "hinomi.egress.bytes": 120000, "event.original": "PC-0101,…,成績一覧.xlsx,…",
    }  # fmt: skip
    store = open_store(load_settings(config), writable=True)
    store.append(Flush("seed", [(1, [event])]))
    store.close()


#: Page → what must be there before it is followed.
PAGES: dict[str, Callable[[Path], None] | None] = {
    "write-a-rule": None,
    "write-a-playbook": None,
    "answer-an-auditor": a_site_where_a_file_was_taken,
}
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_SAVED = re.compile(r"[Ss]ave[^`]*`([\w./]+)`")


@pytest.mark.parametrize("name", PAGES)
def test_the_page_can_be_followed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    page = HOWTO / f"{name}.md"
    if prepare := PAGES[name]:
        prepare(tmp_path)
        capsys.readouterr()
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
        if command.startswith("hinomi "):
            code = main(shlex.split(command)[1:])
            printed = "".join(capsys.readouterr())
        else:
            done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, cwd=tmp_path)
            code, printed = done.returncode, done.stdout + done.stderr
        wanted = next((int(line[6:-1]) for line in said if line.startswith("(exit ")), 0)
        assert code == wanted, f"{command}\n{printed}"
        flat = re.sub(r"\s+", " ", printed)
        for line in said:
            assert line.startswith("(exit ") or re.sub(r"\s+", " ", line) in flat, (
                f"{command}\ndid not print: {line}\n{printed}"
            )
        ran += 1
    assert ran
