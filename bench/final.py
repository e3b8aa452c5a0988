"""The final report of a real incident, its timeline filled up with notes; in one process, the first build included."""

import time
from datetime import UTC, datetime

from bench.rig import rig
from hinomi.playbooks.incidents import timeline
from hinomi.reports import forms
from hinomi.reports.builder import Builder
from hinomi.settings import load_settings
from hinomi.state import State, t

NOTE = "校内ネットワークの通信記録を確認しました。当該パソコンから外部への不審な通信は、隔離の後には見当たりません（{n}件目）。"


def builds(rows: int, runs: int) -> tuple[list[float], int]:
    """Return the seconds of each build, and the pages of the last."""
    import pypdf

    with rig(pcs=1) as r:
        r.serve()
        r.latencies(r.attacks(r.pcs, 1.0))
        r.server.end()
        settings = load_settings(r.config)
        state = State(settings.state_url)
        now = datetime.now(UTC)
        with state.write() as conn:
            incident = conn.execute(t.incident.select()).first()
            assert incident is not None
            for n in range(rows):
                timeline.add(conn, incident.id, kind="note", actor="system", text=NOTE.format(n=n), now=now)
            report = forms.open_report(conn, incident=incident.id, kind="final", now=now, author_role="system")
        took, builder = [], Builder(settings, state)
        for _ in range(runs):
            start = time.perf_counter()
            built = builder.build(report, now)
            took.append(time.perf_counter() - start)
        state.close()
        return took, len(pypdf.PdfReader(built.path).pages)
