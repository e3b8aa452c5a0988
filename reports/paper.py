"""Reports of a rehearsal: opened and sent as the real ones are, and never set or written."""

import hashlib
from datetime import datetime

from hinomi.playbooks.engine.reports import Built
from hinomi.reports.builder import Builder


class PaperBuilder(Builder):
    """Opens reports; their files stay unmade."""

    def build(self, report_id: str, now: datetime) -> Built:
        """Return a file that is not there."""
        return Built("", hashlib.sha256(b"").hexdigest())
