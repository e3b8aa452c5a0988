"""Rehearsals: a playbook on the real engine, on a state store of its own, with a clock that is set.

Nothing leaves: the product and the mail are of paper (`paper`), the people too unless a directory is given. What is so at
the beginning is `cases.Given`, what happened is a list of `watching.Happening`. `playbook test` and `playbook simulate`
are made of this.
"""

from hinomi.playbooks.rehearsal.cases import Case, Given, cases_of
from hinomi.playbooks.rehearsal.judging import Verdict, judge
from hinomi.playbooks.rehearsal.playing import Outcome, Rehearsals
from hinomi.playbooks.rehearsal.watching import Happening

__all__ = ["Case", "Given", "Happening", "Outcome", "Rehearsals", "Verdict", "cases_of", "judge"]
