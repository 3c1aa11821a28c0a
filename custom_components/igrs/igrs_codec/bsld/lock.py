"""The lock role of BSLD/1: packets in, effects out (project profile, protocol 6 to 15).

Sans-IO: time, random numbers, the motor and durable storage come in as arguments.
What has to be kept is written through `Memory` before an effect that tells of it is
returned. The caller carries the effects out in their order.
"""

from collections.abc import Callable
from typing import Final, Self

from . import lock_keypad
from .admin import Parameter
from .advert import BUCKET_SECONDS, encode, unowned
from .codes import ONCE, CodeId
from .frame import MAX_U8, MAX_U16, Bolt, Door, Event, LockState, Method, Operation, Record
from .lock_clock import LockClock
from .lock_door import Body, Cause, Mechanism
from .lock_entropy import Entropy, HedgedEntropy, Random
from .lock_keypad import Keypad
from .lock_links import Effect, Links
from .lock_log import Log
from .lock_memory import Memory, TimeEntry
from .lock_owner import Owner
from .lock_packets import Packets
from .lock_state import Identity, Ownership

RESET_SECONDS: Final = 10  # holding the inside button makes the lock nobody's
BURST_SECONDS: Final = 3600  # bursts of bad packets are recorded at most so often


class Lock:
    """One lock. Whatever happens to it returns the effects, in order."""

    def __init__(
        self,
        owner: Owner,
        clock: LockClock,
        entropy: Entropy,
        log: Log,
        mechanism: Mechanism,
        *,
        bolt: Bolt,
        door: Door,
        battery: int,
    ) -> None:
        self._owner = owner
        self._clock = clock
        self._entropy = entropy
        self._log = log
        self._body = Body(
            mechanism,
            clock,
            self._record,
            bolt=bolt,
            door=door,
            battery=battery,
            alarm=log.last_state is not None and log.last_state.alarm,
        )
        self._links = Links(owner, clock, entropy, self._bad_packets)
        self._packets = Packets(owner, clock, entropy, log=log, body=self._body, links=self._links)
        self._keypad = Keypad(clock, owner.ownership.wrong_codes)
        self._news: list[tuple[Record, object]] = []
        self._burst_at: int | None = None
        self._advert_random = entropy.advert()
        self._body.take_settings(owner.ownership)

    @classmethod
    def power_on(
        cls,
        identity: Identity,
        memory: Memory,
        *,
        seconds: Callable[[], float],
        random: Random,
        mechanism: Mechanism,
        bolt: Bolt,
        door: Door,
        battery: int,
    ) -> Self:
        """Boot: recall what was kept, and record it. seconds counts from now on."""
        times = memory.times()
        last = TimeEntry.from_bytes(times[-1]) if times else TimeEntry(0, 0)
        boot = (last.boot + 1) & MAX_U16
        clock = LockClock(seconds, last.time)
        owner = Owner.recall(identity, memory, clock)
        first = None if owner.fault else owner.ownership.first_record
        lock = cls(
            owner,
            clock,
            HedgedEntropy(identity.device, random, boot),
            Log.recall(memory, clock, first_record=first, boot=boot),
            mechanism,
            bolt=bolt,
            door=door,
            battery=battery,
        )
        lock._body.happened(Event.BOOT)
        return lock

    @property
    def fault(self) -> bool:
        """Whether no ownership record was readable: then the lock is closed to BLE."""
        return self._owner.fault

    @property
    def ownership(self) -> Ownership:
        """The ownership in force; it holds secrets."""
        return self._owner.ownership

    @property
    def clock(self) -> LockClock:
        """The lock's clock."""
        return self._clock

    @property
    def state(self) -> LockState:
        """The state byte."""
        return self._body.state

    @property
    def counter(self) -> int:
        """The event counter."""
        return self._log.counter

    @property
    def links(self) -> int:
        """The number of open links."""
        return len(self._links)

    @property
    def window_open(self) -> bool:
        """Whether the pairing window is open."""
        return self._owner.window_until is not None

    @property
    def advert_interval(self) -> int:
        """Milliseconds between advertisements."""
        return self.ownership.config[Parameter.ADVERT_INTERVAL]

    def service_data(self) -> bytes:
        """Return what to advertise (10 bytes), nothing in the state FAULT."""
        if self.fault:
            return b""
        owner, own, clock_unset = self._owner, self.ownership, not self._clock.is_set
        if not own.gen:
            return unowned(
                window_open=self.window_open,
                clock_unset=clock_unset,
                model=owner.identity.model,
                random=self._advert_random,
            )
        return encode(
            owner.k_adv,
            owner.identity.device,
            own.gen,
            state=self._body.state,
            battery=self._body.battery,
            counter=self._log.counter,
            time=None if clock_unset else self._clock.time,
        )

    @property
    def next_deadline(self) -> int:
        """The uptime in whole seconds at which `tick` has something to do."""
        uptime = self._clock.uptime
        bucket_ends = None
        if self._clock.is_set:
            bucket_ends = uptime + BUCKET_SECONDS - self._clock.time % BUCKET_SECONDS
        moments = (
            self._log.store_at,
            self._keypad.forget_at,
            self._links.next_deadline,
            self._body.next_deadline,
            self._owner.window_until,
            bucket_ends,
        )
        return min(moment for moment in moments if moment is not None)

    def connect(self) -> tuple[int | None, list[Effect]]:
        """Take a connection in; return its link number, None if it must be cut."""
        number = self._links.connect()
        return number, self._effects()

    def disconnect(self, number: int) -> list[Effect]:
        """Forget a connection that is down."""
        self._links.disconnect(number)
        return self._effects()

    def subscribe(self, number: int, *, enabled: bool) -> list[Effect]:
        """Take over the notification bit that a client wrote."""
        if (link := self._links.get(number)) is not None:
            if not enabled:
                link.falls_silent(self._clock.uptime)
            elif link.hello is None:
                self._links.say_hello(link)
        return self._effects()

    def read_info(self, number: int) -> bytes:
        """Return the current HELLO of a link, nothing if it has none."""
        link = self._links.get(number)
        return bytes(link.hello) if link and link.hello else b""

    def write(self, number: int, packet: bytes) -> list[Effect]:
        """Take a packet that a client wrote."""
        if (link := self._links.get(number)) is not None:
            self._packets.receive(link, packet)
        return self._effects()

    def tick(self) -> list[Effect]:
        """Do what is due."""
        self._links.tick()
        self._body.tick()
        if self._keypad.forgets():
            self._owner.keep(lock_keypad.forgotten(self.ownership))
        if self._clock.uptime >= self._log.store_at:
            self._log.store_time()
        return self._effects()

    def bolt_rests(self, bolt: Bolt) -> list[Effect]:
        """Take over where a slow motor has stopped, and tell who had asked for it."""
        if (cause := self._body.rests(bolt)) is not None:
            self._packets.moved(cause)
        return self._effects()

    def knob_turned(self, operation: Operation) -> list[Effect]:
        """Take over that somebody moved the bolt by hand."""
        self._body.turned(operation)
        return self._effects()

    def door_moved(self, door: Door) -> list[Effect]:
        """Take over what the door sensor says."""
        self._body.door_moved(door)
        self._body.tick()
        return self._effects()

    def battery_measured(self, percent: int) -> list[Effect]:
        """Take over the battery, 0 to 100 percent."""
        self._body.measured(percent)
        return self._effects()

    def tampered(self) -> list[Effect]:
        """Take over that somebody tampers with the lock."""
        self._body.happened(Event.TAMPER)
        return self._effects()

    def button_pressed(self, seconds: float) -> list[Effect]:
        """Take over the inside button.

        Held for 10 s it makes the lock nobody's. Else it opens the pairing window of an
        unowned lock, and moves the bolt of an owned one.
        """
        if seconds >= RESET_SECONDS:
            self._reset()
        elif self.ownership.gen:
            self._body.toggle(Cause(method=Method.INSIDE_BUTTON))
        elif not self.fault:
            self._owner.open_window()
            self._advert_random = self._entropy.advert()
        return self._effects()

    def code_typed(self, text: str) -> tuple[bool, list[Effect]]:
        """Take an entry of the keypad; return whether it was a right code."""
        own = self.ownership
        if not self._keypad.listens(own) or self._body.moving:
            return False, []
        code = lock_keypad.find(own, text, self._clock.time if self._clock.is_set else None)
        if code is None:
            self._code_was_wrong()
        else:
            self._owner.keep(lock_keypad.accepted(own, code))
            self._body.operate(Operation.UNLOCK, _cause_of(code))
        return code is not None, self._effects()

    def credential_shown(self, method: Method, number: int) -> list[Effect]:
        """Take over that the lock knew a fixed code, a finger, a card or a key (0..255).

        How the lock came to know them is its maker's business; they unlock.
        """
        if not self._body.moving:
            self._body.operate(Operation.UNLOCK, Cause(method=method, detail=number & MAX_U8))
        return self._effects()

    def _code_was_wrong(self) -> None:
        self._owner.keep(lock_keypad.refused(self.ownership))
        tries = self.ownership.wrong_codes
        self._keypad.was_wrong(tries)
        if lock_keypad.reaches_step(tries):
            self._body.happened(Event.WRONG_CODES, detail=tries)

    def _reset(self) -> None:
        self._owner.abandon(self._log.next_number)
        self._owner.close_window()
        self._log.wipe()
        self._links.close_others(None)

    def _bad_packets(self) -> None:
        now = self._clock.uptime
        if self._burst_at is None or now - self._burst_at >= BURST_SECONDS:
            self._burst_at = now
            self._body.happened(Event.BAD_PACKETS)

    def _record(self, event: Event, cause: Cause) -> None:
        record = self._log.append(
            event, self._body.state, uid=cause.uid, method=cause.method, detail=cause.detail
        )
        self._news.append((record, cause.origin))

    def _effects(self) -> list[Effect]:
        """Return all effects: answers first, then what others are told."""
        news, self._news = self._news, []
        for record, origin in news:
            self._packets.tell(record, origin)
        self._body.take_settings(self.ownership)
        return self._links.take_effects()


def _cause_of(code: CodeId) -> Cause:
    if code.code_class == ONCE:
        return Cause(method=Method.ONE_TIME_CODE, detail=code.start & MAX_U8)
    return Cause(method=Method.TIMED_CODE, detail=code.code_class << 4 | code.code_index)
