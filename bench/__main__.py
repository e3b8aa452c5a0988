"""``python -m bench [NAME…]``: run measurements and print each figure beside its floor and its aim."""

import argparse
import json
import os
import platform
from pathlib import Path

from bench.engine import engine
from bench.measures import MEASURES
from bench.syslog import syslog

MEASURES |= {"syslog": syslog, "engine": engine}


def main() -> None:
    """Read the arguments, measure, print; exit 1 if a floor does not hold."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASURES)}; all without")
    parser.add_argument("--isolations", type=int, default=500)
    parser.add_argument("--stopped", type=float, default=600, help="seconds the event store is stopped")
    parser.add_argument("--backlog", type=int, default=1_000_000, help="events in another partition")
    parser.add_argument("--seconds", type=float, default=300, help="of the throughput")
    parser.add_argument("--rate", type=int, default=0, help="events/s of the throughput; 0: as fast as it can")
    parser.add_argument("--noisy", type=float, default=60, help="seconds of noise")
    parser.add_argument("--idle", type=float, default=60, help="seconds of idleness")
    parser.add_argument("--syslog-rate", type=int, default=5000, help="i-FILTER lines/s over syslog")
    parser.add_argument("--syslog-seconds", type=float, default=120, help="of these lines")
    parser.add_argument("--waiting", type=int, default=10_000, help="runs that wait for a person")
    parser.add_argument("--steps", type=int, default=5000, help="steps of playbooks to carry out")
    parser.add_argument("--runs", type=int, default=15, help="runs of a command")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = vars(parser.parse_args())
    if unknown := set(options["names"]) - MEASURES.keys():
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.2f}")
    failed, kept = False, []
    for name in options["names"] or MEASURES:
        print(f"\n{name}: {(MEASURES[name].__doc__ or '').strip()}")
        for row in MEASURES[name](options):
            failed = failed or row.holds(row.floor) == "NO"
            kept.append({"measure": name, **row._asdict()})
            limits = (
                f"floor {row.holds(row.floor):4} aim {row.holds(row.aim)}"
                if row.floor is not None or row.aim is not None
                else ""
            )
            print(f"  {row.what:52} {row.value:14,.1f} {row.unit:24} {limits}", flush=True)
    if options["json"]:
        options["json"].write_text(json.dumps(kept, indent=1))
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
