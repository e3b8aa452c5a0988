"""What goes wrong on purpose, the same for every simulated product."""

from dataclasses import dataclass

KINDS = ("timeout-after-accept", "timeout-before-accept", "refuse", "offline", "401", "429", "500", "slow", "fail")


@dataclass
class Fault:
    """Something that goes wrong on purpose.

    ``kind``: timeout-after-accept, timeout-before-accept, refuse, offline, 401 (as if the token had expired), 429 (with
    the product's own way to say ``seconds``), 500, slow, fail. ``action`` and ``machine`` narrow it; a look is the action
    ``list``. ``times`` is how often it happens (None: until it is lifted).
    """

    kind: str
    action: str | None = None
    machine: str | None = None
    times: int | None = None
    status: int = 403
    seconds: float = 30.0

    def fits(self, action: str | None, machine: str | None) -> bool:
        """Tell whether it concerns this request."""
        return self.times != 0 and self.action in (None, action) and self.machine in (None, machine)


class Faults(list[Fault]):
    """All that are in force."""

    def strike(self, kind: str, action: str | None, machine: str | None) -> Fault | None:
        """Return the fault that strikes now, counting it down."""
        for fault in self:
            if fault.kind == kind and fault.fits(action, machine):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def offline(self, action: str | None, machine: str) -> bool:
        """Tell whether a machine cannot be reached for an action."""
        return any(fault.kind == "offline" and fault.fits(action, machine) for fault in self)
