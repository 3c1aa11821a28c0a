"""The keypad: codes that work without any connection, and the price of wrong ones.

Project profile (protocol 14). The counter of wrong codes is part of the ownership
record; the waiting times run from boot on.
"""

from dataclasses import replace
from typing import Final

from .codes import ONCE, CodeId, verify
from .lock_clock import LockClock
from .lock_state import KEYPAD_OFF, Ownership

STEP: Final = 5  # wrong codes between two waits, and forgotten per day
FIRST_WAIT: Final = 90  # seconds
LONGEST_WAIT: Final = 3600  # seconds
FORGET: Final = 86400  # seconds of running time
MAX_WRONG: Final = 255


def wait_of(wrong_codes: int) -> int:
    """Return the seconds that a counter of wrong codes costs."""
    if wrong_codes < STEP:
        return 0
    return min(LONGEST_WAIT, FIRST_WAIT << (wrong_codes // STEP - 1))


def reaches_step(wrong_codes: int) -> bool:
    """Return whether the wrong code that led to this counter starts a wait."""
    return wrong_codes % STEP == 0


def find(own: Ownership, text: str, now: int | None) -> CodeId | None:
    """Return what a typed code stands for; now is None while the clock is unset."""
    return verify(
        own.k_code,
        text,
        now=now,
        once_base=own.once_base,
        once_used=own.once_used,
        cancelled=own.cancelled,
        form=own.code_format,
    )


def accepted(own: Ownership, code: CodeId) -> Ownership:
    """Return the ownership after a right code: one wrong one less, a number used up."""
    own = replace(own, wrong_codes=max(0, own.wrong_codes - 1))
    if code.code_class != ONCE:
        return own
    used = own.once_used | 1 << (code.start - own.once_base)
    return own.with_once(own.once_base, used)


def refused(own: Ownership) -> Ownership:
    """Return the ownership after a wrong code."""
    return replace(own, wrong_codes=min(MAX_WRONG, own.wrong_codes + 1))


def forgotten(own: Ownership) -> Ownership:
    """Return the ownership a day later."""
    return replace(own, wrong_codes=max(0, own.wrong_codes - STEP))


class Keypad:
    """The waits of the keypad; a power loss starts the wait of the counter anew."""

    def __init__(self, clock: LockClock, wrong_codes: int) -> None:
        self._clock = clock
        self._free_at = clock.uptime + wait_of(wrong_codes)
        self._forget_from = clock.uptime

    def listens(self, own: Ownership) -> bool:
        """Return whether an entry is looked at now."""
        return (
            bool(own.k_code)
            and not own.has_flag(KEYPAD_OFF)
            and self._clock.uptime >= self._free_at
        )

    def was_wrong(self, wrong_codes: int) -> None:
        """Start the wait, if the counter calls for one."""
        self._forget_from = self._clock.uptime
        if reaches_step(wrong_codes):
            self._free_at = self._clock.uptime + wait_of(wrong_codes)

    def forgets(self) -> bool:
        """Return whether a day has passed since the last wrong code, step or boot."""
        if self._clock.uptime < self.forget_at:
            return False
        self._forget_from = self.forget_at
        return True

    @property
    def forget_at(self) -> int:
        """The uptime of the next such step."""
        return self._forget_from + FORGET
