"""The documents say what is so: the reference is generated, links lead somewhere, commands exist."""

import re
import tomllib
from pathlib import Path

import click
import pytest

from hinomi.cli.fieldmap_page import fieldmap_reference
from hinomi.cli.main import cli
from hinomi.cli.reference import settings_reference
from hinomi.cli.rules_page import PAGES as RULE_PAGES
from hinomi.cli.rules_page import rules_reference
from hinomi.collectors.formats import formats
from hinomi.collectors.formats.ifilter_access import CALLED
from hinomi.collectors.pulls import pulls
from hinomi.collectors.reading import explain
from hinomi.collectors.sources.syslog import SyslogSettings
from hinomi.directory import ROLES
from hinomi.directory.importing import COLUMNS
from hinomi.event import RawRecord
from hinomi.playbooks.engine.model import Step
from hinomi.playbooks.vendors import vendors
from hinomi.settings import SourceSettings

ROOT = Path(__file__).parents[1]
CONNECTING = sorted((ROOT / "docs" / "howto").glob("connect-*.md"))
CHANGES = sorted((ROOT / "changelog.d").glob("*.md"))
PAGES = sorted([*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md")])


def test_the_settings_page_is_what_the_code_says() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert page == settings_reference(), "hinomi help settings > docs/reference/settings.md"


def test_the_page_of_the_field_maps_is_what_the_tables_say() -> None:
    page = (ROOT / "docs" / "reference" / "fieldmap.md").read_text(encoding="utf-8")
    assert page == fieldmap_reference(), "hinomi help fieldmap > docs/reference/fieldmap.md"


@pytest.mark.parametrize("name", RULE_PAGES)
def test_the_page_of_the_rules_is_what_the_rules_say(name: str) -> None:
    page = (ROOT / "docs" / "reference" / f"{name}.md").read_text(encoding="utf-8")
    assert page == rules_reference(RULE_PAGES[name]), f"hinomi help {name} > docs/reference/{name}.md"


def test_the_pages_of_the_rules_have_the_same_rules_in_the_same_order() -> None:
    anchors = [
        re.findall(r'<a id="(\S+)">', (ROOT / "docs" / "reference" / f"{name}.md").read_text(encoding="utf-8"))
        for name in RULE_PAGES
    ]
    assert len(anchors[0]) >= 15
    assert anchors[0] == anchors[1]


def _outline(page: Path) -> dict[str, list[str]]:
    """Return what two languages of a page have in common: levels of headings, blocks, rows of tables, links, pictures."""
    text = page.read_text(encoding="utf-8")
    plain = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return {
        "headings": re.findall(r"^#+(?= )", plain, re.M),
        "blocks": re.findall(r"^```.*?^```$", text, re.M | re.S),
        "commands": sorted(re.findall(r"`([^`\n]+)`", plain)),
        "rows": [str(row.count("|")) for row in re.findall(r"^\|.*\|$", plain, re.M)],
        "links": sorted(link for link in re.findall(r"\]\(([^)]+)\)", plain) if not link.startswith("README")),
    }


def test_the_japanese_readme_has_the_headings_commands_tables_and_links_of_the_english_one() -> None:
    assert _outline(ROOT / "README.ja.md") == _outline(ROOT / "README.md")


def test_the_playbook_page_names_every_key_of_a_step() -> None:
    page = (ROOT / "docs" / "reference" / "playbooks.md").read_text(encoding="utf-8")
    keys = {field.alias or name for name, field in Step.model_fields.items()} - {"undo", "remind", "on_timeout"}
    assert {key for key in keys if f"`{key}" not in page} == set()


def test_the_directory_page_names_every_column_and_role() -> None:
    page = (ROOT / "docs" / "reference" / "directory.md").read_text(encoding="utf-8")
    assert [
        name for name, columns in COLUMNS.items() if f"## {name}" not in page or f"`{','.join(columns)}`" not in page
    ] == []
    assert [role for role in ROLES if f"`{role}`" not in page] == []


def test_the_formats_page_names_every_format_or_says_how_to_list_them() -> None:
    page = (ROOT / "docs" / "reference" / "formats.md").read_text(encoding="utf-8")
    assert "hinomi format list" in page
    named = [name for line in re.findall(r"^## (.+)$", page, re.M) for name in line.split(", ")]
    assert [name for name in named if name not in {name for name, _ in formats}] == []


@pytest.mark.parametrize(
    "page", [page for page in CONNECTING if "[vendors." in page.read_text(encoding="utf-8")], ids=lambda page: page.stem
)
def test_the_settings_on_a_connecting_page_make_an_adapter_and_a_pull(page: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    settings = tomllib.loads(re.sub(r"^# ", "", block, flags=re.M))  # what is commented out is right too
    ((name, table),) = settings["vendors"].items()
    whole = {**table, "api_key" if name == "trend" else "client_secret": "secret"}
    assert vendors.get(name)(whole).name == name
    for source in settings.get("sources", {}).values():  # an MDM has no alerts to pull
        assert source["vendor"] == name
        assert pulls.get(source["api"])(whole, {}) is not None
        assert [one for one in source["formats"] if one not in formats] == []


def test_the_settings_on_the_page_of_ifilter_make_a_source_that_reads_the_columns_it_names() -> None:
    page = (ROOT / "docs" / "howto" / "connect-ifilter.md").read_text(encoding="utf-8")
    source, header = (tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", page, re.S))
    settings = SourceSettings(**source["sources"]["swg"], **header)
    assert SyslogSettings(**settings.own()).transport == "tls"
    assert [one for one in settings.formats if one not in formats] == []
    row = "Nov 25 09:00:01 1 10.1.2.3 PC-1 u [25/Nov/2026:09:00:00 +0900] GET http://a.example/ 403 0 1 block 12 g"
    (event,) = explain(RawRecord(row.encode(), "s", "f:0", 0, settings.header), "ifilter.access")
    assert (event["url.domain"], event["event.type"], event["user.group.name"]) == (
        "a.example",
        ["access", "denied"],
        "g",
    )
    known = re.search(r"Known: (.*?)\. A start", page, re.S)
    assert known is not None
    assert {name.strip() for name in known[1].split(",")} == set(CALLED)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def _not_there(line: str) -> str:
    """Return the first word of a command line that is no command or option of hinomi, empty if all are."""
    command: click.Command = cli
    context = click.Context(cli)
    for raw in re.sub(r"--config \S+", "", line.split(" #")[0]).split():
        word = raw.strip("…,.;[]()")
        if word in (">", "|", "&&"):
            break
        options = {name for param in [*command.get_params(context), *cli.params] for name in param.opts}
        if word.startswith("-") and re.split("[=|]", word)[0] not in options:
            return word
        if isinstance(command, click.Group) and word and not word.startswith("-"):
            found = [command.get_command(context, name) for name in word.split("|")]
            if None in found:
                return word
            command = found[0] or command
    return ""


@pytest.mark.parametrize("page", [*PAGES, *CHANGES], ids=lambda page: page.stem)
def test_commands_and_options_in_the_documents_exist(page: Path) -> None:
    lines = re.findall(r"(?:^|`)(?:\.venv/bin/)?hinomi ([^`\n]+)", page.read_text(encoding="utf-8"), re.M)
    assert [(line, word) for line in lines if (word := _not_there(line))] == []


def test_a_command_or_option_that_is_not_there_is_found() -> None:
    lines = [
        "rule enable|disable X --reason …",
        "events count --query x",
        "--config hinomi.toml rule shw",
        "audit query",
    ]
    assert [_not_there(line) for line in lines] == ["", "--query", "shw", ""]
