"""``python -m bench.oracle``: events made for every rule, judged by hinomi and by the reference evaluator; each difference a line.

Exit 1 if there is any. The same seed makes the same events, however many processes there are.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from bench.oracle.differential import FOLDERS, SIGMAHQ, Made, run


def main() -> None:
    """Read the arguments, compare, print what differs and how much was compared."""
    parser = argparse.ArgumentParser(prog="python -m bench.oracle", description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000_000, help="(rule, event) pairs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--rules", type=Path, action="append", help=f"folders of rules; {SIGMAHQ} without")
    parser.add_argument("--made", type=int, default=3000, help="how many rules are made beside them")
    options = parser.parse_args()
    folders = options.rules or [SIGMAHQ / name for name in FOLDERS if (SIGMAHQ / name).exists()]
    begun = time.monotonic()
    total = Made()
    with tempfile.TemporaryDirectory(prefix="hinomi-oracle-") as data:
        for part in run(Path(data), folders, options.made, options.pairs, options.seed, options.jobs):
            for difference in part.differences:
                print(json.dumps(difference, ensure_ascii=False, default=str), flush=True)
            total += part
    print(
        f"{total.pairs:,} pairs of {total.rules:,} rules, {total.true:,} of them true, {total.others:,} hits of other "
        f"rules judged too: {len(total.differences):,} differences; {time.monotonic() - begun:.0f} s, seed {options.seed}"
    )
    raise SystemExit(1 if total.differences or not total.pairs else 0)


if __name__ == "__main__":
    main()
