"""What the directory knows, written into an event. The source's tenant is the ceiling of every look-up.

The device's school narrows the tenant; nothing in a record widens or chooses it.
"""

from typing import TYPE_CHECKING, Any

from hinomi.directory import account_name

if TYPE_CHECKING:
    from hinomi.directory import Device, Directory, Person


def enrich(directory: "Directory", event: dict[str, Any], ceiling: str) -> None:
    """Write the ``hinomi.*`` fields that come from the directory, in place."""
    tenant = ceiling
    device = _device(directory, event, ceiling)
    if device is not None:
        tenant = device.tenant
        event["hinomi.host.id"] = device.id
        event["hinomi.host.known"] = True
        event["hinomi.host.protected"] = device.protected
        if device.owner:
            event["hinomi.host.owner"] = device.owner
    elif name := _first(event, "host.name", "host.hostname"):
        event["hinomi.host.id"] = name.lower().partition(".")[0]
        event["hinomi.host.known"] = False
    event["hinomi.tenant"] = tenant
    person = _person(directory, event, ceiling, device)
    if person is not None:
        event["hinomi.user.id"] = person.id
        event["hinomi.user.role"] = person.role
    if file_class := directory.file_class(event, tenant):
        event["hinomi.file.class"] = file_class
        if "hinomi.egress.channel" in event:
            event["hinomi.egress.class"] = file_class


def _first(event: dict[str, Any], *names: str) -> str | None:
    for name in names:
        value = event.get(name)
        if isinstance(value, list):
            value = value[0] if value else None
        if isinstance(value, str) and value:
            return value
    return None


def _device(directory: "Directory", event: dict[str, Any], ceiling: str) -> "Device | None":
    ref, product = _first(event, "host.id"), _first(event, "event.module") or ""
    if ref and (found := directory.device_by_ref(ref, ceiling, product)):
        return found
    for name in ("host.name", "host.hostname", "host.id"):
        if (value := _first(event, name)) and (found := directory.device(value, ceiling)):
            return found
    return None


def _person(directory: "Directory", event: dict[str, Any], ceiling: str, device: "Device | None") -> "Person | None":
    for name in ("user.email", "user.name", "user.id"):
        value = _first(event, name)
        if name == "user.name" and value and (domain := _first(event, "user.domain")):
            value = f"{domain.partition('.')[0]}\\{account_name(value)}"
        if value and (found := directory.person(value, ceiling)):
            return found
    return None
