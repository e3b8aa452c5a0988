"""The score: what a run's steps and waits say, held against their deadlines."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from hinomi.clock import parse_iso
from hinomi.directory import Directory
from hinomi.playbooks.engine.model import Playbook, Step
from hinomi.playbooks.messages import names, words
from hinomi.reports.drill import Item, Verdict

Row = Mapping[str, Any]
OVER = ("done", "verified")
WENT_WRONG = ("failed", "undone")
NOT_BEGUN: Row = {"steps": (), "waits": ()}


def judge(due: str | None, done: str | None, end: datetime) -> tuple[Verdict, float | None]:
    """Return what becomes of something with a deadline, and how many seconds late it is (so far, if it never came)."""
    if done is None:
        if due is None or parse_iso(due) > end:
            return "open", None
        return "overdue", (end - parse_iso(due)).total_seconds()
    if due is None:
        return "done", None
    late = (parse_iso(done) - parse_iso(due)).total_seconds()
    return ("late", late) if late > 0 else ("in_time", None)


def told(incident: Row | None, kind: str) -> list[tuple[str, str]]:
    """Return (time, text) of a timeline's entries of a kind."""
    return [(entry["at"], entry["text"]) for entry in (incident or {}).get("timeline", ()) if entry["kind"] == kind]


class Score:
    """Makes the lines of a sheet from what the API says of an incident and its runs."""

    def __init__(self, playbooks: Mapping[str, Playbook], directory: Directory):
        self._playbooks, self._directory = playbooks, directory

    def items(self, incident: Row | None, runs: Sequence[Row], end: datetime) -> list[Item]:
        """Return all lines, in the order of the playbooks; what has not begun is there too."""
        by_name = {run["playbook"]: run for run in runs}
        found = list(self._detected(incident))
        timeline = incident["timeline"] if incident else ()
        for name, playbook in self._playbooks.items():
            found += _Marking(name, self._directory, timeline, end).of_run(playbook, by_name.get(name, NOT_BEGUN))
        return found

    def _detected(self, incident: Row | None) -> Iterator[Item]:
        if incident is not None and incident["cause"] == "external":
            by = names.who("system", self._directory)
            yield Item("", "", 1, words.FLOW[1], "done", role="system", done=incident["opened_at"], by=by)


class _Marking:
    """Marks one run, as it stands at a moment."""

    def __init__(self, name: str, directory: Directory, timeline: Sequence[Row], end: datetime):
        self._name, self._directory, self._end = name, directory, end
        self._reminders = [entry["data"].get("wait") for entry in timeline if entry["kind"] == "reminder"]
        verified = (entry for entry in timeline if entry["kind"] == "verified")
        self._verified = {(entry["data"].get("run"), entry["data"].get("step")): entry["at"] for entry in verified}

    def of_run(self, playbook: Playbook, run: Row) -> Iterator[Item]:
        """Yield a run's lines; steps off the path only where they were called for."""
        steps = {row["name"]: row for row in run["steps"]}
        for step in playbook.steps:
            row = steps.get(step.id)
            if row is not None:
                yield from self._of_step(row, [wait for wait in run["waits"] if wait["step"] == row["id"]])
            elif not step.off_path:
                yield self._not_begun(step)

    def _not_begun(self, step: Step) -> Item:
        role = step.notify or step.by or ("system" if step.do else "")
        flow = step.flow or (step.receipt.flow if step.receipt else None)
        return Item(self._name, step.id, flow, words.step(step.do or step.id), "not_started", role=role)

    def _of_step(self, row: Row, waits: Sequence[Row]) -> Iterator[Item]:
        what = words.step(row["action"] or row["name"])
        if row["state"] == "skipped":
            yield Item(self._name, row["name"], row["flow"], what, "skipped")
            return
        yield from (self._of_wait(row, wait) for wait in waits)
        if row["kind"] == "do" and row["state"] != "manual":
            yield self._of_act(row, what)
        elif not waits:
            verdict, late = judge(row["due_at"], row["done_at"], self._end)
            done = row["done_at"]
            yield Item(self._name, row["name"], row["flow"], what, verdict, "", row["due_at"], done, late=late)

    def _of_act(self, row: Row, what: str) -> Item:
        """An act counts when its effect was seen, not when it was asked for."""
        seen = row["state"] in OVER
        done = (self._verified.get((row["run"], row["name"])) or row["done_at"]) if seen else None
        due = row["verify_until"]
        verdict, late = judge(due, done, self._end)
        if row["state"] in WENT_WRONG:
            verdict, late = "failed", None
        elif row["state"] == "waiting":  # for somebody's yes, which has a deadline of its own
            due, verdict, late = None, "open", None
        by = names.who("system", self._directory) if seen else ""
        return Item(self._name, row["name"], row["flow"], what, verdict, "system", due, done, by, late)

    def _of_wait(self, row: Row, wait: Row) -> Item:
        done = wait["done_at"] if wait["state"] == "done" else None
        verdict, late = judge(wait["due_at"], done, self._end)
        if wait["state"] == "written_off":  # a named person gave it up
            verdict, late = "failed", None
        by = names.who(wait["by"], self._directory) if done else ""
        reminded = self._reminders.count(wait["id"])
        return Item(
            self._name, row["name"], wait["flow"], wait["text"], verdict, wait["role"], wait["due_at"], done, by, late, reminded,
            wait["escalated_at"],
        )  # fmt: skip
