"""The household's voice PIN, which is not compared any more after too many wrong ones.

A try is counted and written down before it is compared, so that neither haste nor a restart
gives another one.
"""

import time
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from .const import CONF_VOICE_PIN
from .errors import LockError, Reason
from .issues import Issues, Trouble
from .pin import digits, is_sealed_as
from .storage import NO_TRIES, Memory, Tries

FREE_TRIES: Final = 5
FIRST_PAUSE: Final = 60  # seconds
LONGEST_PAUSE: Final = 3600  # seconds


class VoicePin:
    """The voice PIN of one config entry."""

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry[Any], memory: Memory, issues: Issues
    ) -> None:
        """Compare with what is kept in the options of the entry."""
        self._hass = hass
        self._entry = entry
        self._memory = memory
        self._issues = issues

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
        await self._async_keep(NO_TRIES)

    @callback
    def async_tell(self) -> None:
        """Let the owner know that somebody guesses, as long as it is so."""
        guessed = self._memory.pin_tries.wrong >= FREE_TRIES
        self._issues.async_set(Trouble.VOICE_PIN_GUESSED, so=guessed)

    async def _async_count(self) -> None:
        wrong, until = self._memory.pin_tries
        now = time.time()
        if now < until <= now + LONGEST_PAUSE:  # a later end is that of a clock that was set back
            raise LockError(Reason.PIN_PAUSED)
        await self._async_keep(Tries(wrong + 1, now + _pause(wrong + 1)))

    async def _async_keep(self, tries: Tries) -> None:
        self._memory.pin_tries = tries
        self.async_tell()
        await self._memory.async_save()


def _pause(wrong: int) -> int:
    """Return the seconds without a comparison after so many wrong PINs in a row."""
    if wrong < FREE_TRIES:
        return 0
    return min(FIRST_PAUSE << min(wrong - FREE_TRIES, 6), LONGEST_PAUSE)
