"""The package is the six folders at the top of the repository, all of them."""

import sys
import tomllib
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
FOLDERS = {name: ROOT / folder for name, folder in SETUPTOOLS["package-dir"].items()}
PARTS = {name: folder for name, folder in FOLDERS.items() if name.split(".")[0] == "hinomi"}
GUESTS = sorted(FOLDERS.keys() - PARTS.keys())


def test_every_package_is_listed_for_the_build() -> None:
    found = {
        ".".join((name, *init.parent.relative_to(folder).parts))
        for name, folder in PARTS.items()
        for init in folder.rglob("__init__.py")
        if init.parent.resolve() == init.parent  # not through a link
    }
    assert sorted(SETUPTOOLS["packages"]) == sorted([*found, *GUESTS])


def test_a_part_of_anothers_namespace_package_has_no_init_of_its_own() -> None:
    assert GUESTS == ["sigma.pipelines"]
    assert [path.name for path in FOLDERS["sigma.pipelines"].glob("*.py")] == ["hinomi.py"]


def test_the_links_for_type_checkers_point_at_the_parts() -> None:
    for name, folder in PARTS.items():
        assert (ROOT / name.replace(".", "/")).resolve() == folder


def test_rules_playbooks_settings_and_migrations_ship_with_the_package() -> None:
    assert (files("hinomi.detections") / "rules/house/egress/external_media_write_without_right.yml").is_file()
    assert (files("hinomi.playbooks") / "library/external-malware.yml").is_file()
    assert (files("hinomi.cli.demo") / "templates/hinomi.toml").is_file()
    assert (files("hinomi.state") / "migrations/script.py.mako").is_file()


def test_no_part_is_imported_under_its_bare_name() -> None:
    assert not {folder.name for folder in PARTS.values()} & set(sys.modules) - {"hinomi"}
