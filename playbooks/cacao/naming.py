"""Identifiers that are the same at every export, so that two exports can be compared; and names made of titles."""

import hashlib
import re
from collections.abc import Collection
from uuid import UUID

#: Fixed once: who made it, and the extension that carries what CACAO has no word for.
CREATED_BY = "identity--5d0c9a0e-7f0e-4f5c-9d0a-2c1b7e6a4f31"
EXTENSION = "extension-definition--8b6a2f5d-3c1e-4a7b-9f20-6d4e8c1a7b52"
LONGEST_NAME = 50


def identifier(kind: str, *of: str) -> str:
    """Return an identifier of a kind: a UUID of version 4 in form, made of what it is for."""
    digest = hashlib.sha256("\n".join((kind, *of)).encode()).digest()
    return f"{kind}--{UUID(bytes=digest[:16], version=4)}"


def slug(text: str, taken: Collection[str], other: str) -> str:
    """Return a step's id made of a name, one that is not taken; ``other`` where the name has no letters for it."""
    base = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:LONGEST_NAME].rstrip("_")
    base = base if base[:1].isalpha() and base != "incident" else f"{other}_{base}".rstrip("_")
    found, number = base, 2
    while found in taken:
        found, number = f"{base}_{number}", number + 1
    return found
