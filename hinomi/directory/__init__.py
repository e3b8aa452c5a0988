"""Who and what there is: tenants, people, devices, class rules; enriches events and addresses messages.

A version is immutable and named by its number, so that an event read twice (by the worker, then by
the storer) is enriched alike.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec

from hinomi.directory.classes import Classifier, ClassRule
from hinomi.errors import NotFoundError
from hinomi.tenancy import ancestors, municipality, within

if TYPE_CHECKING:
    from hinomi.directory.versions import load, save

Role = Literal[
    "teacher", "staff", "principal", "vice_principal", "chief_teacher", "school_security_officer", "board",
    "ict_section", "operator", "operator_lead", "auditor",
]  # fmt: skip
ROLES: tuple[str, ...] = get_args(Role)
GROUPS = {"school_management": ("principal", "vice_principal", "chief_teacher")}

__all__ = ["GROUPS", "ROLES", "ClassRule", "Device", "Directory", "Person", "Tenant", "load", "save"]


def account_name(account: str) -> str:
    r"""Return an account without its domain: ``DOMAIN\\user`` and ``user@domain`` → ``user``."""
    return account.rpartition("\\")[2].partition("@")[0]


class Tenant(msgspec.Struct, frozen=True):
    """A node of the tree; ``name`` is what people read."""

    path: str
    name: str
    kind: Literal["prefecture", "municipality", "school"]


class Person(msgspec.Struct, frozen=True):
    """Somebody who uses a PC or receives messages; ``mail_off`` is an address off their own PC."""

    id: str
    tenant: str
    name: str
    role: str
    mail: str = ""
    mail_off: str = ""
    phone: str = ""
    language: str = "ja"
    accounts: tuple[str, ...] = ()


class Device(msgspec.Struct, frozen=True):
    """A watched endpoint; ``vendors`` maps a product to its id for the device."""

    id: str
    tenant: str
    name: str
    asset_no: str = ""
    owner: str = ""
    protected: bool = False
    vendors: dict[str, str] = {}


class Directory(msgspec.Struct, dict=True):
    """One version of it all, with look-ups that never leave a ceiling."""

    version: int = 0
    tenants: list[Tenant] = []
    people: list[Person] = []
    devices: list[Device] = []
    rules: list[ClassRule] = []

    @cached_property
    def _devices(self) -> dict[str, list[Device]]:
        index: dict[str, list[Device]] = {}
        for device in self.devices:
            for ref in {device.id.lower(), device.name.lower().partition(".")[0]}:
                index.setdefault(ref, []).append(device)
        return index

    @cached_property
    def _by_ref(self) -> dict[str, list[tuple[str, Device]]]:
        index: dict[str, list[tuple[str, Device]]] = {}
        for device in self.devices:
            for vendor, ref in device.vendors.items():
                index.setdefault(ref.lower(), []).append((vendor, device))
        return index

    @cached_property
    def _people(self) -> dict[str, list[Person]]:
        index: dict[str, list[Person]] = {}
        for person in self.people:
            for ref in {person.id.lower(), person.mail.lower(), *(account.lower() for account in person.accounts)} - {
                ""
            }:
                index.setdefault(ref, []).append(person)
        return index

    @cached_property
    def _by_name(self) -> dict[str, list[Person]]:
        index: dict[str, list[Person]] = {}
        for person in self.people:
            for name in {account_name(account.lower()) for account in person.accounts}:
                index.setdefault(name, []).append(person)
        return index

    @cached_property
    def _tenants(self) -> dict[str, Tenant]:
        return {tenant.path: tenant for tenant in self.tenants}

    @cached_property
    def _classifier(self) -> Classifier:
        return Classifier(self.rules)

    def device(self, ref: str, ceiling: str = "") -> Device | None:
        """Return a device by id or host name (short or full, any case), inside the ceiling only.

        Two municipalities may give their PCs the same names; what is not one device alone is None.
        """
        low = ref.lower()
        for key in (low, low.partition(".")[0]):
            inside = [device for device in self._devices.get(key, ()) if within(device.tenant, ceiling)]
            if exact := [device for device in inside if device.id.lower() == key]:
                return exact[0]
            if inside:
                return inside[0] if len(inside) == 1 else None
        return None

    def the_device(self, ref: str, ceiling: str = "") -> Device:
        """Return the device that a person means.

        Raises:
            NotFoundError: If there is none, or the name is that of several.
        """
        if found := self.device(ref, ceiling):
            return found
        named = [d for d in self._devices.get(ref.lower().partition(".")[0], ()) if within(d.tenant, ceiling)]
        if named:
            which = ", ".join(f"{device.id} ({device.tenant})" for device in named)
            raise NotFoundError(f"{ref!r} is the name of several devices", hint=f"say which, by its id: {which}")
        raise NotFoundError(f"no device {ref!r}", hint="hinomi host list")

    def device_by_ref(self, ref: str, ceiling: str = "", product: str = "") -> Device | None:
        """Return the device that a product knows as ``ref``, inside the ceiling only.

        Products name themselves in events otherwise than they may be called in the settings. Where two know different
        devices by the same id, ``product`` decides; if it does not, there is none.
        """
        found = [(name, device) for name, device in self._by_ref.get(ref.lower(), ()) if within(device.tenant, ceiling)]
        named = [device for name, device in found if name == product] or [device for _, device in found]
        return named[0] if len({device.id for device in named}) == 1 else None

    def person(self, ref: str, ceiling: str = "") -> Person | None:
        r"""Return a person by id or account (``DOMAIN\\user``, ``user@domain``, ``user``), inside the ceiling only.

        A side without a domain fits one with any: logs often say ``user`` where the list says ``DOMAIN\\user``.
        Two different domains never fit: an account of the PC itself is not the colleague of the same name.
        """
        low = ref.lower()
        name = account_name(low)
        for index, key in ((self._people, low), (self._people if name != low else self._by_name, name)):
            inside = [p for p in index.get(key, ()) if within(p.tenant, ceiling)]
            if len(inside) == 1:
                return inside[0]
        return None

    def tenant_name(self, path: str) -> str:
        """Return what people read for a tenant's path."""
        tenant = self._tenants.get(path)
        return tenant.name if tenant else path

    def holders(self, role: str, tenant: str) -> list[Person]:
        """Return all holders of a role or group for a tenant: of the school itself, else of the nearest one above."""
        roles = GROUPS.get(role, (role,))
        if role in GROUPS:  # a school's management is that school's, never another's
            return [person for person in self.people if person.role in roles and person.tenant == tenant]
        if role == "board":
            tenant = municipality(tenant)
        for place in ancestors(tenant):
            if found := [person for person in self.people if person.role in roles and person.tenant == place]:
                return found
        return []

    def file_class(self, event: dict[str, Any], tenant: str) -> str | None:
        """Return the class that the rules of a tenant (and those above it) give an event's file."""
        return self._classifier.classify(event, tenant)

    def enrich(self, event: dict[str, Any], ceiling: str) -> None:
        """Write ``hinomi.{tenant,host.*,user.*,file.class,egress.*}`` into the event, in place."""
        from hinomi.directory.enrich import enrich

        enrich(self, event, ceiling)


def __getattr__(name: str) -> Any:
    """Give what is kept in the state when somebody asks for it: `hinomi detect` needs no database."""
    if name in ("load", "save"):
        from hinomi.directory import versions

        return getattr(versions, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
