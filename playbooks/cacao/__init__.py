"""OASIS CACAO Security Playbooks 2.0: playbooks written so that others can read them, and those of others read.

The specification is https://docs.oasis-open.org/cacao/security-playbooks/v2.0/cs01/security-playbooks-v2.0-cs01.html;
`schema` has its objects as we check them, `checking` the check. What CACAO has no word for (approvals with a quorum, receipts, escalations,
reports) travels in an extension of our own, beside steps that anybody can follow.
"""

from hinomi.playbooks.cacao.checking import check
from hinomi.playbooks.cacao.reading import read
from hinomi.playbooks.cacao.writing import write

__all__ = ["check", "read", "write"]
