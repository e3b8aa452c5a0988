"""What was on a device, as its logs have it: seen, renamed, copied, deleted, gone elsewhere; and what nobody has looked at."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hinomi.directory import Device, Directory, Tenant
from hinomi.event import Event
from hinomi.events import EventStore, Flush, open_store, stores
from hinomi.events.contents import Contents, on_device
from hinomi.settings import Settings

SCHOOL, OTHER = "kita/aoba/higashi-es", "kita/aoba/nishi-jhs"
SINCE, UNTIL = "2026-09-01T00:00:00.000000Z", "2026-11-24T00:00:00.000000Z"
PC = Device("pc-1", SCHOOL, "HES-PC-001", "KT-0001", "t1")
DIRECTORY = Directory(
    tenants=[Tenant("kita/aoba", "青葉市", "municipality"), Tenant(SCHOOL, "東小学校", "school")],
    devices=[PC, Device("pc-2", SCHOOL, "HES-PC-002", "KT-0002", "t2")],
)


@pytest.fixture(params=[name for name, _ in stores])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, store_settings: Callable[[str, Path], Settings]
) -> Iterator[EventStore]:
    opened = open_store(store_settings(request.param, tmp_path), writable=True)
    yield opened
    opened.close()


def seen(minute: int, action: str, path: str, **more: Any) -> Event:
    fields = {name.replace("__", "."): value for name, value in more.items()}
    return {
        "@timestamp": f"2026-11-20T01:{minute:02}:00.000000Z", "event.id": f"{minute:032x}", "event.action": action, "file.path": path,
        "file.name": path.rpartition("\\")[2], "hinomi.host.id": "pc-1", "hinomi.tenant": SCHOOL, "hinomi.source": "oplog", **fields,
    }  # fmt: skip


def ask(store: EventStore, *events: Event) -> Contents:
    if events:
        store.append(Flush("a", [(1, list(events))]))
    return on_device(store, DIRECTORY, PC, SINCE, UNTIL, {"oplog": 3600.0, "winlog": 3600.0})


def paths(contents: Contents) -> list[str]:
    return [file.path for file in contents.files]


def test_a_file_is_there_until_it_is_seen_to_be_deleted(store: EventStore) -> None:
    found = ask(
        store,
        seen(1, "file-created", "C:\\a\\x.xlsx"), seen(2, "file-opened", "C:\\a\\y.docx"), seen(3, "file-deleted", "C:\\A\\X.xlsx"),
        seen(4, "file-created", "C:\\a\\z.txt"), seen(5, "file-deleted", "C:\\a\\z.txt"), seen(6, "file-written", "C:\\a\\z.txt"),
    )  # fmt: skip
    assert paths(found) == ["C:\\a\\z.txt", "C:\\a\\y.docx"]


def test_a_renamed_file_is_there_once_under_its_last_name_and_a_copied_one_twice(store: EventStore) -> None:
    found = ask(
        store,
        seen(1, "file-created", "C:\\a\\old.xlsx", hinomi__file__class="II"),
        seen(2, "file-renamed", "C:\\a\\old.xlsx", file__target_path="C:\\b\\new.xlsx"),
        seen(3, "file-copied", "C:\\b\\new.xlsx", file__target_path="D:\\copy.xlsx"),
    )
    assert sorted(paths(found)) == ["C:\\b\\new.xlsx", "D:\\copy.xlsx"]
    assert {file.file_class for file in found.files} == {"II"}
    assert {file.name for file in found.files} == {"new.xlsx", "copy.xlsx"}


def test_the_highest_class_comes_first_and_what_has_none_last(store: EventStore) -> None:
    found = ask(
        store,
        seen(1, "file-created", "C:\\none.txt"), seen(2, "file-created", "C:\\two.txt", hinomi__file__class="II"),
        seen(3, "file-created", "C:\\one.txt", hinomi__file__class="I"), seen(4, "file-created", "C:\\four.txt", hinomi__file__class="IV"),
    )  # fmt: skip
    assert [file.file_class for file in found.files] == ["I", "II", "IV", None]
    assert found.by_class() == {"I": 1, "II": 1, "III": 0, "IV": 1, "": 1}
    assert found.highest == "I"


def test_what_left_on_a_stick_is_said_to_have_left_and_the_stick_is_not_the_device(store: EventStore) -> None:
    usb = {"hinomi__egress__channel": "usb", "file__target_path": "E:\\x.xlsx"}
    found = ask(
        store,
        seen(1, "file-copied", "C:\\x.xlsx", hinomi__egress__verdict="allowed", **usb),
        seen(2, "file-copied", "C:\\y.xlsx", hinomi__egress__verdict="blocked", **usb),
    )
    assert {file.path: file.left for file in found.files} == {"C:\\x.xlsx": "usb", "C:\\y.xlsx": ""}


def test_only_this_device_and_only_what_lies_on_it(store: EventStore) -> None:
    found = ask(
        store,
        seen(1, "file-opened", "\\\\server\\share\\x.xlsx"),
        seen(2, "file-opened", "C:\\theirs.xlsx", hinomi__host__id="pc-2"),
        seen(3, "file-opened", "C:\\elsewhere.xlsx", hinomi__tenant=OTHER),
        seen(4, "file-opened", "C:\\mine.xlsx"),
    )
    assert paths(found) == ["C:\\mine.xlsx"]


def test_the_answer_says_what_was_looked_at_and_what_was_silent(store: EventStore) -> None:
    text = ask(store, seen(1, "file-opened", "C:\\mine.xlsx")).coverage.text()
    assert "端末「KT-0001」" in text
    assert "情報源 oplog 1件" in text
    assert "空白2回" in text
    assert "情報源 winlog この期間の記録なし" in text
    assert "登録端末：すべての端末の記録あり" in text
    assert "その間のファイルの有無は、この記録からは分かりません" in text


def test_a_device_that_was_never_heard_is_named_and_a_store_without_events_answers(store: EventStore) -> None:
    found = ask(store)
    assert found.files == []
    assert found.highest is None
    text = found.coverage.text()
    assert "ファイルの記録は見つかりませんでした" in text
    assert "期間中に一度も記録がない登録端末 1台：pc-1" in text
