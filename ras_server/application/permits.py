"""A wish is allowed or refused, for every path in the same way (project profile, section 6)."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, NamedTuple

from aiohttp import web
import orjson

from ..errors import Code, RasError
from ..keys import DATABASE, PRINCIPAL, new_id
from ..principal import Kind
from ..store import accounts, gateways, grants, sites
from ..store.grants import Use
from .access import in_household, own_gateway, standing_of, standings
from .approvals import ASKS, Ask, ask_others, asked_before, may_answer
from .audit import AUDIT
from .decision import OPENING, Consent, Decision, House, Standing, Wish, decide, still
from .evidence import CONFIRMATIONS, POSITIONS, Question, pin_of, pin_pause
from .geofence import Fence, Place, Policy, place
from .locks import LOCKS, Lock
from .notices import EVENT, household, tell

QUIET: Final = 60
"""Seconds in which the owner is not told the same refusal again."""
_MOST_REFUSALS: Final = 10_000


class Caller(NamedTuple):
    """Who asks (a typed address), and how the person he asks for stands to the lock.

    `user_id` is empty for the guest of a link, and where a gateway's own grant counts. `at_home` is
    a gateway of the household that asks for the household itself.
    """

    address: str
    user_id: str
    standings: tuple[Standing, ...]
    named: bool = False
    at_home: bool = False


def caller_of(
    request: web.Request, lock: Lock, found: tuple[Standing, ...], person: str | None
) -> Caller:
    """Return the caller of a request; only a gateway of the household may name a person."""
    app, principal = request.app, request[PRINCIPAL]
    trusted = principal.kind is Kind.GATEWAY and in_household(
        app, lock, own_gateway(request, principal.gateway_id)
    )
    if person is None:
        return Caller(
            address=principal.address,
            user_id=principal.user_id,
            standings=found,
            at_home=trusted,
        )
    if not trusted:
        raise RasError(Code.NOT_PERMITTED, "Only a gateway of the household names a person")
    named = accounts.user(app[DATABASE], person)
    if named is not None and named.locked:
        raise RasError(Code.NOT_PERMITTED, "The person is locked out by the administrator")
    return Caller(
        address=principal.address,
        user_id=person,
        standings=standings(app, lock, person),
        named=True,
    )


def house_of(app: web.Application, lock: Lock) -> tuple[House, Fence | None]:
    """Return what the site of a lock says, and its fence."""
    site, lost = sites.of_device(app[DATABASE], lock.id), lock.device.lost is not None
    if site is None:
        return House(lost=lost), None
    fence = None if site.fence is None else fence_of(site.fence)
    policy = Policy.OFF if fence is None else fence.policy
    return House(lockdown=bool(site.lockdown), policy=policy, lost=lost), fence


def fence_of(text: str) -> Fence:
    """Return a stored fence."""
    stored = orjson.loads(text)
    return Fence(**stored | {"policy": Policy(stored["policy"])})


@dataclass(frozen=True, slots=True)
class Permit:
    """A wish that was allowed: for whom, on which standing.

    `use_id` is the use it reserved, `ask` what somebody else said yes to.
    """

    app: web.Application
    lock: Lock
    caller: Caller
    standing: Standing
    wish: Wish
    use_id: str = ""
    ask: Ask | None = None

    def require_still(self) -> None:
        """Raise what the grant, the site or who agreed says now, if that is no longer a yes."""
        standing = self._standing_now()
        house, _ = house_of(self.app, self.lock)
        code = Code.EXPIRED
        if standing is not None:
            code = still(standing, self.wish, self.app[LOCKS].now, house)
        if self.ask and not may_answer(self.app, self.lock, self.ask, self.ask.by, house):
            code = code or Code.NOT_PERMITTED
        if code is not Code.OK:
            raise RasError(code, "This is no longer allowed")

    def _standing_now(self) -> Standing | None:
        if self.standing.is_owner:
            owner = self.lock.device.owner == self.caller.user_id
            return self.standing if owner else None
        grant = grants.get(self.app[DATABASE], self.standing.grant_id)
        return None if grant is None else standing_of(self.app, grant)

    def settle(self, code: Code, *, used: bool) -> None:
        """Note how a use of a grant ended.

        It is given back if the lock surely did nothing, and so is somebody else's yes.
        """
        if not self.use_id:
            return
        if self.ask is not None and not used:
            self.app[ASKS].give_back(self.ask)
        grants.settle(self.app[DATABASE], self.use_id, code, returned=not used)
        grant = grants.get(self.app[DATABASE], self.standing.grant_id)
        if grant is not None and grant.notify:
            _tell_owner(
                self.app,
                self.lock,
                code,
                caller=self.caller,
                standing=self.standing,
                wish=self.wish,
                event="access_used",
            )


def allowed(
    app: web.Application,
    lock: Lock,
    caller: Caller,
    wish: Wish,
    shown: dict[str, Any],
    *,
    operation: str = "",
) -> Permit:
    """Decide a wish, with what is shown for it; write it to the audit; raise a refusal.

    `shown` are the fields EVIDENCE of a body. The owner is told of refusals.
    """
    now = app[LOCKS].now
    house, fence = house_of(app, lock)
    question = Question(caller.address, caller.user_id, lock.id, wish.command, wish.relock)
    wish = _with_evidence(app, lock, caller, wish, shown=shown, asked=(question, fence))
    ask = asked_before(app, lock, question, house)
    if ask is not None:
        agreed = ask.consent is Consent.YES  # that is more than a second look of one's own
        wish = replace(wish, consent=ask.consent, confirmed=wish.confirmed or agreed)
    decision = decide(caller.standings, wish, now, house)
    if decision.code is Code.DEVICE_UNKNOWN and caller.named:
        decision = Decision(Code.NOT_PERMITTED, None)
    code, standing, wrong_pins, wants = decision
    if standing is not None and standing.of_gateway:
        caller = caller._replace(user_id="")
    for grant_id in wrong_pins:
        _count_wrong_pin(app, grant_id, now)
    if code is not Code.OK or wish.consent is not Consent.YES:
        ask = None
    app[AUDIT].append(
        f"access.{wish.command}",
        caller.address,
        lock.address,
        result=code,
        detail=_detail(caller, standing, wish, operation) | _agreed(ask),
    )
    if code is Code.OK and standing is not None:
        if standing.pin is not None and wish.command in OPENING:
            grants.set_pin_tries(app[DATABASE], standing.grant_id, 0, 0)
        use_id = _reserve(app, standing, wish, now)
        if ask is not None:
            app[ASKS].end(ask)
        return Permit(app, lock, caller, standing, wish, use_id, ask)
    if code is Code.CONFIRMATION_NEEDED and standing is not None:
        data = _needs(app, lock, question, standing=standing, house=house, wants=wants)
        raise RasError(code, "More has to be shown", data=data)
    _tell_refusal(app, lock, code, caller=caller, standing=standing, wish=wish)
    data = {"needs": wants} if wants == "second_person" else {}
    raise RasError(code, "The decision is no", data=data)


def _needs(
    app: web.Application,
    lock: Lock,
    question: Question,
    *,
    standing: Standing,
    house: House,
    wants: str,
) -> dict[str, Any]:
    """Return what has to be shown besides; whoever else has to agree is asked."""
    needs: dict[str, Any] = {"needs": wants}
    if wants == "confirm":
        needs["confirmation"] = app[CONFIRMATIONS].ask(question, app[LOCKS].now)
    elif wants == "second_person":
        ask = ask_others(app, lock, question, grant_id=standing.grant_id, house=house)
        needs |= {"confirmation": ask.confirmation, "ends": ask.ends}
    return needs


def _agreed(ask: Ask | None) -> dict[str, str]:
    """Return what the audit says of somebody else's yes."""
    return {} if ask is None else {"agreed": f"user:{ask.by}", "confirmation": ask.confirmation}


def _count_wrong_pin(app: web.Application, grant_id: str, now: int) -> None:
    grant = grants.get(app[DATABASE], grant_id)
    if grant is not None:
        wrong = grant.pin_wrong + 1
        grants.set_pin_tries(app[DATABASE], grant_id, wrong, now + pin_pause(wrong))


def _with_evidence(
    app: web.Application,
    lock: Lock,
    caller: Caller,
    wish: Wish,
    *,
    shown: dict[str, Any],
    asked: tuple[Question, Fence | None],
) -> Wish:
    """Return the wish with what is shown for it; a confirmation is used up."""
    question, fence = asked
    now = app[LOCKS].now
    holder = caller.user_id or caller.address
    if "position" in shown and caller.standings:
        teller = caller.address if caller.named else ""
        app[POSITIONS].note(holder, shown["position"], now, teller=teller)
    where = Place.UNKNOWN
    if fence is not None:
        told = app[POSITIONS].of(holder, partial(_speaks_for_home, app, lock))
        where = place(fence, told, now)
    pins = None
    if "pin" in shown:
        grant_ids = [each.grant_id for each in caller.standings if each.pin is not None]
        pins = {grant_id: pin_of(app, grant_id, shown["pin"]) for grant_id in grant_ids}
    confirmed = app[CONFIRMATIONS].take(shown.get("confirm"), question, now)
    return replace(wish, at_home=caller.at_home, place=where, confirmed=confirmed, pins=pins)


def _speaks_for_home(app: web.Application, lock: Lock, teller: str) -> bool:
    """Return whether a typed address is that of a gateway of the lock's household."""
    gateway = gateways.get(app[DATABASE], teller.removeprefix("gw:"))
    return gateway is not None and in_household(app, lock, gateway)


def _detail(
    caller: Caller, standing: Standing | None, wish: Wish, operation: str
) -> dict[str, Any]:
    detail = {}
    if standing is not None and standing.grant_id:
        detail["grant"] = standing.grant_id
    if caller.named:
        detail["person"] = caller.user_id
    if wish.command in OPENING and wish.place is not Place.UNKNOWN:
        detail["place"] = wish.place.value
    if operation:
        detail["operation"] = operation
    return detail


def _reserve(app: web.Application, standing: Standing, wish: Wish, now: int) -> str:
    """Reserve a use of a grant; empty if nothing is counted."""
    if wish.command not in OPENING or standing.is_owner:
        return ""
    use = Use(use_id=new_id(app, "us"), grant_id=standing.grant_id, command=wish.command, at=now)
    if not grants.reserve(app[DATABASE], use):
        raise RasError(Code.USES_SPENT, "The uses are spent")
    return use.use_id


def _tell_refusal(
    app: web.Application,
    lock: Lock,
    code: Code,
    *,
    caller: Caller,
    standing: Standing | None,
    wish: Wish,
) -> None:
    """Tell the owner of a refusal, but not the same one again and again."""
    now, told = app[LOCKS].now, app[TOLD]
    key = (lock.id, caller.user_id or caller.address, int(code))
    if now - told.get(key, 0) < QUIET:
        return
    if len(told) >= _MOST_REFUSALS:
        told.clear()
    told[key] = now
    _tell_owner(app, lock, code, caller=caller, standing=standing, wish=wish, event="access_denied")


def _tell_owner(
    app: web.Application,
    lock: Lock,
    code: Code,
    *,
    caller: Caller,
    standing: Standing | None,
    wish: Wish,
    event: str,
) -> None:
    person = accounts.user(app[DATABASE], caller.user_id)
    body = {
        "event": event,
        "code": code,
        "cmd": wish.command,
        "at": app[LOCKS].now,
        "user_id": caller.user_id or None,
        "user": None if person is None else person.display_name,
        "grant": standing.grant_id if standing is not None and standing.grant_id else None,
        "asked_by": caller.address,
    }
    tell(app, lock, household(app, lock), EVENT, body)


TOLD: Final[web.AppKey[dict[tuple[str, str, int], int]]] = web.AppKey("told")
"""When the owner was told last: by lock, person and code."""
