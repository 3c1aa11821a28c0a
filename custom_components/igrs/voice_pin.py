"""The household's voice PIN, which is not compared any more after too many wrong ones.

A try is counted and written down before it is compared, so that neither haste nor a restart
gives another one.
"""

import time
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from .const import CONF_VOICE_PIN
from .errors import LockError, Reason
from .pin import digits, is_sealed_as
from .storage import NO_TRIES, Memory, Tries

FREE_TRIES: Final = 5
FIRST_PAUSE: Final = 60  # seconds
LONGEST_PAUSE: Final = 3600  # seconds


class VoicePin:
    """The voice PIN of one config entry."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], memory: Memory) -> None:
        """Compare with what is kept in the options of the entry."""
        self._hass = hass
        self._entry = entry
        self._memory = memory

    @property
    def is_set(self) -> bool:
        """Return whether the owner has chosen a PIN."""
        return CONF_VOICE_PIN in self._entry.options

    async def async_require(self, said: str | None) -> None:
        """Raise LockError unless the PIN is said; a wrong one counts."""
        kept = self._entry.options.get(CONF_VOICE_PIN)
        if kept is None:
            raise LockError(Reason.VOICE_HAS_NO_PIN)
        if said is None:
            raise LockError(Reason.VOICE_NEEDS_PIN)
        if (pin := digits(said)) is None:
            raise LockError(Reason.PIN_MALFORMED)
        await self._async_count()
        if not await self._hass.async_add_executor_job(is_sealed_as, pin, kept):
            raise LockError(Reason.PIN_WRONG)
        await self.async_forgive()

    async def async_forgive(self) -> None:
        """Begin to count anew: the PIN was right, or is a new one."""
        self._memory.pin_tries = NO_TRIES
        await self._memory.async_save()

    async def _async_count(self) -> None:
        wrong, until = self._memory.pin_tries
        now = time.time()
        if now < until <= now + LONGEST_PAUSE:  # a later end is that of a clock that was set back
            raise LockError(Reason.PIN_PAUSED)
        wrong += 1
        self._memory.pin_tries = Tries(wrong, now + _pause(wrong))
        await self._memory.async_save()


def _pause(wrong: int) -> int:
    """Return the seconds without a comparison after so many wrong PINs in a row."""
    if wrong < FREE_TRIES:
        return 0
    return min(FIRST_PAUSE << min(wrong - FREE_TRIES, 6), LONGEST_PAUSE)
