"""Packs of rules: read within bounds, kept by content, switched on and off while events flow."""

import gzip
import io
import os
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from hinomi.clock import SystemClock
from hinomi.detections import load
from hinomi.detections.engine import loading
from hinomi.detections.packs import archive, keeping, shelf
from hinomi.detections.packs.shelf import Off, Pack, Shelf
from hinomi.errors import ConfigError, NotFoundError
from hinomi.settings import Rules, Settings
from hinomi.state import State

BASE = {"event.id": "e", "@timestamp": "2026-11-24T00:00:00.000000Z", "event.dataset": "x.y", "event.module": "hinomi"}
NOW = SystemClock().now()


def rule(number: int, text: str = "x", **more: Any) -> bytes:
    document = {
        "title": f"rule {number}", "id": f"00000000-0000-4000-8000-{number:012d}", "level": "high", "logsource": {"product": "hinomi"},
        "detection": {"s": {"message|contains": text}, "condition": "s"}, **more,
    }  # fmt: skip
    return yaml.safe_dump(document, sort_keys=False).encode()


FILES = {"rules/a.yml": rule(1), "rules/deep/er/b.yaml": rule(2), "rules/a.samples.json": b"{}", "README.md": b"about", ".git/c.yml": rule(3)}  # fmt: skip
TAKEN = {"rules/a.yml", "rules/deep/er/b.yaml", "rules/a.samples.json"}


def zipped(files: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] = lambda _: None) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            change(info)
            pack.writestr(info, content)
    return made.getvalue()


def tarred(files: dict[str, bytes], *more: tarfile.TarInfo, mode: str = "w:gz") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as pack:  # type: ignore[call-overload]  # a mode that is no literal
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            pack.addfile(info, io.BytesIO(content))
        for info in more:
            pack.addfile(info)
    return made.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_a_folder_a_zip_and_a_tar_hold_the_same_pack(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    found = [
        archive.read_folder(tmp_path), archive.read(zipped(FILES), "p"), archive.read(tarred(FILES), "p"), archive.read(tarred(FILES, mode="w"), "p"),
        archive.read(archive.zipped(archive.read_folder(tmp_path)), "p"), archive.read(tarred({f"./{n}": c for n, c in FILES.items()}), "p"),
    ]  # fmt: skip
    assert {shelf.digest_of(content.files) for content in found} == {shelf.digest_of(found[0].files)}
    assert set(found[0].files) == TAKEN


@pytest.mark.parametrize(
    "name", ["../a.yml", "/etc/a.yml", "rules/../../a.yml", "C:/a.yml", "..\\a.yml", "a\n.yml", " a.yml", "d/" * 30 + "a.yml", "n" * 300 + ".yml"]
)  # fmt: skip
def test_a_name_that_leads_outside_refuses_the_whole_pack(name: str) -> None:
    for data in (zipped({"ok.yml": rule(1), name: rule(2)}), tarred({"ok.yml": rule(1), name: rule(2)})):
        with pytest.raises(ConfigError, match=r"leads outside|too deep or too long"):
            archive.read(data, "p.zip")


def test_links_and_devices_are_left_out_and_said(tmp_path: Path) -> None:
    odd = [link("l.yml", "/etc/passwd"), link("h.yml", "ok.yml", tarfile.LNKTYPE), link("d.yml", "", tarfile.CHRTYPE), link("f.yml", "", tarfile.FIFOTYPE)]  # fmt: skip
    found = archive.read(tarred({"ok.yml": rule(1)}, *odd), "p")
    assert (set(found.files), set(found.left_out)) == ({"ok.yml"}, {"l.yml", "h.yml", "d.yml", "f.yml"})

    def as_link(info: zipfile.ZipInfo) -> None:
        info.external_attr = (0o120777 if info.filename == "l.yml" else 0o100644) << 16

    found = archive.read(zipped({"l.yml": b"/etc/passwd", "ok.yml": rule(1)}, as_link), "p")
    assert (set(found.files), found.left_out) == ({"ok.yml"}, ["l.yml"])
    (tmp_path / "ok.yml").write_bytes(rule(1))
    (tmp_path / "l.yml").symlink_to("/etc/passwd")
    (tmp_path / "folder").symlink_to(tmp_path)
    found = archive.read_folder(tmp_path)
    assert (set(found.files), set(found.left_out)) == ({"ok.yml"}, {"l.yml", "folder"})


ZEROS = 30 << 20
BOMBS: dict[str, Callable[[], bytes]] = {
    "one large file in a tar": lambda: tarred({"big.bin": b"\0" * ZEROS}),
    "one large rule in a zip": lambda: zipped({"big.yml": b"\0" * ZEROS}),
    "rules that pack well": lambda: zipped({f"{n}.yml": b"\0" * (ZEROS // 10) for n in range(10)}),
    "more than is taken": lambda: tarred({f"{n}.yml": b"\0" * ZEROS for n in range(3)}, mode="w")[: archive.PACKED],
    "many files": lambda: zipped({f"{n}.txt": b"" for n in range(archive.MOST_FILES + 1)}),
    "many files in a tar": lambda: tarred({f"{n}.txt": b"" for n in range(archive.MOST_FILES + 1)}),
    "a pack in a pack": lambda: gzip.compress(gzip.compress(b"\0" * ZEROS)),
    "too large as it is": lambda: b"PK\3\4" + bytes(archive.PACKED),
}


@pytest.mark.parametrize("what", BOMBS)
def test_a_bomb_is_refused_while_it_is_small(what: str) -> None:
    with pytest.raises(ConfigError):
        archive.read(BOMBS[what](), "p")


@pytest.mark.parametrize(
    "data", [b"", b"PK\3\4", zipped(FILES)[:-30], tarred(FILES)[:-30], tarred(FILES)[:60], b"title: x", zipped({"a.txt": b"x"})],
    ids=["empty", "begin of a zip", "cut zip", "cut tar", "begin of a tar", "a rule", "no rule in it"],
)  # fmt: skip
def test_what_is_damaged_or_no_pack_is_said(data: bytes) -> None:
    with pytest.raises(ConfigError) as said:
        archive.read(data, "p.zip")
    assert str(said.value).startswith("p.zip: ")
    assert said.value.hint


def test_a_name_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="twice"):
        archive.read(zipped({"a.yml": rule(1), "A.yml": rule(2)}), "p")


class House:
    """A data folder with a shelf, and rules loaded from it."""

    def __init__(self, data: Path):
        self.data = data
        self.state = State(f"sqlite:///{data / 'state.db'}")
        self.state.migrate()
        self.settings = Settings(data=data, rules=Rules(shipped=False, reload_seconds=0.0001))

    def change(self, make: Callable[[Shelf], Shelf]) -> None:
        with self.state.write() as conn:
            keeping.keep(conn, make(keeping.kept(conn)), NOW)
        with self.state.read() as conn:
            keeping.publish(self.data, conn, NOW)

    def add(self, name: str, files: dict[str, bytes], state: Any = "enabled") -> None:
        pack = Pack(
            name, shelf.unpack(self.data, files), len(files), state, "local:t", "2026-11-25T00:00:00.000000Z", "r"
        )
        self.change(lambda known: known.added(pack, NOW))


@pytest.fixture
def house(tmp_path: Path, patient: None) -> House:
    return House(tmp_path / "data")


def hits_of(ruleset: Any, message: str = "x") -> list[str]:
    return sorted(info.id[-1] for _, info in ruleset.match([BASE | {"message": message}]).hits)


def hits(rules: Any, message: str = "x") -> list[str]:
    return hits_of(rules.current(), message)


def test_a_pack_is_switched_on_off_removed_and_brought_back_while_rules_run(house: House) -> None:
    rules = load(house.settings)
    assert hits(rules) == []
    house.add("p", {"a.yml": rule(1), "b.yml": rule(2)})
    assert hits(rules) == ["1", "2"]
    for state, found in (("disabled", []), ("enabled", ["1", "2"]), ("removed", []), ("enabled", ["1", "2"])):
        house.change(lambda known, to=state: known.switched("p", to, "local:t", NOW, "why"))  # type: ignore[misc]  # no lambda says its types
        assert hits(rules) == found, state
    assert (shelf.published(house.data).packs["p"].by, shelf.published(house.data).packs["p"].reason) == (
        "local:t",
        "why",
    )


def test_a_rule_is_switched_off_alone_and_on_again(house: House) -> None:
    house.add("p", {"a.yml": rule(1), "b.yml": rule(2)})
    rules, one = load(house.settings), "00000000-0000-4000-8000-000000000001"
    house.change(lambda known: known.with_rule(one, Off("rule 1", "local:t", "2026-11-25T00:00:00.000000Z", "noisy")))
    assert hits(rules) == ["2"]
    house.change(lambda known: known.with_rule(one, None))
    assert hits(rules) == ["1", "2"]


def test_a_new_version_takes_the_place_of_the_one_before(house: House) -> None:
    house.add("p", {"a.yml": rule(1), "b.yml": rule(2)})
    rules = load(house.settings)
    house.add("p", {"a.yml": rule(1, "y"), "c.yml": rule(3)})
    assert (hits(rules, "x"), hits(rules, "x y")) == (["3"], ["1", "3"])


def test_no_event_meets_half_a_pack(house: House) -> None:
    """Both rules of a pack match every event, and both of its next version: any set shows two or none."""
    rules = load(house.settings)
    ended = threading.Event()

    def switch() -> None:
        for turn in range(30):
            house.add("p", {"a.yml": rule(1 + turn % 2 * 2), "b.yml": rule(2 + turn % 2 * 2)})
        ended.set()

    thread = threading.Thread(target=switch)
    thread.start()
    seen = set()
    while not ended.is_set():
        seen.add(tuple(hits(rules)))
    thread.join()
    assert seen <= {(), ("1", "2"), ("3", "4")}
    assert tuple(hits(rules)) == ("3", "4")


def test_a_broken_rule_of_a_pack_is_named_with_pack_file_and_line_and_holds_up_no_other(house: House) -> None:
    house.add(
        "p",
        {
            "a.yml": rule(1),
            "sub/bad.yml": rule(2).replace(b"message|contains", b"message|frobnicate"),
            "worse.yml": b"a: [\n",
        },
    )
    rules = load(house.settings)
    assert hits(rules) == ["1"]
    said = {fault.where: fault.reason for fault in rules.current().faults}
    assert "frobnicate" in said["p:sub/bad.yml:8"]
    assert any(where.startswith("p:worse.yml:2") for where in said), said


def test_a_rule_of_a_pack_never_contains_unless_the_settings_name_it(house: House) -> None:
    auto = rule(1, hinomi={"category": "malware", "contain": "auto"})
    house.add("p", {"a.yml": auto})
    (info,) = load(house.settings).current().rules.values()
    assert info.contain == "never"
    named = house.settings.model_copy(update={"rules": Rules(shipped=False, contain=(info.id,))})
    assert load(named).current().rules[info.id].contain == "auto"


def test_a_change_that_was_committed_and_not_published_is_made_good_by_whoever_opens_the_store(house: House) -> None:
    house.add("p", {"a.yml": rule(1)})
    with house.state.write() as conn:  # and then the machine stops
        keeping.keep(conn, keeping.kept(conn).switched("p", "disabled", "local:t", NOW, "why"), NOW)
    rules = load(house.settings)
    assert hits(rules) == ["1"]
    with house.state.read() as conn:
        keeping.publish(house.data, conn, NOW)
    assert hits(rules) == []


def test_a_damaged_shelf_is_said_and_what_ran_goes_on(house: House) -> None:
    house.add("p", {"a.yml": rule(1)})
    rules = load(house.settings)
    (house.data / "packs" / "shelf.json").write_text("{")
    assert hits(rules) == ["1"]
    assert any("shelf.json" in fault.where for fault in rules.current().faults)
    with house.state.read() as conn:
        keeping.publish(house.data, conn, NOW)
    assert rules.current().faults == []


def test_files_that_no_pack_names_are_deleted_but_not_while_one_may_read_them(house: House) -> None:
    house.add("p", {"a.yml": rule(1)})
    old = house.data / "packs" / shelf.published(house.data).packs["p"].digest
    house.add("p", {"a.yml": rule(2)})
    assert old.is_dir()
    os.utime(old, (0, 0))
    house.add("q", {"a.yml": rule(3)})
    assert not old.exists()
    assert sorted(hits(load(house.settings))) == ["2", "3"]


def test_a_removed_pack_can_be_brought_back_for_30_days(house: House) -> None:
    house.add("p", {"a.yml": rule(1)})
    later = NOW + shelf.KEPT + timedelta(days=1)
    house.change(lambda known: known.switched("p", "removed", "local:t", NOW, "gone"))
    with pytest.raises(NotFoundError):
        shelf.published(house.data).added(Pack("q", "d", 1, "enabled", "t", "2026-11-25T00:00:00.000000Z", "r"), later).switched("p", "enabled", "t", later, "")  # fmt: skip


def test_a_large_set_is_made_beside_the_one_in_use(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """No call waits for it longer than a moment; the old set answers until the new one is whole."""
    monkeypatch.setattr(loading, "PATIENCE", 0.1)
    house.add("small", {"a.yml": rule(1)})
    rules = load(house.settings)
    house.add("large", {f"{n}.yml": rule(n, f"text{n} x") for n in range(100, 2100)})
    seen: set[int] = set()
    deadline = time.monotonic() + 60
    while len(seen) < 2 and time.monotonic() < deadline:
        current = rules.current()
        seen.add(len(current.rules))
        assert hits_of(current) == ["1"]
    assert seen == {1, 2001}
