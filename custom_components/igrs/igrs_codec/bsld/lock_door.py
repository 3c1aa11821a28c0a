"""The lock's body: bolt, door, battery and alarm, and what is recorded of them.

Project profile (protocol 8.1 and 8.2). The motor is behind `Mechanism`; it says at once
where the bolt is, and a slow one reports later that it has come to rest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from .admin import Parameter
from .frame import Bolt, Door, Event, LockState, Method, Operation, Status
from .lock_clock import LockClock
from .lock_state import Ownership

BATTERY_LOW: Final = 20  # percent
MOVING: Final = frozenset({Bolt.LOCKING, Bolt.UNLOCKING})

_AT_REST: Final = MappingProxyType(
    {
        Operation.LOCK: Bolt.LOCKED,
        Operation.UNLOCK: Bolt.UNLOCKED,
        Operation.OPEN: Bolt.OPEN,
    }
)
_RELEASED: Final = frozenset({Bolt.UNLOCKED, Bolt.OPEN})
_DOOR_EVENT: Final = MappingProxyType(
    {
        Door.OPEN: Event.DOOR_OPENED,
        Door.CLOSED: Event.DOOR_CLOSED,
        Door.AJAR: Event.AJAR,
    }
)
_ALARMS: Final = frozenset({Event.TAMPER, Event.WRONG_CODES, Event.FORCED, Event.AJAR})


class Mechanism(Protocol):
    """The motor and the bolt."""

    def drive(self, operation: Operation) -> Bolt:
        """Start to move; return LOCKING or UNLOCKING, or where a fast bolt now rests."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Who moves the bolt: user (0 unknown), method, its detail, and the asking session.

    relock is the number of seconds after which the bolt goes back, 0 for the default.
    """

    method: Method
    uid: int = 0
    detail: int = 0
    relock: int = 0
    origin: object = None
    rnd: bytes = b""


type Recorder = Callable[[Event, Cause], None]
"""Writes a record; the session that caused it is not told of it."""


class Body:
    """The physical side of the lock as its logic knows it.

    record is public: it also records what does not happen to the body.
    """

    def __init__(
        self,
        mechanism: Mechanism,
        clock: LockClock,
        record: Recorder,
        *,
        bolt: Bolt,
        door: Door,
        battery: int,
        alarm: bool = False,
    ) -> None:
        self._mechanism = mechanism
        self._clock = clock
        self.record = record
        self._cause: tuple[Operation, Cause] | None = None
        self.bolt = bolt
        self.door = door
        self.battery = battery
        self.alarm = alarm
        self._relock_default = 0
        self._relock_needs_door = False
        self._relock_at: int | None = None

    @property
    def state(self) -> LockState:
        """The state byte as of now."""
        return LockState(
            bolt=self.bolt,
            door=self.door,
            battery_low=self.battery < BATTERY_LOW,
            alarm=self.alarm,
            clock_unset=not self._clock.is_set,
        )

    @property
    def moving(self) -> bool:
        """Whether the bolt is on its way."""
        return self.bolt in MOVING

    @property
    def status(self) -> Status:
        """The status that goes with the present state."""
        return Status.JAMMED if self.bolt is Bolt.JAMMED else Status.OK

    def operate(self, operation: Operation, cause: Cause) -> Status:
        """Move the bolt, which must be at rest."""
        self._cause = operation, cause
        self.bolt = self._mechanism.drive(operation)
        if not self.moving:
            self._finish(operation, cause)
        return self.status

    def toggle(self, cause: Cause) -> None:
        """Move the bolt the other way, unless it moves already."""
        if not self.moving:
            away = self.bolt in _RELEASED
            self.operate(Operation.LOCK if away else Operation.UNLOCK, cause)

    def rests(self, bolt: Bolt) -> Cause | None:
        """Take over where a slow motor has stopped; return who had moved it."""
        if self._cause is None:
            return None
        self.bolt = bolt
        operation, cause = self._cause
        self._finish(operation, cause)
        return cause

    def turned(self, operation: Operation) -> None:
        """Take over that somebody turned the knob; a running motor is stronger."""
        if not self.moving and (bolt := _AT_REST[operation]) is not self.bolt:
            self.bolt = bolt
            self._finish(operation, Cause(method=Method.HAND))

    def door_moved(self, door: Door) -> None:
        """Take over what the door sensor says."""
        if door is self.door:
            return
        self.door = door
        self.happened(_DOOR_EVENT[door])
        if door is Door.OPEN and self.bolt is Bolt.LOCKED:
            self.happened(Event.FORCED)

    def measured(self, battery: int) -> None:
        """Take over the battery in percent."""
        was_low, self.battery = self.state.battery_low, battery
        if self.state.battery_low is not was_low:
            self.happened(Event.LOW_BATTERY)

    def happened(self, event: Event, *, detail: int = 0) -> None:
        """Record tamper, wrong codes, a boot and the like; some of it is an alarm."""
        if event in _ALARMS:
            self.alarm = True
        self.record(event, Cause(method=Method.HAND, detail=detail))

    def clear_alarm(self, cause: Cause) -> None:
        """End a latched alarm."""
        if self.alarm:
            self.alarm = False
            self.record(Event.ALARM_CLEARED, cause)

    def tick(self) -> None:
        """Lock again when it is time and the door allows it."""
        if (
            self._relock_at is not None
            and self._clock.uptime >= self._relock_at
            and not self.moving
            and not (self._relock_needs_door and self.door in {Door.OPEN, Door.AJAR})
        ):
            self.operate(Operation.LOCK, Cause(method=Method.AUTO_LOCK))

    @property
    def next_deadline(self) -> int | None:
        """The uptime at which the bolt goes back by itself, None if only a door is missing."""
        at = self._relock_at
        return at if at is not None and at > self._clock.uptime else None

    def take_settings(self, own: Ownership) -> None:
        """Take over the configuration in force."""
        self._relock_default = own.config[Parameter.AUTO_RELOCK]
        self._relock_needs_door = bool(own.config[Parameter.RELOCK_NEEDS_DOOR])

    def _finish(self, operation: Operation, cause: Cause) -> None:
        """Record where the bolt has come to rest."""
        self._cause = None
        self._relock_at = None
        delay = cause.relock or self._relock_default
        if self.bolt in _RELEASED and delay:
            self._relock_at = self._clock.uptime + delay
        jammed = self.bolt is Bolt.JAMMED
        self.record(Event.JAM if jammed else Event(operation), cause)
