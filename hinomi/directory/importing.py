"""The directory from CSV files: all faults of all files are collected, with row numbers; nothing half-imported."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hinomi.directory import ROLES, ClassRule, Device, Directory, Person, Tenant
from hinomi.directory.classes import CLASSES
from hinomi.errors import ConfigError, Faults, HinomiError
from hinomi.tenancy import is_tenant, municipality, within

COLUMNS = {
    "tenants.csv": ("path", "name", "kind"),
    "people.csv": ("id", "tenant", "name", "role", "mail", "mail_off", "phone", "language", "accounts"),
    "devices.csv": ("id", "tenant", "name", "asset_no", "owner", "protected", "vendors"),
    "class_rules.csv": ("tenant", "kind", "pattern", "class"),
}
_ROMAN = {"1": "I", "2": "II", "3": "III", "4": "IV", "Ⅰ": "I", "Ⅱ": "II", "Ⅲ": "III", "Ⅳ": "IV"}
_YES = {"yes", "true", "1", "y", "はい", "○"}
_NO = {"", "no", "false", "0", "n", "いいえ"}


class _Importer:
    """Reads the files of one folder, gathering faults as it goes."""

    def __init__(self, files: Mapping[str, bytes], folder: Path):
        self.files = files
        self.folder = folder
        self.faults: list[HinomiError] = []
        self.tenants: dict[str, Tenant] = {}
        self.people: dict[str, Person] = {}
        self.devices: dict[str, Device] = {}
        self.rules: list[ClassRule] = []
        self.seen: dict[tuple[str, str, str], str] = {}

    def rows(self, name: str, *, optional: bool = False) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield (file:row, cells) of one file."""
        path = self.folder / name
        if name not in self.files:
            if not optional:
                self.fault(str(path), "this file is missing", f"columns: {','.join(COLUMNS[name])}")
            return
        try:
            text = text_of(self.files[name])
        except UnicodeDecodeError as error:
            self.fault(str(path), f"neither UTF-8 nor CP932 at byte {error.start}", "save it as UTF-8")
            return
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        try:
            yield from self.cells(path, reader)
        except csv.Error as error:  # a quote that is never closed, or a cell beyond reason
            where = f"{path}:{reader.line_num + 1}"  # the row that could be read ends one before
            self.fault(where, str(error), "mend the quotes of this row; those after it were not read")

    def cells(self, path: Path, reader: "csv.DictReader[str]") -> Iterator[tuple[str, dict[str, str]]]:
        """Yield (file:row, cells) of rows that hold anything, if the header has the columns it must have."""
        wanted = COLUMNS[path.name]
        if missing := [column for column in wanted if column not in (reader.fieldnames or ())]:
            self.fault(f"{path}:1", f"columns missing: {', '.join(missing)}", f"the header is {','.join(wanted)}")
            return
        for row in reader:
            cells = {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}
            if None in row:
                self.fault(f"{path}:{reader.line_num}", "more cells than columns", "quote cells that hold a comma")
            if any(cells.values()):
                yield f"{path}:{reader.line_num}", cells

    def fault(self, where: str, what: str, hint: str) -> None:
        """Note one fault."""
        self.faults.append(ConfigError(what, where=where, hint=hint))

    def tenant(self, where: str, path: str) -> bool:
        """Tell whether a tenant exists; the empty one is the operator's root."""
        if path and path not in self.tenants:
            self.fault(where, f"unknown tenant {path!r}", "add it to tenants.csv")
            return False
        return True

    def unique(self, where: str, kind: str, value: str, place: str = "") -> None:
        """Note a value that was there before (in a municipality, where ``place`` is one)."""
        if not value:
            return
        first = self.seen.setdefault((kind, place, value.lower()), where)
        if first != where:
            self.fault(where, f"{kind} {value!r} is there already", f"first at {first}")

    def one_of(self, where: str, what: str, value: str, known: tuple[str, ...]) -> bool:
        """Note a value that is none of the known ones."""
        if value not in known:
            self.fault(where, f"unknown {what} {value!r}", f"known: {', '.join(known)}")
            return False
        return True

    def read_tenants(self) -> None:
        """Read tenants.csv."""
        kinds = ("prefecture", "municipality", "school")
        for where, row in self.rows("tenants.csv"):
            path = row["path"]
            if not path or not is_tenant(path):
                self.fault(where, f"{path!r} is no tenant", "write prefecture/municipality/school in a-z, 0-9, - and _")
                continue
            self.unique(where, "tenant", path)
            self.one_of(where, "kind", row["kind"], kinds)
            expected = kinds[path.count("/")]
            if row["kind"] in kinds and row["kind"] != expected:
                self.fault(
                    where, f"{path!r} is a {expected} by its depth, not a {row['kind']}", "mend the path or the kind"
                )
            self.tenants[path] = Tenant(path, row["name"] or path, expected)  # type: ignore[arg-type]  # one of the kinds
        for path in self.tenants:
            parent = path.rpartition("/")[0]
            if parent and parent not in self.tenants:
                self.fault(
                    str(self.folder / "tenants.csv"), f"{path!r} lies below {parent!r}, which is missing", "add a row"
                )

    def read_people(self) -> None:
        """Read people.csv."""
        for where, row in self.rows("people.csv"):
            self.unique(where, "person", row["id"])
            self.tenant(where, row["tenant"])
            self.one_of(where, "role", row["role"], ROLES)
            if not row["id"]:
                self.fault(where, "no id", "give each person an id")
            for column in ("mail", "mail_off"):
                if row[column] and "@" not in row[column]:
                    self.fault(where, f"{column} {row[column]!r} is no address", "write name@domain")
            accounts = tuple(a.strip() for a in row["accounts"].split(";") if a.strip())
            for account in accounts:
                self.unique(where, "account", account, municipality(row["tenant"]))
            self.people.setdefault(
                row["id"],
                Person(
                    row["id"], row["tenant"], row["name"], row["role"], row["mail"], row["mail_off"], row["phone"],
                    row["language"] or "ja", accounts,
                ),
            )  # fmt: skip

    def read_devices(self) -> None:
        """Read devices.csv."""
        for where, row in self.rows("devices.csv"):
            self.unique(where, "device", row["id"])
            self.unique(where, "device name", row["name"].partition(".")[0], municipality(row["tenant"]))
            if not row["id"] or not row["name"]:
                self.fault(where, "no id or no name", "give each device both")
            self.tenant(where, row["tenant"])
            owner = self.people.get(row["owner"])
            if row["owner"] and owner is None:
                self.fault(where, f"owner {row['owner']!r} is nobody in people.csv", "mend the id, or leave it empty")
            elif owner is not None and not within(owner.tenant, row["tenant"]):
                self.fault(
                    where,
                    f"owner {row['owner']!r} belongs to {owner.tenant!r}",
                    "a device and its owner share a school",
                )
            protected = row["protected"].lower()
            if protected not in _YES | _NO:
                self.fault(where, f"protected {row['protected']!r}", "write yes or no")
            self.devices[row["id"]] = Device(
                row["id"], row["tenant"], row["name"], row["asset_no"], row["owner"], protected in _YES,
                self.vendors(where, row["vendors"]),
            )  # fmt: skip

    def vendors(self, where: str, text: str) -> dict[str, str]:
        """Read ``defender=ID;crowdstrike=ID``."""
        found: dict[str, str] = {}
        for part in filter(None, (p.strip() for p in text.split(";"))):
            product, sign, ref = part.partition("=")
            if not sign or not ref.strip():
                self.fault(where, f"vendors {part!r}", "write product=id;product=id")
                continue
            self.unique(where, f"{product.strip()} id", ref.strip())
            found[product.strip()] = ref.strip()
        return found

    def read_rules(self) -> None:
        """Read class_rules.csv."""
        for where, row in self.rows("class_rules.csv", optional=True):
            file_class: Any = _ROMAN.get(row["class"], row["class"])
            kind: Any = row["kind"]
            fits = self.tenant(where, row["tenant"]) & self.one_of(where, "kind", kind, ("path", "share", "name"))
            fits &= self.one_of(where, "class", file_class, CLASSES)
            if not row["pattern"]:
                self.fault(where, "no pattern", "write a glob such as *成績*")
            elif fits:
                self.rules.append(ClassRule(row["tenant"], kind, row["pattern"], file_class))


def text_of(data: bytes) -> str:
    """Return the text of a list: UTF-8, with or without a mark, else CP932.

    Raises:
        UnicodeDecodeError: If it is neither.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp932")


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the content of tenants.csv, people.csv, devices.csv and class_rules.csv, as far as they are there."""
    if not folder.is_dir():
        raise ConfigError("no such folder", where=folder, hint=f"it holds {', '.join(COLUMNS)}")
    return {name: (folder / name).read_bytes() for name in COLUMNS if (folder / name).is_file()}


def import_files(files: Mapping[str, bytes], folder: Path = Path()) -> Directory:
    """Make a directory of the content of the four lists; ``folder`` is where faults say that they lie.

    Raises:
        Faults: Naming every row that does not fit; nothing is imported then.
    """
    importer = _Importer(files, folder)
    steps: tuple[Callable[[], None], ...] = (
        importer.read_tenants, importer.read_people, importer.read_devices, importer.read_rules,
    )  # fmt: skip
    for step in steps:
        step()
    if importer.faults:
        raise Faults(importer.faults, hint="nothing was imported; mend these rows and import again")
    return Directory(
        0, [*importer.tenants.values()], [*importer.people.values()], [*importer.devices.values()], importer.rules
    )
