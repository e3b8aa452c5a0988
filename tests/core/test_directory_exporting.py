"""The directory as CSV files is read back as the same directory."""

from hinomi.directory import ClassRule, Device, Directory, Person, Tenant
from hinomi.directory.exporting import as_lists
from hinomi.directory.importing import import_files

SCHOOL = "kita/aoba/higashi-es"


def test_what_is_written_is_read_back_as_it_was() -> None:
    directory = Directory(
        0,
        [Tenant("kita", '北県, "試"', "prefecture"), Tenant("kita/aoba", "青葉市", "municipality"), Tenant(SCHOOL, "東小学校", "school")],
        [
            Person("t1", SCHOOL, "髙橋, 花\n子", "teacher", "t1@a.test", "t1@p.test", "03-0000", "en", ("AOBA\\t1", "slack:U0123")),
            Person("o1", "", "監視 三郎", "operator"),
        ],
        [
            Device("PC-1", SCHOOL, "PC-1", "A-1", "t1", False, {"defender": "m1", "intune": "i1"}),
            Device("SV-1", "kita/aoba", "SV-1", protected=True),
        ],
        [ClassRule("kita/aoba", "name", "*成績*", "II"), ClassRule("", "path", "*\\指導要録\\*", "I")],
    )  # fmt: skip
    files = {name: text.encode() for name, text in as_lists(directory).items()}
    assert import_files(files) == directory


def test_an_empty_directory_is_four_headers() -> None:
    assert {name: text.count("\n") for name, text in as_lists(Directory()).items()} == dict.fromkeys(
        ("tenants.csv", "people.csv", "devices.csv", "class_rules.csv"), 1
    )
