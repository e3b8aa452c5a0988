"""The directory as CSV files: what `hinomi.directory.importing` reads back as the same directory."""

import csv
import io
from collections.abc import Iterable, Sequence

from hinomi.directory import Device, Directory, Person
from hinomi.directory.importing import COLUMNS


def as_lists(directory: Directory) -> dict[str, str]:
    """Return file name → text of the four lists."""
    rows: dict[str, Iterable[Sequence[str]]] = {
        "tenants.csv": [(tenant.path, tenant.name, tenant.kind) for tenant in directory.tenants],
        "people.csv": map(_person, directory.people),
        "devices.csv": map(_device, directory.devices),
        "class_rules.csv": [(rule.tenant, rule.kind, rule.pattern, rule.file_class) for rule in directory.rules],
    }
    return {name: _text(COLUMNS[name], lines) for name, lines in rows.items()}


def _person(p: Person) -> Sequence[str]:
    return (p.id, p.tenant, p.name, p.role, p.mail, p.mail_off, p.phone, p.language, ";".join(p.accounts))


def _device(d: Device) -> Sequence[str]:
    vendors = ";".join(f"{product}={ref}" for product, ref in d.vendors.items())
    return (d.id, d.tenant, d.name, d.asset_no, d.owner, "yes" if d.protected else "no", vendors)


def _text(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()
