"""Signed one-time links: the address in a mail carries what it is for and whose it is, and no secret.

itsdangerous signs (purpose, id); whether it was used already is a row of the state store, never here.
"""

import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Any

from itsdangerous import BadSignature, TimestampSigner, URLSafeTimedSerializer

from hinomi.errors import AuthError

MAX_AGE = 90 * 24 * 3600


class _Dated(TimestampSigner):
    """Signs as of a given time, so that a link that is made again is the same."""

    def __init__(self, *args: Any, moment: datetime | None = None, **more: Any):
        super().__init__(*args, **more)
        self._moment = moment

    def get_timestamp(self) -> int:
        """Return the time that is written into the token, in seconds since 1970."""
        return super().get_timestamp() if self._moment is None else int(self._moment.timestamp())


class Links:
    """Makes and reads the tokens of one installation."""

    def __init__(self, data: Path):
        """Read the key in ``data/keys/link.key``, making it (mode 0600) if there is none."""
        path = data / "keys" / "link.key"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = path.with_name(f"link.{secrets.token_hex(4)}")
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
            try:
                os.link(temporary, path)
            except FileExistsError:  # another process was first: its key counts
                pass
            finally:
                temporary.unlink()
        self._key = path.read_text()

    def make(self, purpose: str, id: str, at: datetime | None = None) -> str:
        """Return the token for (purpose, id), such as ("receipt", receipt id); its age counts from ``at``, else from now."""
        dated: dict[str, Any] = {"moment": at}
        return URLSafeTimedSerializer(self._key, salt=purpose, signer=_Dated, signer_kwargs=dated).dumps(id)

    def read(self, purpose: str, token: str) -> str:
        """Return the id of a token.

        Raises:
            AuthError: If it was not made by us for this purpose, or is older than 90 days.
        """
        try:
            return str(URLSafeTimedSerializer(self._key, salt=purpose).loads(token, max_age=MAX_AGE))
        except BadSignature as error:
            raise AuthError("このリンクは無効です", hint="届いたメッセージのリンクをもう一度開いてください") from error
