"""Somebody else's yes: asked for, said or refused, used once (project profile, section 6, check 7).

What waits lives in memory only: after a restart it is asked anew.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from aiohttp import web

from ..errors import Code, RasError
from ..keys import DATABASE
from ..store import accounts, grants
from .access import standing_of, standings
from .decision import Consent, House, Wish, may_consent, still
from .evidence import Question
from .locks import LOCKS, Lock
from .notices import EVENT, household_gateways, tell

ANSWER_WITHIN: Final = 300
"""Seconds in which somebody says yes or no; a no stands as long."""
USE_WITHIN: Final = 60
"""Seconds in which a yes is used."""
MOST: Final = 4
"""Questions under one grant that stand at the same time, whichever way they came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A wish under a grant that needs somebody else's yes, what was said to it, and by whom.

    `ends` (Unix seconds) is until when it waits for an answer, a no stands, or a yes can be used.
    """

    confirmation: str
    question: Question
    grant_id: str
    ends: int
    consent: Consent | None = None
    by: str = ""

    @property
    def wish(self) -> Wish:
        """Return what is wanted, as far as others judge it."""
        return Wish(command=self.question.command, relock=self.question.hold)

    def answered(self, consent: Consent, by: str, now: int) -> Ask:
        """Return it with its answer; or raise 4007, for the first one counts."""
        if self.consent is not None:
            raise RasError(Code.CHANGED, "Somebody has answered already")
        ends = now + USE_WITHIN if consent is Consent.YES else self.ends
        return replace(self, consent=consent, by=by, ends=ends)


class Asks:
    """What stands: one for each question."""

    def __init__(self, new_id: Callable[[str], str]) -> None:
        """Begin without any."""
        self._new_id = new_id
        self._asks: dict[Question, Ask] = {}

    def standing(self, now: int) -> list[Ask]:
        """Return what waits, or was answered and counts; the rest is forgotten."""
        self._asks = {each.question: each for each in self._asks.values() if now < each.ends}
        return list(self._asks.values())

    def of(self, question: Question, now: int) -> Ask | None:
        """Return what stands for a question."""
        ask = self._asks.get(question)
        return ask if ask is not None and now < ask.ends else None

    def begin(self, question: Question, grant_id: str, now: int) -> Ask:
        """Let a question wait for its answer, or raise 5003: there are too many under the grant."""
        others = (each for each in self.standing(now) if each.question != question)
        ends = [each.ends for each in others if each.grant_id == grant_id]
        if len(ends) >= MOST:
            raise RasError(
                Code.RATE_LIMITED, "Too much is asked at a time", retry_after=min(ends) - now
            )
        ask = Ask(
            confirmation=self._new_id("cf"),
            question=question,
            grant_id=grant_id,
            ends=now + ANSWER_WITHIN,
        )
        self._asks[question] = ask
        return ask

    def keep(self, ask: Ask) -> None:
        """Keep what was answered."""
        self._asks[ask.question] = ask

    def end(self, ask: Ask) -> None:
        """Forget a yes: it is used, or worth nothing any more."""
        self._asks.pop(ask.question, None)

    def give_back(self, ask: Ask) -> None:
        """Let a yes count for the rest of its time: surely nothing was done with it."""
        self._asks.setdefault(ask.question, ask)


def asked_before(app: web.Application, lock: Lock, question: Question, house: House) -> Ask | None:
    """Return what stands for a question; the yes of who could not say it any more is none."""
    ask = app[ASKS].of(question, app[LOCKS].now)
    if ask is None or ask.consent is not Consent.YES or may_answer(app, lock, ask, ask.by, house):
        return ask
    app[ASKS].end(ask)
    return None


def ask_others(
    app: web.Application, lock: Lock, question: Question, *, grant_id: str, house: House
) -> Ask:
    """Ask everybody who may say yes, unless that is done already for this grant."""
    now = app[LOCKS].now
    ask = app[ASKS].of(question, now)
    if ask is None or ask.grant_id != grant_id:
        ask = app[ASKS].begin(question, grant_id, now)
        told = {"event": "access_asked", "ends": ask.ends, "at": now} | asked_json(app, ask)
        tell(app, lock, _receivers(app, lock, ask, house), EVENT, told)
    return ask


def may_answer(app: web.Application, lock: Lock, ask: Ask, user_id: str, house: House) -> bool:
    """Return whether somebody may answer: not who asks, and only who could do it alone."""
    person = accounts.user(app[DATABASE], user_id)
    if person is None or person.locked or user_id == ask.question.user_id:
        return False
    return may_consent(standings(app, lock, user_id), ask.wish, app[LOCKS].now, house)


def is_of_use(app: web.Application, ask: Ask, house: House) -> bool:
    """Return whether the grant of who asks still allows the rest."""
    grant = grants.get(app[DATABASE], ask.grant_id)
    if grant is None:
        return False
    return still(standing_of(app, grant), ask.wish, app[LOCKS].now, house) is Code.OK


def asked_json(app: web.Application, ask: Ask) -> dict[str, Any]:
    """Return a question as it is shown to who may answer it.

    A guest and a gateway are called as in their grant; who has the gateway is nobody's business.
    """
    grant = grants.get(app[DATABASE], ask.grant_id)
    own = grant is not None and grant.gateway_id is not None
    user_id = None if own else ask.question.user_id or None
    person = accounts.user(app[DATABASE], user_id or "")
    named = None if grant is None else grant.name or None
    return {
        "confirmation": ask.confirmation,
        "cmd": ask.question.command,
        "hold": ask.question.hold,
        "user_id": user_id,
        "user": named if person is None else person.display_name,
        "grant": ask.grant_id,
        "asked_by": ask.question.address,
    }


def tell_answer(app: web.Application, lock: Lock, ask: Ask, house: House) -> None:
    """Tell who asked, and all the others, what was answered."""
    told = {
        "event": "access_answered",
        "confirmation": ask.confirmation,
        "cmd": ask.question.command,
        "answer": ask.consent,
        "ends": ask.ends,
        "at": app[LOCKS].now,
    }
    if not ask.question.address.startswith("guest:"):
        tell(app, lock, [ask.question.address], EVENT, told)
    others = [each for each in _receivers(app, lock, ask, house) if each != ask.question.address]
    tell(app, lock, others, EVENT, told | {"answered_by": ask.by})


def _receivers(app: web.Application, lock: Lock, ask: Ask, house: House) -> list[str]:
    """Return who is told: everybody who may answer, and the household's gateways for the home."""
    holders = grants.holders(app[DATABASE], lock.id, app[LOCKS].now)
    people = dict.fromkeys((lock.device.owner or "", *holders))
    return [
        *(f"user:{each}" for each in people if may_answer(app, lock, ask, each, house)),
        *(f"gw:{each}" for each in household_gateways(app, lock)),
    ]


ASKS: Final = web.AppKey("asks", Asks)
