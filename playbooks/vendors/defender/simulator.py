"""Microsoft Defender for Endpoint, simulated: a real HTTP server on loopback, written from Microsoft's pages.

What it answers: `simulator_service`. Command line and second door: `hinomi.playbooks.simulators.running`.
"""

import argparse
from typing import Any

from hinomi.playbooks.simulators import Simulated
from hinomi.playbooks.simulators.gate import Limits
from hinomi.playbooks.simulators.journal import Journal
from hinomi.playbooks.simulators.running import arguments, run
from hinomi.playbooks.vendors.defender.simulator_service import Manner, Service
from hinomi.playbooks.vendors.defender.simulator_world import World


def build(args: argparse.Namespace, journal: Journal, limits: Limits) -> Simulated:
    """Put the product together."""
    manner = Manner(args.client_id, args.client_secret, args.token_seconds, args.repeat)
    world = World(pending=args.pending, running=args.running, expires=args.expires)

    def settings(url: str) -> dict[str, Any]:
        table = {"client_id": args.client_id, "client_secret": args.client_secret}
        return {"base_url": url, "token_url": f"{url}/tenant/oauth2/v2.0/token", **table}

    return Simulated(Service(manner, world, journal, limits).app(), world, settings, frozenset(world.words))


def main(argv: list[str] | None = None) -> None:
    """Serve until SIGTERM."""
    parser = arguments("Microsoft Defender for Endpoint", per_minute=100, per_hour=1500)
    parser.add_argument("--expires", type=float, help="seconds until an action of an offline machine is TimeOut")
    parser.add_argument("--repeat", choices=("error", "pending"), default="error")
    run(parser.parse_args(argv), build)


if __name__ == "__main__":
    main()
