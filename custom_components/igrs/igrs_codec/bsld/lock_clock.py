"""The lock's clock: set by command 10 only, unset after every power loss.

Project profile (protocol 9.2 and 15.1). Whole seconds; nothing wraps around.
"""

from collections.abc import Callable

from .frame import MAX_TIME


class LockClock:
    """Seconds since boot, and Unix seconds once somebody authentic said them.

    seconds counts since boot; stored is the last time that the lock wrote down before.
    """

    def __init__(self, seconds: Callable[[], float], stored: int = 0) -> None:
        self._seconds = seconds
        self._stored = stored
        self._offset: int | None = None

    @property
    def uptime(self) -> int:
        """Whole seconds since boot."""
        return int(self._seconds())

    @property
    def is_set(self) -> bool:
        """Whether the lock knows the time."""
        return self._offset is not None

    @property
    def time(self) -> int:
        """Lock time: Unix seconds, or seconds since boot while unset (u32)."""
        return min(self.uptime + (self._offset or 0), MAX_TIME)

    @property
    def lower_bound(self) -> int:
        """The earliest time that it can be now (u32); the time itself once it is set."""
        return self.time if self.is_set else min(self.uptime + self._stored, MAX_TIME)

    def set(self, time: int) -> None:
        """Set the clock, forwards or backwards."""
        self._offset = time - self.uptime
