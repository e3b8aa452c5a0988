"""The sample tenant: one prefecture, one municipality with its board, two schools, their people, devices, class rules.

Everything is made up and follows from the seed. The four CSV files are those of ``hinomi directory import``.
"""

import csv
import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

#: The doors through which events come.
DOORS = ("oplog", "winlog", "swg", "edr")
PREFECTURE, MUNICIPALITY = "kita", "kita/aoba"
SCHOOLS = {
    "kita/aoba/higashi-es": ("東小学校", "h", "higashi-es"),
    "kita/aoba/nishi-jhs": ("西中学校", "n", "nishi-jhs"),
}
TEACHERS = 11
SPARES = 10
SURNAMES = (
    "佐藤:sato 鈴木:suzuki 高橋:takahashi 田中:tanaka 伊藤:ito 渡辺:watanabe 山本:yamamoto 中村:nakamura 小林:kobayashi "
    "加藤:kato 吉田:yoshida 山田:yamada 佐々木:sasaki 山口:yamaguchi 松本:matsumoto 井上:inoue 木村:kimura 林:hayashi "
    "斎藤:saito 清水:shimizu 山崎:yamazaki 森:mori 池田:ikeda 橋本:hashimoto 阿部:abe 石川:ishikawa 前田:maeda 藤田:fujita "
    "小川:ogawa 岡田:okada 後藤:goto 長谷川:hasegawa 村上:murakami 近藤:kondo 石井:ishii 坂本:sakamoto 遠藤:endo 青木:aoki "
    "藤井:fujii 西村:nishimura 福田:fukuda 太田:ota 三浦:miura 岡本:okamoto 髙木:takagi 中島:nakajima 原田:harada 小野:ono"
)
GIVEN = "健:ken 直子:naoko 誠:makoto 由美:yumi 大輔:daisuke 恵:megumi 拓也:takuya 彩:aya 翔:sho 麻衣:mai 浩:hiroshi 智子:tomoko"
CLASS_RULES = (
    ("path", "*指導要録*", "Ⅰ"),
    ("path", "*\\校務\\成績\\*", "Ⅱ"),
    ("path", "*\\校務\\住所録\\*", "Ⅱ"),
    ("path", "*\\校務\\名簿\\*", "Ⅲ"),
    ("name", "*出席簿*", "Ⅲ"),
    ("path", "*\\校務\\配布\\*", "Ⅳ"),
    ("share", "\\\\*-fs01\\校務\\成績\\*", "Ⅱ"),
)


@dataclass(frozen=True)
class Person:
    """A row of people.csv."""

    id: str
    tenant: str
    name: str
    role: str
    mail: str
    mail_off: str = ""
    phone: str = ""
    language: str = "ja"
    account: str = ""
    chat: str = ""
    """Member of the operators' Slack."""


@dataclass(frozen=True)
class Device:
    """A row of devices.csv."""

    id: str
    tenant: str
    name: str
    asset_no: str
    owner: str
    protected: bool
    machine: str
    ip: str = ""


@dataclass
class World:
    """The whole tenant."""

    people: list[Person] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)

    def with_role(self, role: str, tenant: str | None = None) -> list[Person]:
        """Return the holders of a role."""
        return [p for p in self.people if p.role == role and tenant in (None, p.tenant)]

    def of(self, person: Person) -> Device:
        """Return a person's own PC."""
        return next(device for device in self.devices if device.owner == person.id)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {"people": [asdict(p) for p in self.people], "devices": [asdict(d) for d in self.devices]}


def build(seed: int) -> World:
    """Make the tenant of a seed; names differ with it, the shape does not."""
    chance = random.Random(f"world {seed}")  # noqa: S311 - a sample, no secret
    names = chance.sample([f"{s} {g}" for s in SURNAMES.split() for g in GIVEN.split()], 80)
    maker = _Maker(seed, iter(names))
    for role, count in (("operator", 2), ("operator_lead", 1)):
        maker.people("", "soc", role, count, "soc.example")
    maker.people(MUNICIPALITY, "board", "board", 3, "board.aoba.example")
    maker.people(MUNICIPALITY, "ict", "ict_section", 2, "board.aoba.example")
    maker.people(MUNICIPALITY, "audit", "auditor", 1, "board.aoba.example")
    for number, (tenant, (_, letter, domain)) in enumerate(SCHOOLS.items(), 1):
        for role in ("principal", "vice_principal", "chief_teacher", "school_security_officer"):
            maker.people(tenant, letter, role, 1, f"{domain}.aoba.example")
        maker.people(tenant, letter, "teacher", TEACHERS, f"{domain}.aoba.example")
        maker.people(tenant, letter, "staff", 2, f"{domain}.aoba.example")
        maker.devices(tenant, letter, number)
    maker.devices(MUNICIPALITY, "b", 9)
    return maker.world


class _Maker:
    def __init__(self, seed: int, names: Iterable[str]):
        self.world, self._seed, self._names = World(), seed, iter(names)

    def people(self, tenant: str, prefix: str, role: str, count: int, domain: str) -> None:
        """Add people of one role."""
        short = {
            "vice_principal": "vice",
            "chief_teacher": "chief",
            "school_security_officer": "sec",
            "operator_lead": "lead",
        }
        for number in range(1, count + 1):
            surname, given = (part.partition(":") for part in next(self._names).split(" "))
            name, romaji = f"{surname[0]} {given[0]}", f"{surname[2]}.{given[2]}"
            ref = f"{prefix}-{short.get(role, role)}{number:02d}"
            at_home = f"{romaji}@phone.example" if tenant else ""
            phone = f"0{len(self.world.people) + 10}-555-{number:04d}"
            account = f"AOBA\\{romaji}" if tenant else romaji
            chat = f"U0SOC{number:02d}" if role == "operator" else ""
            self.world.people.append(
                Person(ref, tenant, name, role, f"{ref}@{domain}", at_home, phone, account=account, chat=chat)
            )

    def devices(self, tenant: str, letter: str, net: int) -> None:
        """Add a PC for each person of a tenant, spares, and a protected server."""
        owners = [p.id for p in self.world.people if p.tenant == tenant]
        spares = SPARES if tenant != MUNICIPALITY else 1
        for number, owner in enumerate([*owners, *([""] * spares)], 1):
            self._device(
                tenant, f"{letter}-pc{number:03d}", f"A{net}-{2400 + number}", owner, False, f"10.{net}.8.{number + 10}"
            )
        self._device(tenant, f"{letter}-fs01", f"A{net}-SV01", "", True, f"10.{net}.1.5")

    def _device(self, tenant: str, ref: str, asset: str, owner: str, protected: bool, ip: str) -> None:
        machine = hashlib.sha1(f"{self._seed} {ref}".encode(), usedforsecurity=False).hexdigest()
        self.world.devices.append(
            Device(f"aoba-{ref}", tenant, f"AOBA-{ref.upper()}", asset, owner, protected, machine, ip)
        )


def write_csv(world: World, folder: Path) -> None:
    """Write the folder for ``hinomi directory import``."""
    folder.mkdir(parents=True, exist_ok=True)
    tenants = [(PREFECTURE, "北県", "prefecture"), (MUNICIPALITY, "青葉市教育委員会", "municipality")]
    tenants += [(path, f"青葉市立{name}", "school") for path, (name, _, _) in SCHOOLS.items()]
    _write(folder / "tenants.csv", ("path", "name", "kind"), tenants)
    columns = ("id", "tenant", "name", "role", "mail", "mail_off", "phone", "language")
    people = [
        (*(getattr(p, c) for c in columns), p.account + (f";slack:{p.chat}" if p.chat else "")) for p in world.people
    ]
    _write(folder / "people.csv", (*columns, "accounts"), people)
    devices = [
        (d.id, d.tenant, d.name, d.asset_no, d.owner, "yes" if d.protected else "no", f"defender={d.machine}")
        for d in world.devices
    ]
    _write(folder / "devices.csv", ("id", "tenant", "name", "asset_no", "owner", "protected", "vendors"), devices)
    _write(
        folder / "class_rules.csv",
        ("tenant", "kind", "pattern", "class"),
        [(MUNICIPALITY, *rule) for rule in CLASS_RULES],
    )


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def cast(world: World, seed: int) -> dict[str, str]:
    """Return who plays which part: the teacher whose PC is infected, and the one with the USB stick."""
    chance = random.Random(f"cast {seed}")  # noqa: S311 - a sample, no secret
    higashi, nishi = SCHOOLS
    return {
        "infected": chance.choice(world.with_role("teacher", higashi)).id,
        "copier": chance.choice(world.with_role("teacher", nishi)).id,
    }


def from_dict(data: Mapping[str, Any]) -> World:
    """Return what `World.as_dict` made."""
    return World([Person(**p) for p in data["people"]], [Device(**d) for d in data["devices"]])
