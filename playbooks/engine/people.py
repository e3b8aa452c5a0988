"""Who a role means for an incident, and which address reaches them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hinomi.directory import GROUPS, Directory, Person


class Recipient(NamedTuple):
    """A person in the role they are written to."""

    person: Person
    role: str
    address: str


def device_of(directory: Directory, incident: Mapping[str, Any]) -> Any:
    """Return the incident's device, or None."""
    return directory.device(incident["host"], incident["tenant"]) if incident["host"] else None


def holders(directory: Directory, incident: Mapping[str, Any], role: str) -> list[Person]:
    """Return all holders of a role for an incident; ``teacher`` is the owner of its device."""
    if role != "teacher":
        return directory.holders(role, incident["tenant"])
    device = device_of(directory, incident)
    ref = device.owner if device is not None and device.owner else incident["user"]
    person = directory.person(ref, incident["tenant"]) if ref else None
    return [person] if person else []


def recipients(
    directory: Directory, incident: Mapping[str, Any], role: str, *, off_device: bool = False
) -> list[Recipient]:
    """Return all holders of a role who have an address.

    ``off_device``: the address must be off the isolated PC (phone mail, a colleague).
    """
    found = []
    for person in holders(directory, incident, role):
        address = (
            (person.mail_off or ("" if off_device else person.mail))
            if role == "teacher"
            else person.mail or person.mail_off
        )
        if address:
            found.append(Recipient(person, role, address))
    return found


def holds_role(role: str, wanted: str) -> bool:
    """Tell whether somebody acting as ``role`` may decide what ``wanted`` is asked for."""
    if role == wanted or role in ("admin",):
        return True
    if wanted in GROUPS:
        return role in GROUPS[wanted]
    return wanted == "operator" and role == "operator_lead"
