"""The end of the demo: what is measured, checked and counted, as one object that is printed or written as JSON."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hinomi.cli.client import Client
from hinomi.cli.demo.conductor import Seen
from hinomi.cli.demo.stage import Stage, copy_reports
from hinomi.errors import IntegrityError
from hinomi.runtime.folders import SPOOL_LANES, Folders
from hinomi.spool import Log, load_positions

Record = dict[str, Any]
_KINDS = {"query": "", "since": "2d", "until": "now", "by": ["event.dataset"], "limit": 100, "table": "events"}


def journal(path: Path) -> list[Record]:
    """Return the records of the EDR's journal."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def isolations(records: list[Record], machine: str) -> list[Record]:
    """Return the isolation requests of a machine, in order."""
    wanted = f"/api/machines/{machine}/isolate"
    return [record for record in records if record["method"] == "POST" and record["path"] == wanted]


def _seen_done(records: list[Record], actions: set[str]) -> Iterator[int]:
    for record in records:
        shown = record.get("shown") or {}
        if any(shown.get(action) == "Succeeded" for action in actions):
            yield record["answered_ns"]


def latencies(seen: Seen, path: Path) -> dict[str, float | None]:
    """Return milliseconds from the last byte of the line to the isolation request and to its being seen done.

    Both ends of each are read outside of hinomi: by the sender, and by the EDR's simulator. None: it did not happen.
    """
    scene = next((line for line in seen.lines if line["event"] == "scene" and line["what"] == "malware"), None)
    found: dict[str, float | None] = {"line_to_isolation_request": None, "line_to_isolation_verified": None}
    if scene is None:
        return found
    records = journal(path)
    asked = isolations(records, scene["machine"])
    if asked:
        found["line_to_isolation_request"] = _ms(scene["last_byte_ns"], asked[0]["received_ns"])
        actions = {record["action"] for record in asked if record.get("action")}
        done = next(_seen_done(records, actions), None)
        found["line_to_isolation_verified"] = None if done is None else _ms(scene["last_byte_ns"], done)
    return found


def _ms(start: int, end: int) -> float:
    return round((end - start) / 1e6, 1)


def spooled(data: Path) -> int:
    """Return how many records still lie in the spools, not yet stored: counted, since what is lost is not spooled."""
    count = 0
    for path in sorted((data / "spool").glob("*.db")):
        log = Log(path)
        at = load_positions(Folders(data).positions, log.id, ["storer"]) or {}
        count += sum(log.waiting(at.get(lane, 0), lane) for lane in SPOOL_LANES)
        log.close()
    return count


def summary(stage: Stage, seen: Seen, reports_to: Path | None) -> Record:
    """Return everything the demo has to say; serve has stopped, so the kept data answers, as it answers commands."""
    kept = Client(str(stage.config))
    counted = {row["event.dataset"]: row["count"] for row in kept.post("events/count", _KINDS)["items"]}
    sent, stored = sum(seen.sent.values()), sum(counted.values())
    sources = json.loads((stage.folder / "data" / "run" / "sources.json").read_text(encoding="utf-8"))
    accepted = sum(int(source.get("records", 0)) for source in sources.values())
    host = next((line["host"] for line in seen.lines if line["event"] == "scene" and line["what"] == "malware"), None)
    asked = [r for r in journal(stage.journal) if r["method"] == "POST" and r["path"].endswith("/isolate")]
    reports = sorted(kept.get("reports", limit=1000)["items"], key=lambda report: str(report["number"]))
    found = [
        {"number": r["number"], "kind": r["kind"], "path": r["path"], "sha256": r["sha256"]}
        for r in reports
        if r["path"]
    ]
    if reports_to is not None:
        copy_reports(found, reports_to)
    return {
        "seed": stage.options.seed, "fault": stage.options.fault, "malware": stage.options.malware,
        "steps": [step.as_dict() for step in seen.steps], "latencies_ms": latencies(seen, stage.journal),
        "sent": sent, "accepted": accepted, "stored": stored, "spooled": spooled(stage.folder / "data"), "unparsed": counted.get("hinomi.unparsed", 0),
        "isolation_requests": len(asked), "host": _host(kept, host), "incidents": [_incident(row) for row in kept.get("incidents")["items"]],
        "paged": sorted({line["who"] for line in seen.lines if line["event"] == "paged"}),
        "reminded": sum(line["event"] == "mail" and line["template"] == "receipt_reminder" for line in seen.lines),
        "web_filter": seen.web_filter,
        "pressed": [{"step": step.id, "by": step.by} for step in seen.steps if step.via == "slack"],
        "reports": found, "audit": _verified(kept), "events_by_dataset": counted,
    }  # fmt: skip


def _incident(row: Record) -> Record:
    return {name: row[name] for name in ("number", "severity", "category", "title", "host", "assignee", "status")}


def _verified(kept: Client) -> Record:
    """Return what `hinomi audit verify` says.

    Raises:
        IntegrityError: If the chain does not hold.
    """
    verdict: Record = kept.get("audit/verify")
    if not verdict["ok"]:
        raise IntegrityError(
            "the audit chain of this day does not hold", hint="--keep DIR, then  hinomi audit verify, says where"
        )
    return {name: value for name, value in verdict.items() if value not in (None, "", [])}


def _host(kept: Client, host: str | None) -> Record | None:
    if host is None:
        return None
    shown: Record = kept.get(f"hosts/{host}")
    return {name: shown.get(name) for name in ("id", "state", "observed_at", "detail")}
