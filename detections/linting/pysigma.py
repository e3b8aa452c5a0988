"""pySigma's validators, those that need no other machine (its ATT&CK and D3FEND tables are fetched: never here).

Issues that are no issue here (windash with all, for one, means what it says) have no remedy, and are not shown.
"""

import re as _own_patterns
from collections.abc import Iterator
from functools import cache
from typing import Any

from hinomi.detections.linting.checks import Said

#: Class of an issue → what to do.
REMEDIES = {
    "DoubleWildcardIssue": "write one *", "ControlCharacterIssue": "write the backslash twice, or use single quotes",
    "WildcardsInsteadOfContainsModifierIssue": "write field|contains, without *",
    "WildcardInsteadOfStartswithIssue": "write field|startswith, without *", "WildcardInsteadOfEndswithIssue": "write field|endswith, without *",
    "AllOfThemConditionIssue": "write all of selection*", "ThemConditionWithSingleDetectionIssue": "name the search itself",
    "InvalidTLPTagIssue": "write tlp.clear, tlp.green, tlp.amber or tlp.red", "DuplicateTagIssue": "leave it out once",
    "InvalidPatternTagIssue": "write cve.2026-1234, detection.threat-hunting or as the namespace wants it",
    "InvalidNamespaceTagIssue": "write one of attack, car, cve, d3fend, detection, stp, tlp",
    "AllWithoutContainsModifierIssue": "write field|contains|all: one value cannot equal several texts",
    "Base64OffsetWithoutContainsModifierIssue": "write field|base64offset|contains",
    "ModifierAppliedMultipleIssue": "write each modifier once", "DuplicateReferencesIssue": "leave it out once",
    "SpecificInsteadOfGenericLogsourceIssue": "write the category instead of service and EventID",
}  # fmt: skip
VALIDATORS = (
    "all_of_them_condition", "control_character", "cvetag", "cartag", "detection_tag", "double_wildcard", "duplicate_references",
    "duplicate_tag", "invalid_modifier_combinations", "namespace_tag", "specific_instead_of_generic_logsource", "stptag",
    "them_condition_with_single_detection", "tlptag", "wildcards_instead_of_modifiers",
)  # fmt: skip
_CODED = _own_patterns.compile(r"\\x[0-9a-f]{2}")


def issues(document: dict[str, Any]) -> Iterator[Said]:
    """Yield what pySigma's validators say of a rule; nothing where pySigma cannot read what the specification allows."""
    from sigma.exceptions import SigmaError
    from sigma.rule import SigmaRule

    try:
        rule = SigmaRule.from_dict(document)
        found = [issue for make in _validators() for issue in _asked(make(), rule)]
    except (SigmaError, TypeError, ValueError, AttributeError, NotImplementedError):
        return
    for issue in found:
        if remedy := REMEDIES.get(type(issue).__name__):
            yield _said(issue, remedy)


def _asked(validator: Any, rule: Any) -> list[Any]:
    return [*validator.validate(rule), *validator.finalize()]


@cache
def _validators() -> list[Any]:
    from sigma.plugins import InstalledSigmaPlugins

    known = InstalledSigmaPlugins.autodiscover().validators
    return [known[name] for name in VALIDATORS if name in known]


def _said(issue: Any, remedy: str) -> Said:
    what = str(issue.description).rstrip(".")
    item, text = getattr(issue, "detection_item", None), ""
    for name in ("tag", "string", "reference"):
        if (value := getattr(issue, name, None)) is not None:
            text = str(value)
    if item is not None and item.field:
        return Said([], f"{what}: {item.field}", remedy, str(item.field))
    return Said([], f"{what}: {_CODED.sub('', text)}" if text else what, remedy, text)
