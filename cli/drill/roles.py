"""Played roles: one holder of each role answers its mail after a while, as people do; others leave it to them.

They know their mail, its links, and the API with a key of their own. A role answers late, or never, if that is asked for.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from hinomi.api.keys import ROLES as KEY_ROLES
from hinomi.cli.acting.agenda import Agenda
from hinomi.cli.acting.letters import Api, Letter, Mail, check
from hinomi.cli.acting.pages import press
from hinomi.cli.drill.plan import Plan
from hinomi.directory import Person

REASON = "訓練"
#: What a mail of this template asks for, and where that is listed and answered.
ASKS = {
    "decision_request": "decisions",
    "approval_request": "approvals",
    "manual_task": "tasks",
    "task_request": "tasks",
}
#: Minutes of the playbook that people take, at least and at most, by what they are asked for.
TAKES = {
    "r": (1.0, 5.0),
    "p": (2.0, 6.0),
    "f": (4.0, 10.0),
    "decisions": (2.0, 6.0),
    "approvals": (2.0, 6.0),
    "tasks": (4.0, 8.0),
}
Tell = Callable[[str, Person, str], None]


class Roles:
    """Everybody who answers by themselves."""

    def __init__(self, plan: Plan, api: Api, base: str, tell: Tell):
        """Take the API with the administrator's key (keys are made with it), its address, and who is told what happens."""
        self._plan, self._admin, self._base, self._tell = plan, api, base, tell
        self._chance = random.Random(f"roles {plan.options.seed}")  # noqa: S311 - play
        self._duty = self._on_duty()
        self._apis: dict[str, Api] = {}
        self._handled: set[str] = set()
        self._agenda = Agenda()

    @property
    def busy(self) -> bool:
        """Whether anybody is about to answer."""
        return self._agenda.busy

    def _on_duty(self) -> dict[str, str]:
        """Return person → the role in which they answer: one with an address for each role that the playbooks name."""
        found: dict[str, str] = {}
        for role in self._plan.roles():
            holders = sorted((p for p in self._plan.holders(role) if p.mail or p.mail_off), key=lambda p: p.id)
            if holders and not any(holder.id in found for holder in holders):
                found[self._chance.choice(holders).id] = role
        return found

    def take(self, letters: Iterable[Letter[Person]]) -> None:
        """Read new mail, and do what is due."""
        for letter in letters:
            if letter.person is not None:
                self._receive(letter.mail, letter.person)
        self._agenda.do_due()

    def _receive(self, mail: Mail, person: Person) -> None:
        if person.id not in self._duty:
            return
        if kind := ASKS.get(mail.template):
            self._after(person, kind, lambda: self._answer(kind, person))
        elif mail.kind in TAKES and mail.link not in self._handled:
            self._handled.add(mail.link)
            self._after(person, mail.kind, lambda: self._open(mail, person))

    def _after(self, person: Person, kind: str, act: Callable[[], None]) -> None:
        """Do it after the time that they take; never, if their role is one that does not answer."""
        minutes: float | None = self._chance.uniform(*TAKES[kind])
        for role in (person.role, self._duty[person.id]):
            minutes = self._plan.options.delays.get(role, minutes)
        if minutes is not None:
            self._agenda.after(minutes * 60 / self._plan.options.pace, act)

    def _open(self, mail: Mail, person: Person) -> None:
        here = urlsplit(self._base)  # whatever address the links carry for people elsewhere
        check(press(urlsplit(mail.link)._replace(scheme=here.scheme, netloc=here.netloc).geturl(), {}))
        self._tell({"f": "submitted", "p": "received", "r": "received"}[mail.kind], person, mail.template)

    def _answer(self, kind: str, person: Person) -> None:
        """Answer what waits for the person's role, with as many voices as are asked for."""
        for wait in self._admin.call("GET", f"{kind}?state=open")["items"]:
            asked = self._plan.holders(wait["role"])
            if person.id not in {holder.id for holder in asked}:
                continue
            others = [*asked, *(self._plan.holders(wait["escalate"]) if wait["escalate"] else ())]
            voices = list({voice.id: voice for voice in (person, *others)}.values())[: wait["quorum"]]
            for voice in voices:
                choice = self._choice(wait["options"])
                self._key(voice).call("POST", f"{kind}/{wait['id']}", {"choice": choice, "reason": REASON})
                self._tell(choice, voice, wait["text"])

    def _choice(self, options: Sequence[str]) -> str:
        """Return what is chosen: what was asked for, if that can be; else the first."""
        return next((wish for wish in self._plan.options.choices if wish in options), options[0])

    def _key(self, person: Person) -> Api:
        """Return the API with a key that is the person's."""
        if person.id not in self._apis:
            wish: dict[str, Any] = {
                "name": f"drill {person.id}"[:100],
                "scopes": ["read", "act"],
                "role": person.role if person.role in KEY_ROLES else "admin",
                "person": person.id,
                "tenant": person.tenant,
            }
            self._apis[person.id] = Api(self._base, self._admin.call("POST", "keys", wish)["key"])
        return self._apis[person.id]
