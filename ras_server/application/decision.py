"""Who may do what: the one decision every path takes (project profile, section 6).

Pure functions. The order of the checks is the order of the section; the first refusal counts. Check
1 (token, account) is taken at the door, check 9 (lease) by the operation. The second person of
check 7 comes last: nobody is asked for a yes to what is refused all the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hmac import compare_digest
from typing import Final, NamedTuple

from igrs_codec.bsld.frame import Right
from igrs_codec.bsld.ticket import rights_to_names

from ..errors import Code
from .geofence import Place, Policy
from .schedule import Schedule, window_end

MAX_AHEAD: Final = 60
"""Seconds that the end of a command may lie ahead."""

NAMES: Final = ("lock", "unlock", "open", "log", "hold")
"""The rights that can be granted; the owner's own right is not among them."""

NEEDS: Final = {
    "lock": Right.LOCK,
    "unlock": Right.UNLOCK,
    "open": Right.OPEN,
    "log": Right.LOG,
    "status": Right(0),
    "version": Right(0),
}
"""The right that a command needs; 0 is any live grant."""

OPENING: Final = frozenset({"unlock", "open"})
"""The commands that let somebody in: every check is for them."""

_LETTING_IN: Final = Right.UNLOCK | Right.OPEN | Right.HOLD


class Consent(StrEnum):
    """What somebody else said to a wish."""

    YES = "yes"
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a person stands to a lock, by ownership or by one grant.

    `uid` is the user account ID at the lock; `start` and `end` are Unix seconds, `end` is
    exclusive. `grant_id` is empty for the owner. `member` tells the household from its guests,
    `met` whether the person ever asked for the lock. `policy` is the grant's own geofence policy.
    `pin` is the HMAC of the PIN that is needed, if one is; `pin_waits` says that no PIN is looked
    at now. `uses_left` is None without a limit. `second_person` asks for somebody else's yes.
    `of_gateway` is a grant of the gateway that asks: it is nobody's who has the gateway.
    """

    uid: int
    rights: Right
    grant_id: str = ""
    start: int | None = None
    end: int | None = None
    revoked: bool = False
    member: bool = False
    met: bool = True
    schedule: Schedule | None = None
    policy: Policy | None = None
    pin: bytes | None = None
    pin_waits: bool = False
    uses_left: int | None = None
    second_person: bool = False
    of_gateway: bool = False

    @property
    def right_names(self) -> list[str]:
        """Return the names of the rights."""
        return rights_to_names(self.rights)

    @property
    def is_owner(self) -> bool:
        """Return whether the person owns the lock."""
        return not self.grant_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person wants, and what he shows for it.

    A command of `NEEDS` and, if it is given, the time it ends; where he is, whether he confirmed
    it, and the HMAC of the PIN he gave, for each grant; what somebody else said to it, if anybody
    did. `at_home` is a gateway that acts for the household itself: it has no position.
    """

    command: str
    expires: int | None = None
    relock: bool = False
    at_home: bool = False
    place: Place = Place.UNKNOWN
    confirmed: bool = False
    pins: Mapping[str, bytes] | None = None
    consent: Consent | None = None

    @property
    def needs(self) -> Right:
        """Return the rights that the wish needs."""
        return NEEDS[self.command] | (Right.HOLD if self.relock else Right(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the site of a lock says, whoever asks."""

    lockdown: bool = False
    policy: Policy = Policy.OFF
    lost: bool = False
    """The lock itself is lost: it lets nobody in, also not its owner."""


OPEN_HOUSE: Final = House()


class Decision(NamedTuple):
    """A verdict, the standing it rests on, and the grants whose PIN was wrong.

    `wants` says what a refusal rests on if that can be shown: `confirm`, `pin`, `second_person`.
    """

    code: Code
    standing: Standing | None
    wrong_pins: tuple[str, ...] = ()
    wants: str = ""


def decide(
    standings: tuple[Standing, ...], wish: Wish, now: int, house: House = OPEN_HOUSE
) -> Decision:
    """Decide a wish.

    Of several standings the first that allows the wish counts, else the refusal that came last in
    the order of the checks.
    """
    best, verdict, chosen = -1, Code.DEVICE_UNKNOWN, None
    wrong = []
    checks = _ALL if wish.command in OPENING else _ALWAYS
    for standing in standings:
        passed, code = _passed(checks, standing, wish, house, now)
        if code is Code.PIN_WRONG:
            wrong.append(standing.grant_id)
        if passed > best:
            best, verdict, chosen = passed, code, standing
        if code is Code.OK:
            break
    if verdict is Code.OK or chosen is None:
        return Decision(verdict, chosen)
    return Decision(verdict, chosen, tuple(wrong), _WANTS.get(checks[best], ""))


def still(standing: Standing, wish: Wish, now: int, house: House) -> Code:
    """Return the verdict on what may have changed since a wish was allowed: checks 3 to 6."""
    return _passed(_LASTING if wish.command in OPENING else _ALWAYS, standing, wish, house, now)[1]


def may_consent(
    standings: tuple[Standing, ...], wish: Wish, now: int, house: House = OPEN_HOUSE
) -> bool:
    """Return whether a person may say yes to what somebody else wants.

    He may if he could do it alone now and would not have to show anything for it. Where he is does
    not matter: who asks has to be there.
    """
    return any(
        _passed(_CONSENTING, standing, wish, house, now)[1] is Code.OK for standing in standings
    )


type _Check = Callable[[Standing, Wish, House, int], Code]


def _passed(
    checks: tuple[_Check, ...], standing: Standing, wish: Wish, house: House, now: int
) -> tuple[int, Code]:
    """Return how many checks let a wish pass, and what the next one says."""
    for passed, check in enumerate(checks):
        if code := check(standing, wish, house, now):
            return passed, code
    return len(checks), Code.OK


def _lives(standing: Standing, _: Wish, __: House, now: int) -> Code:
    return Code.OK if is_live(standing, now) else Code.EXPIRED


def _has_right(standing: Standing, wish: Wish, _: House, __: int) -> Code:
    return Code.OK if wish.needs in standing.rights else Code.NOT_PERMITTED


def _in_hours(standing: Standing, _: Wish, __: House, now: int) -> Code:
    schedule = standing.schedule
    inside = schedule is None or window_end(schedule, now) is not None
    return Code.OK if inside else Code.OUTSIDE_SCHEDULE


def _not_locked_down(standing: Standing, _: Wish, house: House, __: int) -> Code:
    closed = house.lost or (house.lockdown and not standing.is_owner)
    return Code.NOT_PERMITTED if closed else Code.OK


def _in_place(standing: Standing, wish: Wish, house: House, _: int) -> Code:
    if wish.at_home or wish.place is Place.INSIDE:
        return Code.OK
    match policy_of(standing, house):
        case Policy.OFF:
            return Code.OK
        case Policy.CONFIRM:
            return Code.OK if wish.confirmed else Code.CONFIRMATION_NEEDED
        case Policy.DENY:
            return Code.GEOFENCE


def _has_pin(standing: Standing, wish: Wish, _: House, __: int) -> Code:
    if standing.pin is None:
        return Code.OK
    if standing.pin_waits:
        return Code.TOO_MANY_TRIES
    if wish.pins is None:
        return Code.CONFIRMATION_NEEDED
    given = wish.pins.get(standing.grant_id, b"")
    return Code.OK if compare_digest(standing.pin, given) else Code.PIN_WRONG


def _is_timely(_: Standing, wish: Wish, __: House, now: int) -> Code:
    return Code.OK if is_timely(wish, now) else Code.EXPIRED


def _has_uses(standing: Standing, _: Wish, __: House, ___: int) -> Code:
    return Code.USES_SPENT if standing.uses_left == 0 else Code.OK


def _has_consent(standing: Standing, wish: Wish, _: House, __: int) -> Code:
    if not standing.second_person or wish.consent is Consent.YES:
        return Code.OK
    return Code.NOT_PERMITTED if wish.consent is Consent.NO else Code.CONFIRMATION_NEEDED


def _is_alone(standing: Standing, _: Wish, __: House, ___: int) -> Code:
    limited = standing.second_person or standing.pin is not None or standing.uses_left is not None
    return Code.NOT_PERMITTED if limited else Code.OK


_ALWAYS: Final[tuple[_Check, ...]] = (_lives, _has_right)
"""Checks 3 and 4: to lock, and to ask, needs no more."""
_LASTING: Final[tuple[_Check, ...]] = (*_ALWAYS, _in_hours, _not_locked_down)
_ALL: Final[tuple[_Check, ...]] = (
    *_LASTING,
    _in_place,
    _has_pin,
    _is_timely,
    _has_uses,
    _has_consent,
)
_CONSENTING: Final[tuple[_Check, ...]] = (*_LASTING, _is_alone)
"""What who says yes for somebody else has to pass himself."""
_WANTS: Final[dict[_Check, str]] = {
    _in_place: "confirm",
    _has_pin: "pin",
    _has_consent: "second_person",
}
"""What passes a check that more can be shown for."""


def policy_of(standing: Standing, house: House) -> Policy:
    """Return the geofence policy for a standing: the grant's own, else that of the site."""
    return house.policy if standing.policy is None else standing.policy


def is_live(standing: Standing, now: int) -> bool:
    """Return whether a standing holds now: not revoked, inside from and until."""
    return (
        not standing.revoked
        and (standing.start is None or standing.start <= now)
        and (standing.end is None or now < standing.end)
    )


def is_timely(wish: Wish, now: int) -> bool:
    """Return whether a wish may still be fulfilled: unlock and open must end, within a minute."""
    if wish.command not in OPENING:
        return True
    return wish.expires is not None and now < wish.expires <= now + MAX_AHEAD


class Terms(NamedTuple):
    """What a ticket may say: the verdict, the rights, and when it ends at the latest."""

    code: Code
    rights: Right
    end: int | None


def ticket_terms(
    standing: Standing, now: int, house: House = OPEN_HOUSE, *, at_home: bool = False
) -> Terms:
    """Return the terms of a ticket, which takes the decision ahead of its use.

    What only the server can decide (place, PIN, uses, a second person) has no ticket; a schedule
    ends one.
    """
    if not is_live(standing, now):
        return Terms(Code.EXPIRED, Right(0), None)
    fenced = not at_home and policy_of(standing, house) is not Policy.OFF
    shown = standing.pin is not None or standing.uses_left is not None or standing.second_person
    if house.lost or fenced or shown:
        return Terms(Code.NOT_PERMITTED, Right(0), None)
    rights, ends = standing.rights, [] if standing.end is None else [standing.end]
    if standing.schedule is not None:
        if (end := window_end(standing.schedule, now)) is None:
            return Terms(Code.OUTSIDE_SCHEDULE, Right(0), None)
        ends.append(end)
    if house.lockdown and not standing.is_owner:
        rights &= ~_LETTING_IN
    return Terms(Code.OK, rights, min(ends, default=None))
