"""Who somebody is, as people read it: name and role instead of an id."""

from collections.abc import Mapping
from typing import Any

from hinomi.directory import Directory
from hinomi.playbooks.messages import words


def role_name(role: str) -> str:
    """Return a role's name without what it explains in brackets."""
    name = words.word(words.ROLES, role)
    return name if role == "system" else name.partition("（")[0]


def who(actor: str | None, people: Directory, keys: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """Return an actor (``person:…``, ``key:…``, ``local:…``, ``system``) by name and role; nothing for nobody."""
    kind, _, ref = (actor or "").partition(":")
    if kind == "person":
        person = people.person(ref)
        return f"{person.name}（{role_name(person.role)}）" if person else ref
    if kind == "key":
        role = (keys or {}).get(ref, {}).get("role") or ""
        return role_name(role) if role else f"APIキー {ref}"
    if kind == "local":
        return f"管理者（{ref}）"
    return role_name(kind) if kind else ""


def named(ref: str | None, people: Directory) -> str:
    """Return a person's id (as an owner or an assignee is kept) by name and role; other text stays."""
    return who(f"person:{ref}", people) if ref else ""


def told(entry: Mapping[str, Any], people: Directory) -> str:
    """Return an entry of a timeline as a reader needs it: a message with whom it went to, an assignment by name."""
    text, data = str(entry["text"]), entry["data"]
    if entry["kind"] == "message" and data.get("person"):
        return f"{text.replace('【取扱注意】', '')} → {named(data['person'], people)}"
    if entry["kind"] == "assign" and data.get("assignee"):
        return f"担当: {named(data['assignee'], people)}"
    return text
