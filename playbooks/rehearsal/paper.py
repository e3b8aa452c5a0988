"""What a rehearsal acts through: a product and a mail of paper, and the people and the school of a paper town."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from hinomi.clock import Clock, iso
from hinomi.directory import GROUPS, ROLES, Device, Directory, Person, Tenant
from hinomi.playbooks.actions import actions
from hinomi.playbooks.channels import Message
from hinomi.playbooks.messages import words
from hinomi.playbooks.rehearsal.cases import Behaviour, Given
from hinomi.playbooks.vendors import Accepted, Adapter, Capability, Intent, Observation, Request, State, VendorError

PRODUCT = "paper"
CITY, SCHOOL = "paper/town", "paper/town/school"
DEVICE = "paper-pc"
ASKED_AGAIN = 60.0
"""Seconds after which a product that does not answer is asked again."""
_AT_SCHOOL = ("teacher", "staff", "principal", "vice_principal", "chief_teacher", "school_security_officer")
_AT_BOARD = ("board", "ict_section")


class Product:
    """A product that does with each act what a test says, and has done it at once where it says nothing."""

    name = PRODUCT

    def __init__(
        self, clock: Clock, behaviour: Mapping[str, Behaviour], *, isolated: bool = False, real: Adapter | None = None
    ):
        """``real``: the product's own adapter, which is asked what it would send, and nothing else."""
        self._clock, self._behaviour, self._real = clock, behaviour, real
        self._state: State = "isolated" if isolated else "released"
        self._taken: dict[str, datetime] = {}

    def capabilities(self) -> dict[str, Capability]:
        """Return every action there is."""
        if self._real is not None:
            return self._real.capabilities()
        return {name: "once" if action.irreversible else "state" if action.undo else "job" for name, action in actions}

    def plan(self, intent: Intent) -> Request:
        """Return what would be asked for."""
        return self._real.plan(intent) if self._real is not None else Request("", intent.action, dict(intent.target))

    async def apply(self, intent: Intent) -> Accepted:
        """Take it, or not."""
        behaviour = self._behaviour.get(intent.action)
        if behaviour == "refused":
            raise VendorError("refused by the test", "permanent")
        if behaviour == "unreachable":
            raise VendorError("not reached", "retryable", retry_after=ASKED_AGAIN)
        self._taken[intent.action] = self._clock.now()
        return Accepted(vendor_id=f"{intent.action}-{len(self._taken)}")

    async def find_own(self, intent: Intent) -> Accepted | None:
        """Return what was taken before."""
        return Accepted(vendor_id=intent.action) if intent.action in self._taken else None

    async def read_state(self, target: dict[str, str]) -> Observation:
        """Return whether the device is cut off."""
        return Observation(self._state, iso(self._clock.now()))

    async def verify(self, intent: Intent, vendor_id: str | None) -> Observation:
        """Return how far it is."""
        behaviour, now = self._behaviour.get(intent.action, timedelta(0)), self._clock.now()
        if behaviour == "failed":
            return Observation("failed", iso(now), "failed by the test", vendor_id)
        wanted = actions.get(intent.action).verifies or "done"
        taken = self._taken.get(intent.action, now)
        if not isinstance(behaviour, timedelta) or now < taken + behaviour:
            left = (taken + behaviour - now).total_seconds() if isinstance(behaviour, timedelta) else ASKED_AGAIN
            return Observation("pending", iso(now), "not yet", vendor_id, next_poll_after=left)
        if wanted in ("isolated", "released"):
            self._state = wanted
        return Observation(wanted, iso(now), "", vendor_id)

    async def undo(self, intent: Intent) -> Accepted:
        """Send the opposite."""
        return await self.apply(intent)

    async def close(self) -> None:
        """Nothing is open."""


class Mail:
    """Takes every message, and keeps none: the outbox has them."""

    name = "mail"

    async def send(self, message: Message) -> str:
        """Take it."""
        return "paper"

    async def close(self) -> None:
        """Nothing is open."""


def town(given: Given) -> Directory:
    """Return a school, its board and its SOC: two persons a role, but for those that nobody holds."""
    without = {role for name in given.nobody for role in GROUPS.get(name, (name,))}
    tenants = [
        Tenant("paper", "paper", "prefecture"), Tenant(CITY, "town", "municipality"), Tenant(SCHOOL, "school", "school"),
    ]  # fmt: skip
    people = [
        Person(f"{role}-{n}", _place_of(role), f"{words.word(words.ROLES, role)}{n}", role, mail=f"{role}-{n}@paper.invalid", mail_off=f"{role}-{n}@off.invalid")
        for role in ROLES if role not in without
        for n in (1, 2)
    ]  # fmt: skip
    return Directory(tenants=tenants, people=people, devices=[_device(given)] if given.host else [])


def _device(given: Given) -> Device:
    """Return the device that it is about."""
    return Device(DEVICE, SCHOOL, DEVICE, DEVICE, "teacher-1", protected=given.protected, vendors={PRODUCT: "paper-1"})


def _place_of(role: str) -> str:
    """Return where a role is held."""
    return SCHOOL if role in _AT_SCHOOL else CITY if role in _AT_BOARD else ""
