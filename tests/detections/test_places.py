"""A fault is named with its line, whatever it is about."""

import pytest

from hinomi.detections.engine.places import line_of

FILE = b"""title: a
id: i1
level: high
logsource: {product: windows, category: x}
detection:
  selection:
    - Image|foo: x
      B: y
    - C|contains|all: z
  condition: selection and
---
title: b
id: i2
detection:
  s:
    Image|endswith: x
  condition: s
hinomi:
  until: 3
---
title: c
id: i3
correlation:
  type: event_count
  rules:
    - one
    - two
  condition:
    gte: x
"""


@pytest.mark.parametrize(
    ("rule", "reason", "line"),
    [
        ("i1", "selection[0]: Image|foo: modifier 'foo' is unknown", 7), ("i1", "selection[1]: C|contains|all: takes a text", 9),
        ("i1", "condition 'selection and': it ends", 10), ("i2", "s: Image|endswith: takes a text", 16), ("i2", "hinomi.until: 3 is no date", 19),
        ("i1", "level: 'x' is none of high", 3), ("i1", "detection has no condition", 5), ("i1", "logsource: name a product", 4),
        ("i2", "nothing that stands there", 12), ("b", "condition: no search fits", 17), ("i3", "correlation.condition.gte 'x': write a number", 29),
        ("i3", "correlation.rules: refers to 'two', which is not loaded", 25), ("nobody", "nothing", 1),
    ],
)  # fmt: skip
def test_the_keys_that_a_reason_begins_with_lead_to_its_line(rule: str, reason: str, line: int) -> None:
    assert line_of(FILE, rule, reason) == line


def test_a_file_without_a_rule_has_no_line() -> None:
    assert line_of(b"- 1\n", "x", "not a rule") is None
    assert line_of(b"a: [", "x", "not YAML") is None
