"""Every format against its golden cases: tests/golden/formats/<format>/<case>.log → .json (HINOMI_GOLDEN=write rewrites).

A case whose name ends in ``.csv.log`` has a header; ``.cp932.`` in its name says its encoding.
"""

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from hinomi.collectors.formats import formats
from hinomi.collectors.framings import framings
from hinomi.collectors.reading import explain
from hinomi.event import RawRecord, nested

HERE = Path(__file__)
GOLDEN = HERE.parents[2] / "golden" / "formats"
ECS = HERE.parents[4] / "shared" / "data" / "ecs-fields.csv"
CASES = sorted(GOLDEN.glob("*/*.log"))
RECEIVED = 1_795_500_000_000_000
#: What is below these names is no ECS field by intent: ours, Elastic's modules for Windows and Microsoft 365, and custom labels.
OWN = ("hinomi.", "winlog.", "powershell.", "labels.", "o365.")


def events_of(case: Path) -> list[dict[str, Any]]:
    encoding = "cp932" if ".cp932." in case.name else ""
    framing: Any = framings.get("csv" if case.name.endswith(".csv.log") else "ndjson")(encoding=encoding, context=None)
    cuts = framing.feed(case.read_bytes()) + framing.finish()
    found = []
    for cut in cuts:
        record = RawRecord(cut.raw, "golden", f"{case.name}:{cut.start}", RECEIVED, framing.context, encoding)
        found += explain(record, case.parent.name)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_format_makes_what_is_written_down(case: Path) -> None:
    made = [nested(event) for event in events_of(case)]
    path = case.with_suffix(".json")
    if os.environ.get("HINOMI_GOLDEN") == "write":
        path.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    assert made == json.loads(path.read_text(encoding="utf-8"))
    assert not [event for event in made if event["event"].get("dataset") == "hinomi.unparsed"]


def test_every_format_has_golden_cases() -> None:
    assert {name for name, _ in formats if ":" not in name} <= {case.parent.name for case in CASES}


def _fits(kind: str, value: Any) -> bool:
    if isinstance(value, list):
        return all(_fits(kind, item) for item in value)
    if kind in ("long", "unsigned_long", "integer"):
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in ("float", "scaled_float", "double"):
        return isinstance(value, int | float)
    if kind == "boolean":
        return isinstance(value, bool)
    return isinstance(value, str)


@pytest.mark.skipif(not ECS.exists(), reason="needs the list of ECS fields, ../shared/data/ecs-fields.csv")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_fields_are_ecs_with_their_types(case: Path) -> None:
    rows = csv.DictReader(io.StringIO(ECS.read_text(encoding="utf-8")))
    known = {row["Field"]: (row["Type"], "array" in row["Normalization"]) for row in rows}
    objects = tuple(f"{name}." for name, (kind, many) in known.items() if many and kind in ("object", "nested"))
    known |= {
        name: (kind, True) for name, (kind, _) in known.items() if name.startswith(objects)
    }  # a list of each leaf
    faults = set()
    for name, value in (item for event in events_of(case) for item in event.items() if not item[0].startswith(OWN)):
        kind, many = known.get(name, ("", False))
        if not kind:
            faults.add(f"{name} is no ECS field")
        elif not _fits(kind, value) or isinstance(value, list) != many:
            faults.add(f"{name}: {value!r} is no {kind}{' list' if many else ''}")
    assert not faults
