"""The tables of the field maps: well-formed, in ECS or in a maker's own names, and whole for the rules of SigmaHQ."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from hinomi.detections import load
from hinomi.detections.coverage import Coverage, survey
from hinomi.detections.fieldmap import Product, Table, choices_of, conditions, fieldmaps, product_of, routes_of
from hinomi.detections.fieldmap import table as made_of
from hinomi.events.types import CORE, MOST
from hinomi.settings import Rules, Settings

SHARED = Path(__file__).parents[4] / "shared" / "data"
ECS_CSV = SHARED / "ecs-fields.csv"
SIGMAHQ = SHARED / "sigmahq"
TABLES = {name: product for name, product in fieldmaps if isinstance(product, Product) and product.table}
#: Of these, every rule has every field mapped; product-less log sources by their category.
WHOLE = {
    "windows": ("windows", ""), "linux": ("linux", ""), "m365": ("m365", ""), "azure": ("azure", ""), "Google": ("gcp", ""),
    "proxy": ("", "proxy"), "dns": ("", "dns"), "webserver": ("", "webserver"), "antivirus": ("", "antivirus"),
}  # fmt: skip


def tables() -> Iterator[tuple[str, Product, Table]]:
    for name, product in TABLES.items():
        assert product.table is not None
        yield name, product, product.table


def rows(table: Table) -> Iterator[tuple[str, str, str]]:
    """Yield (log source, Sigma field, target)."""
    for source, fields in (("", table.fields), *table.of.items()):
        for name, targets in fields.items():
            for target in targets:
                yield source, name, target


@pytest.fixture(scope="module")
def ecs() -> frozenset[str]:
    if not ECS_CSV.exists():
        pytest.skip("needs ../shared/data/ecs-fields.csv")
    with ECS_CSV.open(encoding="utf-8") as file:
        return frozenset(row["Field"] for row in csv.DictReader(file))


@pytest.fixture(scope="module")
def surveyed() -> list[Coverage]:
    if not SIGMAHQ.exists():
        pytest.skip("needs SigmaHQ's rules, ../shared/data/sigmahq")
    return survey(sorted(SIGMAHQ.glob("rules*")))


def test_every_name_is_of_ecs_or_declared_as_the_makers_own(ecs: frozenset[str]) -> None:
    wrong = []
    for product, made, table in tables():
        read = [field for virtual in made.virtual.values() for _, fields in choices_of(virtual) for field in fields]
        named = [target for _, _, target in rows(table) if not target.startswith("sigma.")]
        for field in (*read, *named, *table.trees.values(), *table.rest.values()):
            if field not in ecs and not (table.vendor and field.startswith(table.vendor)):
                wrong.append((product, field))
    assert wrong == []


def test_conditions_of_routes_ask_for_fields_of_ecs_or_the_event_log(ecs: frozenset[str]) -> None:
    asked = {
        name for _, _, table in tables() for routes in table.sources.values() for route in routes for name, _ in route
    }
    assert {name for name in asked if name not in ecs} == {"winlog.channel"}


def test_a_declared_maker_is_no_part_of_ecs(ecs: frozenset[str]) -> None:
    assert [
        (name, begin)
        for name, _, table in tables()
        for begin in table.vendor
        if any(field.startswith(begin) for field in ecs)
    ] == []


def test_computed_names_can_be_read_and_values_belong_to_a_field() -> None:
    for name, product, table in tables():
        computed = {target for _, _, target in rows(table) if target.startswith("sigma.")}
        assert computed <= set(product.virtual), name
        for field, targets in table.values.items():
            reached = {target for _, known, target in rows(table) if known.casefold() == field.casefold()}
            assert set(targets) <= reached, f"{name}: {field}"
            assert all(value == value.casefold() for values in targets.values() for value in values), f"{name}: {field}"


def test_every_log_source_of_a_table_has_a_way_to_events() -> None:
    for name, product, table in tables():
        for source, routes in table.sources.items():
            assert routes, f"{name}: {source}"
            assert product.route(source or None, None) == routes
        assert set(table.of) - {""} <= set(table.sources), name


def test_category_and_service_together_narrow_each_other() -> None:
    windows = TABLES["windows"]
    both = windows.route("process_creation", "security")
    assert both is not None
    assert [dict(route) for route in both if ("event.code", "4688") in route] == [
        {"winlog.channel": "Security", "event.code": "4688"}
    ]
    assert not any(("event.code", "1") in route for route in both)


@pytest.mark.parametrize("wanted", WHOLE)
def test_every_rule_has_every_field_mapped(wanted: str, surveyed: list[Coverage]) -> None:
    product, category = WHOLE[wanted]
    found = [each for each in surveyed if each.source[0] == product and (not category or each.source[1] == category)]
    rules = [rule for each in found for rule in each.rules]
    assert len(rules) >= 9
    assert [(rule.title, rule.unmapped) for rule in rules if rule.unmapped] == []
    assert [each.source for each in found if not each.routes] == []


def test_what_is_left_of_the_others_is_listed_and_is_nothing_today(surveyed: list[Coverage]) -> None:
    left = {(*each.source, name) for each in surveyed for rule in each.rules for name in rule.unmapped}
    assert left == set()


def test_the_fields_that_most_rules_read_are_the_columns_of_a_store(tmp_path: Path) -> None:
    if not SIGMAHQ.exists():
        pytest.skip("needs SigmaHQ's rules, ../shared/data/sigmahq")
    folders = tuple(
        SIGMAHQ / "rules" / name for name in ("windows/builtin", "cloud", "linux", "network", "identity", "application")
    )
    fields = load(Settings(data=tmp_path, rules=Rules(shipped=False, folders=folders))).current().fields
    assert len(fields) <= MOST - len(CORE)
    assert {"process.parent.command_line", "winlog.event_data.AccessMask", "azure.auditlogs.operation_name"} <= fields
    assert not any(name.startswith("sigma.") or "*" in name for name in fields)


def test_the_survey_of_files_and_the_compiled_rules_agree_on_what_is_not_mapped(tmp_path: Path) -> None:
    texts = {
        "one": "logsource: {product: okta, service: okta}\ndetection: {s: {eventType: x, noSuchField: y, 'a.b|fieldref': otherOne}, condition: s}",
        "two": "logsource: {product: nobody, category: knows}\ndetection: {s: [{field: x}, {'event.action|contains|all': [a]}], condition: s}",
        "three": "logsource: {product: aws, service: cloudtrail}\ndetection: {s: {eventName: x, requestParameters.any.thing: y}, k: [word], condition: s or k}",
    }
    folder = tmp_path / "rules"
    folder.mkdir()
    for number, (name, text) in enumerate(texts.items()):
        head = f"title: {name}\nid: 00000000-0000-4000-8000-00000000000{number}\nstatus: test\nlevel: low\n"
        (folder / f"{name}.yml").write_text(head + text, encoding="utf-8")
    compiled = load(Settings(data=tmp_path / "data", rules=Rules(shipped=False, folders=(folder,)))).current()
    surveyed = {rule.id: rule.unmapped for each in survey([folder]) for rule in each.rules if rule.unmapped}
    assert surveyed == {rule: tuple(fields) for rule, fields in compiled.unmapped.items()}
    assert sorted(surveyed.values()) == [("(log source)", "field"), ("a.b", "noSuchField", "otherOne")]


def test_a_table_is_a_product() -> None:
    made = made_of(
        {"door": ("event.dataset=acme.door", "event.category=authentication & observer.vendor=acme")},
        {"Result": "event.outcome", "Badge": ("acme.badge", "user.id"), "Data": "acme.data"},
        of={"door": {"Holder": "user.name"}},
        trees={"Data.": "acme.data."},
        vendor=("acme.",),
        values={"Result": {"event.outcome": {"opened": "success"}}},
    )
    assert made.route(None, "door") == conditions(
        "event.dataset=acme.door", "event.category=authentication & observer.vendor=acme"
    )
    assert made.route(None, "window") is None
    names = {
        name: made.names(name, None, "door")
        for name in ("Holder", "Badge", "Data.x.y", "acme.own", "event.code", "Other")
    }
    assert names == {
        "Holder": ("user.name",), "Badge": ("acme.badge", "user.id"), "Data.x.y": ("acme.data.x.y",), "acme.own": ("acme.own",), "event.code": ("event.code",), "Other": (),
    }  # fmt: skip
    assert made.names("Holder", None, "window") == ()
    assert made.parts("Result", None, "door", "eq", "Opened") == [(("event.outcome",), "eq", "success")]
    assert made.parts("Result", None, "door", "contains", "Opened") == [(("event.outcome",), "contains", "Opened")]
    assert made.parts("Badge", None, "door", "eq", "7") == [(("acme.badge", "user.id"), "eq", "7")]
    assert made.parts("Other", None, "door", "eq", "7") == []


def test_routes_of_a_log_source_that_no_table_knows_are_its_dataset_or_module() -> None:
    assert routes_of("acme", None, "door") == conditions("event.dataset=acme.door")
    assert routes_of("acme", "application", None) == routes_of("acme", None, None) == conditions("event.module=acme")
    assert routes_of("acme", "process_creation", None) == conditions("event.module=acme")
    assert routes_of("acme", "ps_script", None) is None
    assert routes_of(None, "ps_script", None) == routes_of("windows", "ps_script", None)


def test_a_product_without_a_table_has_the_names_of_its_category() -> None:
    apache = product_of("apache", "webserver", None)
    assert apache is not None
    assert apache.names("cs-method", "webserver", None) == ("http.request.method",)
    assert routes_of("apache", "webserver", None) == conditions("event.module=apache")
    assert routes_of("linux", "antivirus", None) == routes_of(None, "antivirus", None)


def test_what_a_log_calls_otherwise_stays_by_its_own_name() -> None:
    zeek, google, linux = (TABLES[name] for name in ("zeek", "gcp", "linux"))
    assert zeek.names("tunnel_parents", None, "conn") == ("zeek.connection.tunnel_parents",)
    assert google.names("any_parameter", None, "google_workspace.drive") == ("google_workspace.drive.any_parameter",)
    assert google.names("any_parameter", None, "gcp.audit") == ()
    assert linux.names("inode", None, "auditd") == ("auditd.log.inode",)
    assert linux.names("inode", "file_event", None) == ()
