"""A smart lock (BSLD) in software: the codec's lock role with a body around it.

The radio carries packets in and out; `on_notify`, `on_close` and `on_advert` are its
hooks. The other methods are what a person at the door can do.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from igrs_codec.bsld.frame import Bolt, Capability, Door, LockState, Method, Operation, is_battery
from igrs_codec.bsld.lock import Lock
from igrs_codec.bsld.lock_door import MOVING
from igrs_codec.bsld.lock_entropy import Random
from igrs_codec.bsld.lock_links import Close, Effect, Notify
from igrs_codec.bsld.lock_memory import entries
from igrs_codec.bsld.lock_state import ALL_CAPABILITIES, Identity

from .flash import Flash
from .motor import Motor

AJAR_SECONDS: Final = 180.0  # a door open for longer is left open
_NEW: Final = LockState(bolt=Bolt.LOCKED, door=Door.CLOSED)


class ReferenceLock:
    """One lock. clock counts seconds from any moment on; rng returns random bytes.

    device is 6 bytes, k_f 16 bytes. motor_seconds 0 means a bolt that moves at once;
    a lock without door sensor has no DOOR_SENSOR among its capabilities.

    A link number stays taken until `disconnect`, which every link gets once, also one
    that the lock itself has closed.
    """

    def __init__(
        self,
        flash: Flash,
        *,
        device: bytes,
        k_f: bytes,
        clock: Callable[[], float],
        rng: Random,
        motor_seconds: float = 0.0,
        battery: int = 100,
        capabilities: Capability = ALL_CAPABILITIES,
        max_links: int = 2,
    ) -> None:
        self.device = device
        self.on_notify: Callable[[int, bytes], None] = _nothing
        self.on_close: Callable[[int], None] = _nothing
        self.on_advert: Callable[[], None] = _nothing
        self._flash = flash
        self._clock = clock
        self._rng = rng
        self._battery = battery
        self._identity = Identity(
            device=device, k_f=k_f, capabilities=capabilities, max_links=max_links
        )
        before = _last_state(flash)
        self._motor = Motor(clock, seconds=motor_seconds, position=before.bolt)
        self._door = before.door if Capability.DOOR_SENSOR in capabilities else Door.NO_SENSOR
        self._ajar_at: float | None = None
        self._links: set[int] = set()
        self._lost: set[int] = set()
        """Links of before a power loss whose end the radio has not reported yet."""
        self._queue: deque[Effect] = deque()
        self._busy = False
        self._boot()

    @property
    def advert_interval(self) -> int:
        """Milliseconds between advertisements."""
        return self._role.advert_interval

    @property
    def state(self) -> LockState:
        """Bolt, door, battery low, alarm and clock unset."""
        return self._role.state

    def show(self) -> dict[str, str | int | bool]:
        """Return what a person can know about the lock, without secrets."""
        state = self.state
        return {
            "bolt": state.bolt.name.lower(),
            "door": state.door.name.lower(),
            "battery": self._battery,
            "alarm": state.alarm,
            "generation": self._role.ownership.gen,
            "window_open": self._role.window_open,
            "clock_set": not state.clock_unset,
            "links": self._role.links,
            "events": self._role.counter,
            "fault": self._role.fault,
        }

    # The radio's side.

    def connect(self) -> int | None:
        """Take a connection in; return its link number, None if it must be cut."""
        number, effects = self._role.connect()
        if number is not None:
            self._links.add(number)
        self._carry_out(effects)
        return number

    def disconnect(self, link: int) -> None:
        """Forget a connection that is down."""
        if link in self._lost:
            self._lost.discard(link)
            return
        self._links.discard(link)
        self._carry_out(self._role.disconnect(link))

    def subscribe(self, link: int, enabled: bool) -> None:  # noqa: FBT001 - the bit itself
        """Take over the notification bit that a client wrote."""
        self._carry_out(self._role.subscribe(link, enabled=enabled))

    def write(self, link: int, data: bytes) -> None:
        """Take a packet that a client wrote to CMD."""
        self._carry_out(self._role.write(link, data))

    def read_info(self, link: int) -> bytes:
        """Return the current HELLO of a link, nothing if it has none."""
        return self._role.read_info(link)

    def service_data(self) -> bytes:
        """Return what to advertise: 10 bytes, nothing if the lock is out of order."""
        return self._role.service_data()

    def next_deadline(self) -> float:
        """Return the moment, on the given clock, at which `tick` has something to do."""
        moments = (
            self._booted_at + self._role.next_deadline,
            self._motor.stops_at,
            self._ajar_at,
        )
        return min(moment for moment in moments if moment is not None)

    def tick(self) -> None:
        """Do what is due; to be called at `next_deadline`, or each second."""
        now = self._clock()
        if self._motor.stops_at is not None and now >= self._motor.stops_at:
            self._carry_out(self._role.bolt_rests(self._motor.stop()))
        if self._ajar_at is not None and now >= self._ajar_at:
            self._ajar_at = None
            self._see_door(Door.AJAR)
        self._carry_out(self._role.tick())

    # At the door.

    def press_button(self, seconds: float) -> None:
        """Press the inside button; 10 s make the lock nobody's."""
        self._carry_out(self._role.button_pressed(seconds))

    def turn_knob(self, operation: Operation) -> None:
        """Move the bolt by hand."""
        self._motor.turn(operation)
        self._carry_out(self._role.knob_turned(operation))

    def move_door(self, open: bool) -> None:  # noqa: A002, FBT001 - what the person does
        """Open or close the door; a lock without sensor does not notice."""
        if self._door is not Door.NO_SENSOR:
            self._ajar_at = self._clock() + AJAR_SECONDS if open else None
            self._see_door(Door.OPEN if open else Door.CLOSED)

    def type_code(self, text: str) -> bool:
        """Type a code; return whether the lock took it."""
        if Capability.KEYPAD not in self._identity.capabilities:
            return False
        opened, effects = self._role.code_typed(text)
        self._carry_out(effects)
        return opened

    def show_credential(self, method: Method, number: int = 0) -> None:
        """Use a fixed code, a finger, a card or a key that the lock knows by this number."""
        self._carry_out(self._role.credential_shown(method, number))

    def set_battery(self, percent: int) -> None:
        """Drain or change the battery, or raise ValueError out of 0..100."""
        if not is_battery(percent):
            raise ValueError("a battery has 0 to 100 percent")
        self._battery = percent
        self._carry_out(self._role.battery_measured(percent))

    def tamper(self) -> None:
        """Tamper with the case."""
        self._carry_out(self._role.tampered())

    def jam_next(self) -> None:
        """Let the next movement end jammed."""
        self._motor.jam_next()

    def power_cycle(self) -> None:
        """Take the battery out and put it back: only flash and body remain."""
        self._motor.lose_power()
        self._flash.mount()
        lost, self._links = self._links, set()
        self._lost |= lost
        self._queue.clear()
        for link in sorted(lost):
            self.on_close(link)
        self._boot()
        self.on_advert()

    def _boot(self) -> None:
        self._booted_at = booted_at = self._clock()
        self._role = Lock.power_on(
            self._identity,
            self._flash,
            seconds=lambda: self._clock() - booted_at,
            random=self._rng,
            mechanism=self._motor,
            bolt=self._motor.position,
            door=self._door,
            battery=self._battery,
        )
        self._advert = self._advertised()

    def _see_door(self, door: Door) -> None:
        self._door = door
        self._carry_out(self._role.door_moved(door))

    def _carry_out(self, effects: list[Effect]) -> None:
        """Carry out effects in order, also if a hook makes the lock do more."""
        self._queue.extend(effects)
        if self._busy:
            return
        self._busy = True
        try:
            while self._queue:
                match self._queue.popleft():
                    case Notify(link, packet):
                        self.on_notify(link, packet)
                    case Close(link):
                        self.on_close(link)
        finally:
            self._busy = False
        if (advert := self._advertised()) != self._advert:
            self._advert = advert
            self.on_advert()

    def _advertised(self) -> tuple[bytes, int]:
        return self.service_data(), self.advert_interval


def _last_state(flash: Flash) -> LockState:
    """Return where the body was left when the program ended."""
    kept = entries(flash)
    state = kept[-1].state if kept else _NEW
    bolt = Bolt.UNKNOWN if state.bolt in MOVING else state.bolt
    return LockState(bolt=bolt, door=state.door)


def _nothing(*_: object) -> None:
    """Do nothing: no radio is attached."""
