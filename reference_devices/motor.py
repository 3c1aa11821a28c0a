"""The motor and the bolt of a lock in software."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from igrs_codec.bsld.frame import Bolt, Operation

_RESTS: Final = MappingProxyType(
    {
        Operation.LOCK: Bolt.LOCKED,
        Operation.UNLOCK: Bolt.UNLOCKED,
        Operation.OPEN: Bolt.OPEN,
    }
)


class Motor:
    """Moves a bolt in so many seconds, 0 for at once; the lock role's `Mechanism`."""

    def __init__(self, clock: Callable[[], float], *, seconds: float, position: Bolt) -> None:
        self._clock = clock
        self._seconds = seconds
        self._target = position
        self._jams = False
        self.position = position
        self.stops_at: float | None = None

    def drive(self, operation: Operation) -> Bolt:
        """Start to move, and return where the bolt is now."""
        self._target = Bolt.JAMMED if self._jams else _RESTS[operation]
        self._jams = False
        self.stops_at = self._clock() + self._seconds
        if self._seconds <= 0:
            self.stop()
        else:
            locking = operation is Operation.LOCK
            self.position = Bolt.LOCKING if locking else Bolt.UNLOCKING
        return self.position

    def jam_next(self) -> None:
        """Let the next movement end jammed."""
        self._jams = True

    def turn(self, operation: Operation) -> None:
        """Turn the knob by hand; a running motor is stronger."""
        if self.stops_at is None:
            self.position = _RESTS[operation]

    def stop(self) -> Bolt:
        """Come to rest at the end of the movement."""
        self.position = self._target
        self.stops_at = None
        return self.position

    def lose_power(self) -> None:
        """Stop wherever the bolt is: nobody knows."""
        if self.stops_at is not None:
            self.position = Bolt.UNKNOWN
            self.stops_at = None
