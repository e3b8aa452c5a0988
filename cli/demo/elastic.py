"""The demo's Elasticsearch: a node that is started for it and goes with it, or one that is there already."""

import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from hinomi.cli.acting.ports import free_port
from hinomi.errors import ConfigError, HinomiError

READY = 150.0
"""Seconds a node has to be ready: half a minute of them is its own start, more where it is fetched first."""


class Node:
    """What events are kept in for one run of the demo."""

    def __init__(self, script: Path | None = None, url: str = ""):
        """Take a script that starts a node (``start|purge --port N --dir D``; start prints its address), or an address.

        Raises:
            ConfigError: If there is neither, before anything starts.
        """
        if not url and (script is None or not script.is_file()):
            found = f"{script} is no file" if script else "no Elasticsearch was named"
            raise ConfigError(
                found, hint="--es-url URL of a node, or --es-node PATH of a script that starts one (HINOMI_ES_NODE)"
            )
        self._script = None if url else script
        self.url, self._folder = url, Path()
        self.prefix = f"demo_{secrets.token_hex(4)}"

    def start(self) -> str:
        """Start the node, if one is to be started; return what ``[store]`` says of it.

        Raises:
            HinomiError: With what the script said, if it failed.
        """
        if self._script is not None:
            self._folder = Path(tempfile.mkdtemp(prefix="hinomi-demo-es-"))
            self._folder.chmod(0o755)  # as root the node runs as a user of its own
            self.url = self._run("start", "--port", str(free_port(100)), "--dir", str(self._folder)).split()[-1]
        parts = urlsplit(self.url)
        address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        login = ""
        if parts.username:
            login = f'user = "{unquote(parts.username)}"\npassword = "{unquote(parts.password or "")}"\n'
        return f'kind = "elasticsearch"\nurl = "{address}"\nprefix = "{self.prefix}"\n{login}'

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the node and forget it. A node that was there already keeps what the demo wrote: hinomi may not delete there."""
        if self._script is not None and self._folder.name:
            self._run("purge", "--dir", str(self._folder), check=False)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = Path()

    def _run(self, *words: str, check: bool = True) -> str:
        try:
            done = subprocess.run(  # noqa: S603 - named by who runs the demo
                [str(self._script), *words], capture_output=True, text=True, timeout=READY, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise HinomiError(f"{self._script} {words[0]}: {error}", hint="see its logs, or give --es-url") from error
        if check and done.returncode:
            raise HinomiError(
                f"{self._script} {words[0]} ended {done.returncode}: {done.stderr.strip()}", hint="or give --es-url"
            )
        return done.stdout
