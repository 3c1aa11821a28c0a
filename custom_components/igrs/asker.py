"""Who wants something of a lock, and by which way it came to Home Assistant."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from homeassistant.core import Context, Event, HomeAssistant, callback
from homeassistant.helpers.chat_session import current_session
from homeassistant.util import dt as dt_util

from .igrs_codec.bsld.frame import Method

_SPOKEN: Final = frozenset({"google_assistant_command"})
_AUTOMATED: Final = frozenset({"automation_triggered", "script_started"})

# Home Assistant remembers the first event of a context only where somebody listens to it.
CAUSES: Final = _SPOKEN | _AUTOMATED


@callback
def remember(_: Event) -> None:
    """Have the context remember the event that it came with."""


# Tasks and timers take over where they were begun, and so do theirs, for ever. A conversation
# that goes on may have rested for 10 minutes.
SPOKEN_LASTS: Final = timedelta(minutes=15)

_spoken: ContextVar[datetime | None] = ContextVar("igrs_spoken", default=None)


@contextmanager
def spoken() -> Generator[None]:
    """Let what is asked for inside count as spoken, also where there is no conversation."""
    before = _spoken.set(dt_util.utcnow())
    try:
        yield
    finally:
        _spoken.reset(before)


def _is_spoken() -> bool:
    """Return whether words were the beginning of what is done here, lately."""
    session, now = current_session.get(), dt_util.utcnow()
    said = (_spoken.get(), None if session is None else session.last_updated)
    return any(at is not None and now - at < SPOKEN_LASTS for at in said)


class How(StrEnum):
    """The way to the bolt: what asked from afar, or what was used at the door."""

    APP = "app"
    VOICE = "voice"
    AUTOMATION = "automation"
    GUEST = "guest"
    THIRD_PARTY = "third_party"
    GATEWAY = "gateway"
    SERVER = "server"
    KEYPAD = "keypad"
    OFFLINE_CODE = "offline_code"
    FINGERPRINT = "fingerprint"
    CARD = "card"
    KEY = "key"
    INSIDE_KNOB = "inside_knob"
    INSIDE_BUTTON = "inside_button"
    AUTO_LOCK = "auto_lock"


# What the lock itself says of the way (project profile, protocol 8.2).
AT_THE_LOCK: Final = {
    Method.HAND: How.INSIDE_KNOB,
    Method.GATEWAY: How.GATEWAY,
    Method.PHONE: How.APP,
    Method.FIXED_CODE: How.KEYPAD,
    Method.TIMED_CODE: How.OFFLINE_CODE,
    Method.ONE_TIME_CODE: How.OFFLINE_CODE,
    Method.FINGERPRINT: How.FINGERPRINT,
    Method.CARD: How.CARD,
    Method.KEY: How.KEY,
    Method.INSIDE_BUTTON: How.INSIDE_BUTTON,
    Method.AUTO_LOCK: How.AUTO_LOCK,
    Method.RAS: How.SERVER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks here; user is the name of a person of Home Assistant.

    name is that of the automation if there is no person; person is who the RAS decides for
    (its identifier, not Home Assistant's), None for the household as such. assist says that it
    came as words, which tell nothing of who speaks.
    """

    how: How
    user: str | None = None
    name: str | None = None
    person: str | None = None
    assist: bool = False
    context: Context | None = None

    @property
    def shown(self) -> str:
        """What to show as who did it."""
        return self.user or self.name or self.how.value


async def async_asker(
    hass: HomeAssistant, context: Context | None, people: Mapping[str, str]
) -> Asker:
    """Return who is behind the context of an action.

    people are the RAS's persons by users of Home Assistant.
    """
    if context is None:
        return Asker(how=How.AUTOMATION)
    origin = context.origin_event
    cause = None if origin is None else origin.event_type
    user = None
    if context.user_id is not None:
        user = await hass.auth.async_get_user(context.user_id)
    assist = _is_spoken()
    if assist or cause in _SPOKEN:
        how = How.VOICE
    elif user is None or context.parent_id is not None:
        how = How.AUTOMATION
    else:
        how = How.APP
    name = None
    if origin is not None and cause in _AUTOMATED:
        name = origin.data.get("name")
    return Asker(
        how=how,
        user=None if user is None or user.system_generated else user.name,
        name=name,
        person=people.get(context.user_id or ""),
        assist=assist,
        context=context,
    )
