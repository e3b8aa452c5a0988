"""An answer as a BagIt folder in a zip: what an auditor checks with ``sha256sum -c`` on a PC of their own.

Format: RFC 8493, BagIt 1.0 (rfc-editor.org/rfc/rfc8493). The payload is below ``data/``.
"""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from datetime import date

from hinomi import __version__

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def bag(payload: Mapping[str, bytes], about: Mapping[str, str], made: date) -> bytes:
    """Return a zip of a bag: ``payload`` by file name, ``about`` further lines of bag-info.txt (no line breaks)."""
    data = {f"data/{name}": content for name, content in payload.items()}
    info = {
        **about,
        "Bagging-Date": made.isoformat(),
        "Payload-Oxum": f"{sum(map(len, data.values()))}.{len(data)}",
        "Bag-Software-Agent": f"hinomi {__version__}",
    }
    tags = {
        "bagit.txt": DECLARATION,
        "bag-info.txt": "".join(f"{name}: {' '.join(value.split())}\n" for name, value in info.items()).encode(),
        "manifest-sha256.txt": _manifest(data),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in {**tags, "tagmanifest-sha256.txt": _manifest(tags), **data}.items():
            packed.writestr(name, content)
    return out.getvalue()


def _manifest(files: Mapping[str, bytes]) -> bytes:
    """Return the lines that ``sha256sum -c`` reads."""
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()).encode()
