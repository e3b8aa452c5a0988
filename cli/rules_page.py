"""The reference pages of the shipped rules: docs/reference/rules.md is what `hinomi help rules` prints.

docs/reference/rules.ja.md is what `hinomi help rules.ja` prints. Everything on them stands in the rules and their samples.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from hinomi.detections.engine.safe_yaml import load_all
from hinomi.detections.house import RULES, THREATS, Named
from hinomi.detections.samples import read, sample_file
from hinomi.hits import LEVELS

_TECHNIQUE = re.compile(r"attack\.(t\d{4})(?:\.(\d{3}))?$")


class Page(NamedTuple):
    """The words of one language."""

    suffix: str
    head: str
    house: str
    house_columns: str
    threats: str
    threat_columns: str
    level: str
    isolates: str
    seen: str
    false_positives: str
    what_to_do: str
    covers: str
    counting: str
    counting_columns: str
    levels: Mapping[str, str]


ENGLISH = Page(
    "",
    """\
# Shipped rules

Which rules hinomi brings, what each finds and why, when it is wrong, and what to do. `hinomi rule list` shows them beside
your own, `hinomi rule test` runs their samples, `hinomi rule disable ID --reason …` switches one off, and an
[exception](../howto/write-a-rule.md) takes out what is permitted: it has an owner, a reason and an end. This page is what
`hinomi help rules` prints.

- *low* is counted and shown, without an alert; *medium* waits for an operator; *high* is looked at on the same day;
  *critical* at once. A PC is cut off without a human only by rules marked **isolates**, from sources trusted for that.
- Who somebody is, whose PC it is and which class a file has comes from the [directory](directory.md): rules that ask for a
  role or a class say nothing, or more, without it.
- *Seen in* names the formats that a sample of the rule is written in.
""",
    "The rules of the house, and what watches them",
    "| id | rule of the house | rules |",
    "Threats, and what answers them",
    "| threat | answered outside by | rules |",
    "Level",
    "**isolates**",
    "Seen in",
    "False positives",
    "What to do",
    "Answers",
    "Rules that only count",
    "| rule | what it counts | used by |",
    {level: level for level in LEVELS},
)
JAPANESE = Page(
    "_ja",
    """\
# 同梱の検知規則

hinomiに同梱の検知規則の一覧です。何を、なぜ検知するか、誤検知となる場合、取るべき対応を規則ごとに示します。自組織の規則と
合わせた一覧は`hinomi rule list`、検証は`hinomi rule test`、停止は`hinomi rule disable ID --reason …`です。認められた利用は
[例外](../howto/write-a-rule.md)として登録します（担当者・理由・終了日が必要です）。このページは`hinomi help rules.ja`の出力です。

- 「低」は件数だけを示し、警報にしません。「中」は運用担当者が確認します。「高」は当日中、「重大」は直ちに確認します。
  人の判断なしに端末を隔離するのは、**自動隔離**と記した規則が、そのために信頼した情報源で検知したときだけです。
- 利用者・端末・ファイルの重要性分類は[名簿（ディレクトリ）](directory.md)によります。役職や分類を条件とする規則は、名簿がないと
  検知しないか、過剰に検知します。
- 「確認済みの形式」は、その規則の検証用サンプルがあるログ形式です。
""",
    "校内の決まりと、それを見る規則",
    "| 番号 | 決まり | 規則 |",
    "脅威と、それに応える規則",
    "| 脅威 | 規則以外の対策 | 規則 |",
    "重要度",
    "**自動隔離**",
    "確認済みの形式",
    "誤検知となる場合",
    "取るべき対応",
    "対象",
    "数えるためだけの規則",
    "| 規則 | 数えるもの | 使う規則 |",
    {"informational": "情報", "low": "低", "medium": "中", "high": "高", "critical": "重大"},
)
PAGES = {"rules": ENGLISH, "rules.ja": JAPANESE}


class Rule(NamedTuple):
    """One shipped rule: its document, its file, the formats of its samples."""

    document: Mapping[str, Any]
    file: Path
    formats: Sequence[str]

    @property
    def own(self) -> Mapping[str, Any]:
        """Return what stands under ``hinomi``."""
        found: Mapping[str, Any] = self.document["hinomi"]
        return found

    @property
    def counts(self) -> bool:
        """Whether it only feeds correlations."""
        return bool(self.document["level"] == "informational")

    def said(self, name: str, page: Page) -> Any:
        """Return a text in a page's language: title, description and false positives are Sigma's own in English."""
        if page.suffix or name in ("why", "response"):
            return self.own[f"{name}{page.suffix}"]
        return self.document[name]


def shipped() -> list[Rule]:
    """Return every shipped rule, by folder and file."""
    folder = Path(str(files("hinomi.detections") / "rules"))
    return [
        Rule(document, file.relative_to(folder), _formats(file, "correlation" in document))
        for file in sorted(folder.rglob("*.yml"))
        for document in load_all(file.read_bytes(), file)
    ]


def _formats(file: Path, correlates: bool) -> list[str]:
    found = read(sample_file(file))
    samples = [one for case in found.fires for one in case] if correlates else found.match
    return sorted({sample.format for sample in samples})


def rules_reference(page: Page) -> str:
    """Return the page of one language, as Markdown."""
    rules = shipped()
    alerting = [rule for rule in rules if not rule.counts]
    parts = [page.head]
    parts += _table(page.house, page.house_columns, RULES, alerting, page, numbered=True)
    parts += _table(page.threats, page.threat_columns, THREATS, alerting, page)
    for folder in dict.fromkeys(rule.file.parent for rule in alerting):
        parts.append(f"\n## {folder.as_posix()}")
        parts += [part for rule in alerting if rule.file.parent == folder for part in _rule(rule, page)]
    parts += [f"\n## {page.counting}\n", page.counting_columns, "| --- | --- | --- |"]
    parts += [_counting(rule, rules, page) for rule in rules if rule.counts]
    return "\n".join(parts) + "\n"


def _table(
    title: str, columns: str, named: Mapping[str, Named], rules: Sequence[Rule], page: Page, *, numbered: bool = False
) -> Iterator[str]:  # fmt: skip
    yield f"\n## {title}\n\n{columns}\n| --- | --- | --- |"
    for key, what in named.items():
        links = ", ".join(_link(rule, page) for rule in rules if key in rule.own["covers"])
        text, other = (what.ja, what.other_ja) if page.suffix else (what.en, what.other)
        cells = [*([key] if numbered else []), text, *([other] if other else []), links]
        yield f"| {' | '.join(cells)} |"


def _link(rule: Rule, page: Page) -> str:
    return f"[{rule.said('title', page)}](#{rule.document['id']})"


def _rule(rule: Rule, page: Page) -> Iterator[str]:
    document = rule.document
    level = page.levels[document["level"]]
    isolates = f" · {page.isolates}" if rule.own["contain"] == "auto" else ""
    techniques = [f"[{name}]({url})" for name, url in _techniques(document.get("tags", ()))]
    answers = [*_named(rule, page), *techniques]
    yield f'\n<a id="{document["id"]}"></a>\n### {rule.said("title", page)}\n'
    yield _flowed(rule.said("description", page)) + "\n"
    yield f"- **{page.level}**: {level}{isolates}. {rule.said('why', page)}"
    yield f"- **{page.false_positives}**: {'; '.join(rule.said('falsepositives', page))}"
    yield f"- **{page.what_to_do}**: {rule.said('response', page)}"
    yield f"- **{page.covers}**: {', '.join(answers)}"
    yield f"- **{page.seen}**: {', '.join(rule.formats)}"
    yield f"- `{document['id']}` (`{rule.file.as_posix()}`)"


def _named(rule: Rule, page: Page) -> Iterator[str]:
    for key in rule.own["covers"]:
        threat = THREATS.get(key)
        yield key if threat is None else threat.ja if page.suffix else threat.en


def _techniques(tags: Sequence[str]) -> Iterator[tuple[str, str]]:
    for tag in tags:
        if found := _TECHNIQUE.match(tag):
            name = ".".join(part.upper() for part in found.groups() if part)
            yield name, f"https://attack.mitre.org/techniques/{name.replace('.', '/')}/"


def _counting(rule: Rule, rules: Sequence[Rule], page: Page) -> str:
    keys = {rule.document["id"], rule.document.get("name")}
    users = [one for one in rules if keys & set(one.document.get("correlation", {}).get("rules", ()))]
    used = ", ".join(_link(one, page) for one in users)
    return f"| {rule.said('title', page)} | {_flowed(rule.said('description', page))} | {used} |"


def _flowed(text: str) -> str:
    return " ".join(text.split())
