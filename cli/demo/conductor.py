"""Conducts one run of the demo: starts the stage, lets the day happen, watches the flow through the API until it stands."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from hinomi.cli.acting.pages import ask
from hinomi.cli.demo.flow import Step, finished, steps_of
from hinomi.cli.demo.scenes import SERVER
from hinomi.cli.demo.stage import Stage
from hinomi.cli.demo.world import DOORS
from hinomi.errors import HinomiError

LOOK = 0.25
"""Seconds between two looks."""
STILL = 8.0
"""Seconds without any change after which a flow that cannot go on is called standing."""
LIMIT = 75.0
"""Seconds the flow may take at most."""
SETTLE = 120.0
"""Seconds the rest of the events may take to be stored."""


@dataclass
class Seen:
    """What can be shown at one moment."""

    began: float
    phase: str = "laying the sample tenant out"
    sent: dict[str, int] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)
    incident: dict[str, Any] | None = None
    run: dict[str, Any] | None = None
    steps: list[Step] = field(default_factory=lambda: steps_of(None, None))
    accepted: int = 0
    stored: int = 0
    web_filter: int = 0
    """Stored lines of the web filter about the malware's server."""


class Conductor:
    """Runs the play and keeps what is seen; ``on_change`` is called whenever something new is to be shown."""

    def __init__(self, stage: Stage, on_change: Callable[[Seen], None]):
        self.stage, self._on_change = stage, on_change
        self.seen = Seen(time.monotonic())
        self._moved = time.monotonic()

    def play(self) -> Seen:
        """Play the day; return what was seen at its end.

        Raises:
            HinomiError: If a process of the stage ended, or the flow did not come to an end in time.
        """
        if self.stage.node is not None:
            self._say("starting Elasticsearch")
            self.stage.start_node()
        self._say("laying the sample tenant out")
        self.stage.lay_out()
        self._say("starting hinomi serve")
        self.stage.start()
        self._say("this morning's events arrive as history")
        self.stage.players.first("caught_up")
        self.stage.players.order("scene")
        self._say("the incident happens")
        self._follow()
        self._say("the day ends: everything that was sent is being stored")
        self.stage.players.order("quiet")
        self._settle()
        return self.seen

    def get(self, path: str) -> Any:
        """Return the answer of the API, with the administrator's key."""
        return self._ask("GET", path, None)

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        headers = {"Authorization": f"Bearer {self.stage.key}", "Content-Type": "application/json"}
        answer = ask(method, f"{self.stage.api}/api/v1/{path}", body, headers)
        if answer.status >= 400:
            raise HinomiError(f"the api answers {answer.status} to {path}: {answer.text[:200]}")
        return json.loads(answer.text)

    def _say(self, phase: str) -> None:
        self.seen.phase = phase
        self._on_change(self.seen)

    # --- the flow ---------------------------------------------------------------------------------

    def _follow(self) -> None:
        began = time.monotonic()
        while time.monotonic() - began < LIMIT:
            self.stage.processes.alive()
            self._look()
            if self._stands():
                return
            time.sleep(LOOK)
        if self.stage.options.fault is None:
            raise HinomiError("the flow did not come to its end", hint="--keep DIR keeps everything to look into")

    def _look(self) -> None:
        lines = list(self.stage.players.lines)
        try:
            incident, run = self._incident()
        except (OSError, HTTPException):
            return
        steps = steps_of(incident, run)
        if steps != self.seen.steps or self._acts(lines) != self._acts(self.seen.lines):
            self._moved = time.monotonic()
        changed = steps != self.seen.steps or len(lines) != len(self.seen.lines)
        self.seen.lines, self.seen.incident, self.seen.run, self.seen.steps = lines, incident, run, steps
        sent = [line for line in lines if line["event"] == "sent"]
        self.seen.sent = {name: sent[-1][name] for name in DOORS} if sent else {}
        if changed:
            self._on_change(self.seen)

    @staticmethod
    def _acts(lines: list[dict[str, Any]]) -> int:
        return sum(line["event"] in ("act", "mail", "paged") for line in lines)

    def _incident(self) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        found = self.get("incidents?category=malware")["items"]
        if not found:
            return None, None
        incident = self.get(f"incidents/{found[-1]['id']}")
        runs = incident["runs"]
        return incident, self.get(f"runs/{runs[0]['id']}") if runs else None

    def _stands(self) -> bool:
        took = any(line["event"] == "act" and line["what"].startswith("took") for line in self.seen.lines)
        still = time.monotonic() - self._moved > STILL
        if not self.stage.options.malware:
            return took and time.monotonic() - self._moved > STILL / 2
        if self.stage.options.fault is not None and still:
            return any(line["event"] == "paged" for line in self.seen.lines) and took
        return finished(self.seen.run) and took

    # --- the rest of the events -------------------------------------------------------------------

    def _settle(self) -> None:
        quiet = self._quiet()
        wanted = sum(quiet.values())
        deadline = time.monotonic() + SETTLE
        while time.monotonic() < deadline:
            self.stage.processes.alive()
            self.seen.sent = quiet
            stored = self._count("")
            if stored != self.seen.stored:
                self.seen.stored = stored
                self._on_change(self.seen)
            if stored >= wanted:
                break
            time.sleep(1.0)
        self.seen.web_filter = self._count(f"event.dataset=ifilter.access destination.ip={SERVER}")

    def _quiet(self) -> dict[str, int]:
        """Wait until the players stopped sending; return what they sent in all."""
        mark = len(self.stage.players.lines)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for line in self.stage.players.lines[mark - 1 :]:
                if line["event"] == "sent" and line.get("final"):
                    return {name: int(line[name]) for name in DOORS}
            time.sleep(0.1)
        raise HinomiError("the players do not stop", where=self.stage.outside / "players.log", hint="its log says why")

    def _count(self, query: str) -> int:
        """Return how many of the stored events fit."""
        body = json.dumps({"query": query, "since": "2d"}).encode()
        return sum(int(row["count"]) for row in self._ask("POST", "events/count", body)["items"])
