"""What a person shows with a wish: where he is, a PIN, a confirmation (section 6, checks 6 and 7).

Positions and confirmations live in memory only.
"""

from collections import deque
from collections.abc import Callable
from hmac import digest
from itertools import chain
from operator import attrgetter
import re
from typing import Any, Final, NamedTuple

from aiohttp import web
import probatio

from .. import fields
from ..keys import VAULT
from ..web import schema
from .geofence import CLOCK_TOLERANCE, Position

POSITIONS_KEPT: Final = 24 * 3600  # seconds
CONFIRM_WITHIN: Final = 60  # seconds
FREE_PINS: Final = 5
FIRST_PAUSE: Final = 60  # seconds
LONGEST_PAUSE: Final = 3600  # seconds
_MOST_POSITIONS: Final = 256  # per person
_MOST_CONFIRMATIONS: Final = 10_000


def number(minimum: float, maximum: float) -> Callable[[object], float]:
    """Accept a finite number in a range; a boolean is none."""

    @fields.described(type="number", minimum=minimum, maximum=maximum)
    def validate(value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise probatio.Invalid("expected a number")
        if not minimum <= value <= maximum:
            raise probatio.Invalid(f"expected {minimum} to {maximum}")
        return float(value)

    return validate


POSITION: Final = schema(
    {
        probatio.Required("lat"): number(-90, 90),
        probatio.Required("lon"): number(-180, 180),
        probatio.Required("accuracy_m"): number(0, 1e6),
        probatio.Required("at"): fields.integer(0, 0xFFFFFFFF),
    }
)
PIN: Final = fields.pattern(re.compile(r"[0-9]{4,12}", re.ASCII), "4 to 12 digits")
PERSON: Final = {probatio.Optional("person"): fields.text(40)}
"""The field by which a gateway of the household names the person it asks for."""
SHOWN: Final = {
    probatio.Optional("pin"): PIN,
    probatio.Optional("position"): POSITION,
    probatio.Optional("confirm"): fields.text(40),
}
"""What a body may show for what it wants."""
EVIDENCE: Final = {**PERSON, **SHOWN}


class Positions:
    """Where people said they were, or gateways said they are, for 24 hours."""

    def __init__(self) -> None:
        """Begin without any."""
        self._positions: dict[str, dict[str, deque[Position]]] = {}

    def note(self, user_id: str, shown: dict[str, Any], now: int, *, teller: str = "") -> None:
        """Keep a position, unless a newer one is known, or it is from the future.

        `teller` is the gateway that tells it of somebody else; empty, the person tells it himself.
        """
        position = Position(**shown)
        if position.at > now + CLOCK_TOLERANCE:
            return
        told = self._positions.setdefault(user_id, {})
        known = told.setdefault(teller, deque(maxlen=_MOST_POSITIONS))
        if not known or known[-1].at <= position.at:
            known.append(position)

    def of(
        self, user_id: str, believed: Callable[[str], bool] = lambda _: False
    ) -> tuple[Position, ...]:
        """Return the positions of a person, the oldest first: his own word, and of whom to believe.

        What a gateway says of a person counts in its own home; elsewhere it could keep him out.
        """
        told = self._positions.get(user_id, {})
        words = [known for teller, known in told.items() if not teller or believed(teller)]
        return tuple(sorted(chain.from_iterable(words), key=attrgetter("at")))

    def forget(self, before: int) -> None:
        """Forget the positions of before a time."""
        for user_id, told in list(self._positions.items()):
            for teller, known in list(told.items()):
                while known and known[0].at < before:
                    known.popleft()
                if not known:
                    del told[teller]
            if not told:
                del self._positions[user_id]

    def forget_person(self, user_id: str) -> None:
        """Forget where a person was."""
        self._positions.pop(user_id, None)


class Question(NamedTuple):
    """What has to be confirmed: who wants what at which lock, and whether it is to stay so."""

    address: str
    user_id: str
    device_id: str
    command: str
    hold: bool


class Confirmations:
    """The questions that wait for a second look, each for 60 s and one answer."""

    def __init__(self, new_id: Callable[[str], str]) -> None:
        """Begin without any."""
        self._new_id = new_id
        self._open: dict[str, tuple[Question, int]] = {}

    def ask(self, question: Question, now: int) -> str:
        """Return the identifier with which a question is confirmed."""
        if len(self._open) >= _MOST_CONFIRMATIONS:
            self._open = {
                key: (each, until) for key, (each, until) in self._open.items() if until > now
            }
        confirmation = self._new_id("cf")
        self._open[confirmation] = question, now + CONFIRM_WITHIN
        return confirmation

    def take(self, confirmation: str | None, question: Question, now: int) -> bool:
        """Use a confirmation up; return whether it was for this question, and in time."""
        known = self._open.pop(confirmation or "", None)
        return known is not None and known[0] == question and now < known[1]


def pin_pause(wrong: int) -> int:
    """Return the seconds without a look at another PIN after so many wrong ones in a row."""
    if wrong < FREE_PINS:
        return 0
    return min(FIRST_PAUSE << min(wrong - FREE_PINS, 6), LONGEST_PAUSE)


def pin_of(app: web.Application, grant_id: str, pin: str) -> bytes:
    """Return a PIN as it is stored and compared: its HMAC under a key outside of the database."""
    return digest(app[VAULT].derive("pin"), f"{grant_id} {pin}".encode(), "sha256")


POSITIONS: Final = web.AppKey("positions", Positions)
CONFIRMATIONS: Final = web.AppKey("confirmations", Confirmations)
