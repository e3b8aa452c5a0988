"""CrowdStrike Falcon, simulated: a real HTTP server on loopback, written from CrowdStrike's pages.

What it answers: `simulator_service`. Command line and second door: `hinomi.playbooks.simulators.running`.
"""

import argparse
from typing import Any

from hinomi.playbooks.simulators import Simulated
from hinomi.playbooks.simulators.gate import Limits
from hinomi.playbooks.simulators.journal import Journal
from hinomi.playbooks.simulators.running import arguments, run
from hinomi.playbooks.vendors.crowdstrike.simulator_service import Service
from hinomi.playbooks.vendors.crowdstrike.simulator_world import World


def build(args: argparse.Namespace, journal: Journal, limits: Limits) -> Simulated:
    """Put the product together."""
    world = World(pending=args.pending + args.running, settle=args.settle)
    service = Service(args.client_id, args.client_secret, args.token_seconds, world, journal, limits)

    def settings(url: str) -> dict[str, Any]:
        table = {"client_id": args.client_id, "client_secret": args.client_secret}
        return {"base_url": url, **table, "first_look": args.settle}

    return Simulated(service.app(), world, settings, frozenset({"endpoint.scan"}))


def main(argv: list[str] | None = None) -> None:
    """Serve until SIGTERM."""
    parser = arguments("CrowdStrike Falcon", per_minute=6000, per_hour=0)
    parser.add_argument(
        "--settle", type=float, default=0.0, help="seconds within which a look leaves a device pending for good"
    )
    run(parser.parse_args(argv), build)


if __name__ == "__main__":
    main()
