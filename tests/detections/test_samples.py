"""Samples beside a rule: what is wrong with them is said with its place, and what is right counts."""

from pathlib import Path

import pytest

from hinomi.detections import load, samples
from hinomi.settings import Rules, Settings

RULE = """title: A copying tool
id: 11111111-2222-4333-8444-555555555555
level: high
logsource: {product: windows, category: process_creation}
detection: {selection: {Image|endswith: robocopy.exe}, condition: selection}
"""
RECORD = '{"EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "Image": "robocopy.exe"}'


def outcomes_of(content: str, folder: Path) -> list[samples.Outcome]:
    file = folder / "rules" / "copy.yml"
    file.parent.mkdir()
    file.write_text(RULE)
    samples.sample_file(file).write_text(content, encoding="utf-8")
    ruleset = load(Settings(data=folder / "data", rules=Rules(shipped=False, folders=(file.parent,)))).current()
    (name,) = ruleset.compiled
    return list(samples.run(ruleset, name, samples.sample_file(file)))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"match":\n x}', "line 2 column 2"), ("[]", "Expected `object`, got `array`"), ("", "line 1 column 1"),
        ('{"match": {}}', "Expected `array`, got `object` - at `$.match`"), ('{"nomatch": []}', "no sample under match"),
        ('{"match": [{"record": {}}]}', "missing required field `format` - at `$.match[0]`"),
        ('{"match": [{"format": "windows.eventlog"}]}', "missing required field `record` - at `$.match[0]`"),
        ('{"match": [{"format": "windows.eventlog", "record": {}, "times": "x"}]}', "got `str` - at `$.match[0].times`"),
        ('{"match": [{"format": "windows.eventlg", "record": {}}]}', "no format is called 'windows.eventlg'; known: "),
        ('{"match": [{"format": "windows.eventlog", "record": "x"}]}', "its format did not take the record"),
    ],
)  # fmt: skip
def test_a_file_of_samples_that_is_wrong_is_said_with_its_place(content: str, why: str, tmp_path: Path) -> None:
    outcomes = outcomes_of(content, tmp_path)
    assert outcomes
    assert [outcome.ok for outcome in outcomes] == [False] * len(outcomes)
    assert why in outcomes[0].why


def test_a_sample_may_come_again_with_its_number_in_it(tmp_path: Path) -> None:
    again = f'[{{"format": "windows.eventlog", "record": {RECORD}, "times": 2, "every": 0.5}}]'
    content = f'{{"match": {again}, "nomatch": {again.replace("robocopy", "copy{n}")}}}'
    outcomes = outcomes_of(content, tmp_path)
    assert [(outcome.sample, outcome.ok) for outcome in outcomes] == [("match[0]", True), ("nomatch[0]", True)]
