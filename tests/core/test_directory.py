"""The directory: what its lists may hold, every fault with its row, and look-ups that never leave a ceiling."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hinomi.directory import Device, Directory, Person
from hinomi.directory.importing import COLUMNS, import_files, read_folder
from hinomi.errors import ConfigError, Faults, NotFoundError

EAST, WEST = "kita/aoba/higashi-es", "kita/midori/nishi-es"
TENANTS = (
    "path,name,kind\nkita,北県,prefecture\nkita/aoba,青葉市,municipality\nkita/midori,緑市,municipality\n"
    f"{EAST},東小学校,school\n{WEST},西小学校,school\n"
)
PEOPLE = ",".join(COLUMNS["people.csv"]) + "\n"
DEVICES = ",".join(COLUMNS["devices.csv"]) + "\n"
RULES = ",".join(COLUMNS["class_rules.csv"]) + "\n"


def person(id: str, tenant: str = EAST, accounts: str = "") -> str:
    return f"{id},{tenant},名前,teacher,,,,ja,{accounts}\n"


def device(id: str, tenant: str = EAST, name: str = "", vendors: str = "") -> str:
    return f"{id},{tenant},{name or id},,,no,{vendors}\n"


def imported(people: str = PEOPLE, devices: str = DEVICES, rules: str = RULES, tenants: str = TENANTS) -> Directory:
    texts = {"tenants.csv": tenants, "people.csv": people, "devices.csv": devices, "class_rules.csv": rules}
    return import_files({name: text.encode() for name, text in texts.items()})


def faults(act: Callable[[], object]) -> list[str]:
    with pytest.raises(Faults) as caught:
        act()
    assert caught.value.exit_code == 2
    assert all(fault.hint for fault in caught.value.faults)
    return [str(fault) for fault in caught.value.faults]


def test_lists_in_utf8_with_a_mark_and_in_cp932_are_read_alike() -> None:
    texts = {"tenants.csv": TENANTS, "people.csv": PEOPLE + person("t1"), "devices.csv": DEVICES + device("PC-1")}
    marked = import_files({name: text.encode("utf-8-sig") for name, text in texts.items()})
    assert marked == import_files({name: text.encode("cp932") for name, text in texts.items()})
    assert marked.tenant_name(EAST) == "東小学校"


def test_two_municipalities_may_name_their_pcs_and_accounts_alike() -> None:
    found = imported(
        PEOPLE + person("t1", EAST, "sato") + person("t2", WEST, "sato"),
        DEVICES + device("D-1", EAST, "PC-01") + device("D-2", WEST, "PC-01"),
    )
    east, west = found.device("pc-01", "kita/aoba"), found.device("PC-01.midori.test", "kita/midori")
    assert (east and east.id, west and west.id) == ("D-1", "D-2")
    assert found.device("PC-01", "kita") is None
    sato = found.person("MIDORI\\sato", "kita/midori")
    assert sato is not None
    assert sato.id == "t2"
    assert found.person("sato") is None


def test_a_device_is_found_by_the_id_of_any_product_inside_the_ceiling_only() -> None:
    found = imported(
        devices=DEVICES
        + device("D-1", EAST, vendors="falcon=A1;defender=B2")
        + device("D-2", EAST, vendors="falcon=B2")
        + device("D-3", WEST, vendors="trend=C3")
    )

    def name(ref: str, ceiling: str = "", product: str = "") -> str | None:
        device = found.device_by_ref(ref, ceiling, product)
        return device.id if device else None

    assert (name("a1"), name("A1", "kita/aoba", "crowdstrike")) == ("D-1", "D-1")
    assert (name("b2"), name("b2", product="falcon"), name("b2", product="defender")) == (None, "D-2", "D-1")
    assert (name("c3", "kita/aoba"), name("c3", "kita/midori"), name("")) == (None, "D-3", None)


def test_a_name_of_several_devices_is_said_to_be_that_with_their_ids() -> None:
    found = imported(devices=DEVICES + device("D-1", EAST, "PC-01") + device("D-2", WEST, "PC-01"))
    with pytest.raises(NotFoundError) as several:
        found.the_device("pc-01.aoba.test", "kita")
    assert "several devices" in str(several.value)
    assert f"D-1 ({EAST}), D-2 ({WEST})" in str(several.value.hint)
    assert found.the_device("d-2").id == "D-2"
    with pytest.raises(NotFoundError, match="no device 'PC-01'"):  # a name of another municipality is not given away
        found.the_device("PC-01", "kita/other")


def test_within_a_municipality_names_and_accounts_are_unique() -> None:
    named = faults(
        lambda: imported(
            PEOPLE + person("t1", EAST, "sato;suzuki") + person("t2", "kita/aoba", "SATO"),
            DEVICES + device("D-1", EAST, "PC-01.aoba.test") + device("D-2", "kita/aoba", "pc-01"),
        )
    )
    assert named == [
        "people.csv:3: account 'SATO' is there already",
        "devices.csv:3: device name 'pc-01' is there already",
    ]


@pytest.mark.parametrize(
    ("devices", "what"),
    [
        (device("D-1") + device("d-1", name="other"), "devices.csv:3: device 'd-1' is there already"),
        (device("D-1", vendors="defender=a") + device("D-2", WEST, vendors="defender=A"), "devices.csv:3: defender id 'A' is there already"),
        (device("D-1", vendors="defender"), "devices.csv:2: vendors 'defender'"),
        (f"D-1,{EAST},D-1,,nobody,no,\n", "devices.csv:2: owner 'nobody' is nobody in people.csv"),
        (f"D-1,{EAST},D-1,,,perhaps,\n", "devices.csv:2: protected 'perhaps'"),
        (f",{EAST},D-1,,,no,\n", "devices.csv:2: no id or no name"),
        ("D-1,kita/none,D-1,,,no,\n", "devices.csv:2: unknown tenant 'kita/none'"),
        (f"D-1,{EAST},D-1,,,no,,one,two\n", "devices.csv:2: more cells than columns"),
    ],
)  # fmt: skip
def test_a_row_that_does_not_fit_is_named(devices: str, what: str) -> None:
    assert what in faults(lambda: imported(devices=DEVICES + devices))


def test_an_owner_of_another_school_is_named() -> None:
    rows = f"D-1,{EAST},D-1,,t2,no,\n"
    assert faults(lambda: imported(PEOPLE + person("t2", WEST), DEVICES + rows)) == [
        f"devices.csv:2: owner 't2' belongs to '{WEST}'"
    ]


def test_a_quote_that_is_never_closed_ends_its_file_and_the_others_are_read_on() -> None:
    named = faults(
        lambda: imported(
            PEOPLE + person("t1") + 't2,"kita,x\n' + person("t3"),
            DEVICES + f"D-1,{EAST},D-1,,nobody,no,\n",
            RULES + "kita,name,*,V\n",
        )
    )
    assert named == [
        "people.csv:3: unexpected end of data",
        "devices.csv:2: owner 'nobody' is nobody in people.csv",
        "class_rules.csv:2: unknown class 'V'",
    ]


def test_a_header_with_an_open_quote_is_a_fault_of_its_first_row() -> None:
    assert faults(lambda: imported(people='"id,tenant\n' + person("t1"))) == ["people.csv:1: unexpected end of data"]


def test_rows_are_counted_in_lines_of_the_file() -> None:
    rules = RULES + 'kita,name,"*成績\n一覧*",II\n\nkita,name,,I\n'
    assert faults(lambda: imported(rules=rules)) == ["class_rules.csv:5: no pattern"]


def test_files_that_are_missing_or_no_text_are_named_with_their_folder(tmp_path: Path) -> None:
    (tmp_path / "tenants.csv").write_bytes(b"ab\x81 ")
    (tmp_path / "devices.csv").write_text("id,name\n")
    named = faults(lambda: import_files(read_folder(tmp_path), tmp_path))
    assert named == [
        f"{tmp_path / 'tenants.csv'}: neither UTF-8 nor CP932 at byte 2",
        f"{tmp_path / 'people.csv'}: this file is missing",
        f"{tmp_path / 'devices.csv'}:1: columns missing: tenant, asset_no, owner, protected, vendors",
    ]
    with pytest.raises(ConfigError, match="no such folder"):
        read_folder(tmp_path / "nowhere")


def test_an_id_goes_before_a_name_and_nothing_leaves_the_ceiling() -> None:
    found = Directory(
        people=[Person("t1", EAST, "佐藤", "teacher", accounts=("sato",))],
        devices=[Device("PC-01", EAST, "front"), Device("D-2", EAST, "PC-01"), Device("D-3", WEST, "only-here")],
    )
    device = found.device("pc-01", "kita/aoba")
    assert device is not None
    assert device.id == "PC-01"
    assert found.device("only-here", "kita/aoba") is None
    assert found.person("sato@aoba.test", "kita/midori") is None
