"""The names a playbook may use: asked of the registries; reports are told, for playbooks know nothing of them."""

from collections.abc import Collection
from dataclasses import dataclass

from hinomi.directory import GROUPS, ROLES, Directory
from hinomi.directory.classes import CLASSES
from hinomi.hits import LEVELS
from hinomi.playbooks.actions import Action, actions
from hinomi.playbooks.incidents import incidents
from hinomi.playbooks.messages import known as templates
from hinomi.playbooks.messages import words
from hinomi.state import t

TARGETS = ("incident.endpoint", "incident.file")


@dataclass(frozen=True)
class Known:
    """What there is. ``directory``: whose people and schools a playbook is held against, if one is named."""

    reports: Collection[str]
    directory: Directory | None = None

    @property
    def roles(self) -> tuple[str, ...]:
        """Who may be told, asked, or told instead."""
        return (*ROLES, *GROUPS)

    @property
    def actions(self) -> dict[str, type[Action]]:
        """What may be done."""
        return dict(actions)

    @property
    def templates(self) -> list[str]:
        """What may be written."""
        return templates()

    @property
    def facts(self) -> dict[str, tuple[str, ...]]:
        """What may be asked of an incident → its values, () where they are many."""
        categories = tuple(dict.fromkeys([*words.CATEGORIES, *incidents.CATEGORIES]))
        closed = {"cause": tuple(words.CAUSES), "category": categories, "severity": LEVELS, "file_class": CLASSES}
        return {column.name: closed.get(column.name, ()) for column in t.incident.columns}
