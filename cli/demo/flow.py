"""Where the documented flow stands: the eleven steps, read from what the API says of an incident and its run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

STEPS = {
    1: ("ウイルス検知", "detection"),
    2: ("ネットワーク切断", "network cut-off"),
    3: ("隔離メッセージ受領", "isolation message received"),
    4: ("一次対応報告受領", "first-response report received"),
    5: ("感染報告受領", "infection report received"),
    6: ("検知内容確認", "detection confirmed"),
    7: ("ウイルス隔離/除去", "malware removed"),
    8: ("ネットワーク切断解除", "cut-off lifted"),
    9: ("解除メッセージ受領", "release message received"),
    10: ("最終報告書作成", "final report written"),
    11: ("最終報告受領", "final report received"),
}
OVER = frozenset({"done", "verified"})
DID_NOT = "did not happen"


@dataclass(frozen=True)
class Step:
    """One of the eleven: its due and done times (ISO, UTC), who did it, its state, and by which door it was answered."""

    id: str
    due: str | None = None
    done: str | None = None
    by: str | None = None
    state: str = DID_NOT
    via: str = ""

    @property
    def over(self) -> bool:
        """Tell whether it happened."""
        return self.state in OVER

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {name: value for name, value in asdict(self).items() if name != "via"}


def steps_of(incident: Mapping[str, Any] | None, run: Mapping[str, Any] | None) -> list[Step]:
    """Return the eleven steps in order; those nothing is known of did not happen (or have not yet)."""
    found = {number: Step(str(number)) for number in STEPS}
    if incident is not None:
        found[1] = Step("1", None, incident["opened_at"], "system", "done")
    if run is not None:
        verified = _verified(incident or {})
        for step in run["steps"]:
            if step["flow"]:
                found[step["flow"]] = _of_step(step, verified)
        for wait in run["waits"]:
            if wait["kind"] == "receipt" and wait["flow"]:
                found[wait["flow"]] = _of_receipt(wait)
            elif wait["kind"] == "report" and wait["flow"] and found[wait["flow"]].over:
                found[wait["flow"]] = replace(found[wait["flow"]], by=wait["by"])
            elif wait["flow"] and wait["decisions"] and found[wait["flow"]].over:
                found[wait["flow"]] = replace(found[wait["flow"]], via=wait["decisions"][-1]["via"])
    return [found[number] for number in STEPS]


def _verified(incident: Mapping[str, Any]) -> dict[int, str]:
    """Return when the effect of a step was seen, by the number of the step."""
    seen = (entry for entry in incident.get("timeline", ()) if entry["kind"] == "verified")
    return {entry["data"]["flow"]: entry["at"] for entry in seen if (entry.get("data") or {}).get("flow")}


def _of_step(step: Mapping[str, Any], verified: Mapping[int, str]) -> Step:
    number = int(step["flow"])
    over = step["state"] in OVER
    done = (verified.get(number) or step["done_at"]) if over else None
    return Step(str(number), step["due_at"], done, (step["by"] or "system") if over else None, step["state"])


def _of_receipt(wait: Mapping[str, Any]) -> Step:
    over = wait["state"] == "done"
    return Step(str(wait["flow"]), wait["due_at"], wait["done_at"], wait["by"] if over else None, wait["state"])


def finished(run: Mapping[str, Any] | None) -> bool:
    """Tell whether a run has ended by itself."""
    return run is not None and run["state"] in ("done", "failed", "cancelled", "stopped")
