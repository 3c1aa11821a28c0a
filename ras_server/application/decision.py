"""Who may do what: the one decision every path takes (project profile, section 6).

Pure functions. The order of the checks is the order of the section; the first refusal counts. Check
1 (token, account) is taken at the door, check 9 (lease) by the operation.
"""

from dataclasses import dataclass
from typing import Final

from igrs_codec.bsld.frame import Right
from igrs_codec.bsld.ticket import rights_to_names

from ..errors import Code

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

_EXPIRING: Final = frozenset({"unlock", "open"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a person stands to a lock, by ownership or by one grant.

    `uid` is the user account ID at the lock; `start` and `end` are Unix seconds, `end` is
    exclusive. `grant_id` is empty for the owner.
    """

    uid: int
    rights: Right
    grant_id: str = ""
    start: int | None = None
    end: int | None = None
    revoked: bool = False

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
    """What a person wants: a command of `NEEDS` and, if it is given, the time it ends."""

    command: str
    expires: int | None = None
    relock: bool = False

    @property
    def needs(self) -> Right:
        """Return the rights that the wish needs."""
        return NEEDS[self.command] | (Right.HOLD if self.relock else Right(0))


def decide(standings: tuple[Standing, ...], wish: Wish, now: int) -> tuple[Code, Standing | None]:
    """Return the verdict and the standing it rests on.

    Of several standings the first that allows the wish counts, else the verdict on the last one.
    """
    verdict, standing = Code.DEVICE_UNKNOWN, None
    for standing in standings:
        verdict = _judge(standing, wish, now)
        if verdict is Code.OK:
            break
    return verdict, standing


def _judge(standing: Standing, wish: Wish, now: int) -> Code:
    if not is_live(standing, now):
        return Code.EXPIRED
    if wish.needs not in standing.rights:
        return Code.NOT_PERMITTED
    if not is_timely(wish, now):
        return Code.EXPIRED
    return Code.OK


def is_live(standing: Standing, now: int) -> bool:
    """Return whether a standing holds now: not revoked, inside from and until."""
    return (
        not standing.revoked
        and (standing.start is None or standing.start <= now)
        and (standing.end is None or now < standing.end)
    )


def is_timely(wish: Wish, now: int) -> bool:
    """Return whether a wish may still be fulfilled: unlock and open must end, within a minute."""
    if wish.command not in _EXPIRING:
        return True
    return wish.expires is not None and now < wish.expires <= now + MAX_AHEAD
