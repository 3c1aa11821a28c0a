"""The way to one lock: a queue of what is asked of it, and a connection that is kept a while.

One thing at a time for each lock, each within its own deadline. Whatever goes wrong leaves
this module as a LockError that says why, or as a RasError.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
import os
import time
from typing import Final, NamedTuple

from homeassistant.core import HomeAssistant

from .answers import Exchange, PendingFrame, Tickets
from .const import LOGGER
from .dialogue import Dialogue, FailedError
from .errors import LockError, Reason, given_up, not_done
from .igrs_codec.bsld.driver import BsldLink
from .igrs_codec.bsld.frame import MAX_U16, Bolt, Command, Operation, Record, Right, Status
from .igrs_codec.bsld.session import Answered, HelloMemory, Moved, Recorded
from .igrs_codec.bsld.ticket import Ticket
from .igrs_codec.bsld.tracker import Tracker, clock_agrees
from .igrs_codec.driver import Event, Failure, NeedTicket, NeedTime, Step, TicketTrouble
from .link import explained, is_full
from .observer import Observer
from .ras import GatewayClient
from .ras_errors import RasError
from .storage import LockMemory
from .timeline import Stage, note

DEADLINE: Final = 20  # seconds for one thing, everything included
ASK_RAS_TIMEOUT: Final = 5  # seconds; the lock hangs up 10 s after its HELLO
RECONNECT_DELAY: Final = 1  # seconds after a HELLO that may be a replay
MOVING_PAUSE: Final = 0.5  # seconds until a bolt that moves is looked at again
TICKET_RIGHTS: Final = ("lock", "unlock", "open", "log")
TICKET_TTL: Final = 86400  # seconds; renewed long before (protocol 15)

_TRIES: Final = 2
_MOVING: Final = frozenset({Bolt.LOCKING, Bolt.UNLOCKING})
_ENDS: Final = {
    Operation.LOCK: {Bolt.LOCKED, Bolt.JAMMED},
    Operation.UNLOCK: {Bolt.UNLOCKED, Bolt.JAMMED},
    Operation.OPEN: {Bolt.OPEN, Bolt.UNLOCKED, Bolt.JAMMED},
}


class Done(NamedTuple):
    """An operation that was done: the number of its record (u16), and of the ticket used."""

    number: int
    credential: str


class Carrier:
    """The one way to one lock."""

    def __init__(
        self,
        hass: HomeAssistant,
        *,
        ras: GatewayClient,
        memory: LockMemory,
        tracker: Tracker,
        device_id: str,
        address: str,
        name: str,
        observer: Observer,
    ) -> None:
        """Prepare; nothing is connected before something is asked."""
        self.pending: list[PendingFrame] = []
        self._hass = hass
        self._ras = ras
        self._memory = memory
        self._tracker = tracker
        self._device_id = device_id
        self._address = address
        self._name = name
        self._observer = observer
        self._hellos = HelloMemory()
        self._queue = asyncio.Lock()
        self._turns: set[asyncio.Timeout] = set()  # that run or wait
        self._closed = False
        self._asked_version = False  # since Home Assistant started
        self._operations = 0  # from here, that run or wait; the RAS sends one after the other
        self._dialogue: Dialogue | None = None
        self._person: str | None = None  # for whom the session of the dialogue is
        self._lingering: asyncio.Task[None] | None = None
        self._refusal: RasError | None = None
        self._delivered = b""  # the queued frame that was answered last

    async def async_operate(self, operation: Operation, person: str | None = None) -> Done:
        """Lock, unlock or open, and wait for the end of the movement; or raise LockError.

        It is done with the tickets of the person, or those of the household.
        """
        async with self._turn(operates=True):
            await self._async_become(person)
            result: Answered | Moved = await self._async_say(lambda it: it.async_operate(operation))
            if result.status is Status.OK and result.state and result.state.bolt in _MOVING:
                result = await self._async_end_of_movement(operation, result.counter)
            if result.status is not Status.OK:
                raise not_done(result.status)
            if result.state and result.state.bolt is Bolt.JAMMED:
                raise LockError(Reason.JAMMED)
            return Done(result.counter, self._credential)

    async def _async_end_of_movement(self, operation: Operation, counter: int) -> Answered | Moved:
        """Return how the movement ended that the lock said had begun, at this event counter.

        If the link goes meanwhile the state tells, unless something else has happened as well.
        """
        try:
            return await self._async_say(Dialogue.async_moved, tries=1)
        except FailedError as err:
            LOGGER.debug("%s: the link is gone while the bolt moves: %s", self._name, err)
        try:
            while True:
                now = await self._async_say(Dialogue.async_status)
                if now.state is None or now.state.bolt not in _MOVING:
                    break
                await asyncio.sleep(MOVING_PAUSE)
        except (FailedError, LockError) as err:
            self._tracker.doubt()
            raise LockError(Reason.OUTCOME_UNKNOWN) from err
        ends = now.state is not None and now.state.bolt in _ENDS[operation]
        if not ends or now.counter != (counter + 1) & MAX_U16:
            raise LockError(Reason.OUTCOME_UNKNOWN)
        return now

    async def async_learn(self, first: int | None) -> list[Record]:
        """Read the state, once the version, and the log; or raise LockError.

        first is the number of the oldest record wanted, None for all there are.
        """
        async with self._turn():
            if not any(Right.LOG in ticket.rights for ticket in self._tickets.values()):
                await self._async_become(None)
            return await self._async_say(lambda it: self._async_learn(it, first))

    async def async_relay(self, exchange_id: str, accept: Callable[[], Awaitable[None]]) -> None:
        """Accept a remote operation and carry it; raise LockError or RasError.

        The RAS makes all packets, under a HELLO that is its own (project profile, API 5).
        """
        if self._operations:
            raise LockError(Reason.BUSY)
        async with self._turn():
            await accept()
            await self._async_hang_up()
            dialogue = await self._async_open()
            try:
                hello = dialogue.hello.packet
                await dialogue.async_carry_out(self._ras.exchange_step(exchange_id, hello=hello))
            finally:
                dialogue.spent = True

    async def async_set_time(self) -> None:
        """Let the RAS set the lock's clock; raise LockError or RasError."""
        await self._async_carry_out(self._ras.time)

    async def async_deliver(self) -> None:
        """Let the RAS tell the lock what is due; raise LockError or RasError."""
        await self._async_carry_out(self._ras.deliver)

    async def _async_carry_out(self, begin: Callable[[str, bytes], Awaitable[Exchange]]) -> None:
        """Carry an exchange that begins with a HELLO of this moment."""
        async with self._turn():
            await self._async_hang_up()  # frames are bound to a HELLO of the last 30 s
            dialogue = await self._async_open()
            await dialogue.async_carry_out(begin(self._device_id, dialogue.hello.packet))

    async def async_rest(self) -> None:
        """Hang up, unless something is under way."""
        if not self._queue.locked():
            async with self._queue:
                await self._async_stop_lingering()
                await self._async_hang_up()

    async def async_close(self) -> None:
        """Hang up for good: whatever is under way, or waits, ends now."""
        self._closed = True
        for turn in self._turns:
            if not turn.expired():
                turn.reschedule(self._hass.loop.time())
        async with self._queue:
            await self._async_stop_lingering()
            await self._async_hang_up()

    @asynccontextmanager
    async def _turn(self, *, operates: bool = False) -> AsyncGenerator[None]:
        """Wait for a turn, and let nothing but LockError and RasError out."""
        late = LockError(Reason.BUSY)
        if self._closed:
            raise late
        self._operations += operates
        turn = asyncio.timeout(DEADLINE)
        self._turns.add(turn)
        try:
            async with turn, self._queue:
                await self._async_stop_lingering()
                note(Stage.TURN)
                self._refusal = None
                try:
                    yield
                except FailedError, asyncio.CancelledError:
                    late = self._late()
                    await self._async_hang_up()
                    raise
                finally:
                    self._linger()
        except FailedError as err:
            raise given_up(err.failed, self._refusal) from err
        except TimeoutError as err:
            raise late from err
        finally:
            self._turns.discard(turn)
            self._operations -= operates

    async def _async_say[T](
        self, say: Callable[[Dialogue], Awaitable[T]], *, tries: int = _TRIES
    ) -> T:
        """Say something, on a new link once more where the protocol allows it."""
        while True:
            tries -= 1
            try:
                return await say(await self._async_open_if_closed())
            except FailedError as err:
                await self._async_hang_up()
                if not tries or not err.failed.reconnect:
                    raise
                LOGGER.debug("%s: %s, connecting again", self._name, err)
                if err.failed.reason is Failure.HELLO_REFUSED:
                    await asyncio.sleep(RECONNECT_DELAY)
                elif err.failed.reason is Failure.ERROR:
                    await self._async_renew_tickets()

    @property
    def _tickets(self) -> dict[int, Ticket]:
        return self._memory.of(self._person)

    @property
    def _credential(self) -> str:
        """The number of the ticket that the session rests on."""
        if self._dialogue is None:
            return ""
        ticket = self._tickets.get(self._dialogue.hello.hello.gen)
        return "" if ticket is None else str(ticket.tid)

    async def _async_become(self, person: str | None) -> None:
        """Speak for a person, or for the household: a session is for one of them only."""
        if person != self._person:
            await self._async_hang_up()
            self._person = person

    async def _async_open_if_closed(self) -> Dialogue:
        """Return the link that is kept, or a new one on which queued frames went first."""
        if self._dialogue is not None and not self._dialogue.closed:
            return self._dialogue
        dialogue = await self._async_open()
        await self._async_deliver(dialogue)
        return dialogue

    async def _async_open(self) -> Dialogue:
        self._dialogue = None  # one that is over says nothing of this one
        if is_full(self._hass, self._address):
            await self._observer.make_room()
        driver = BsldLink(self._tickets, self._hellos, self._tracker, os.urandom)
        self._dialogue = await Dialogue.async_open(
            self._hass,
            self._address,
            self._name,
            driver=driver,
            ras=self._ras,
            heard=self._heard,
            helped=self._async_help,
        )
        return self._dialogue

    async def _async_deliver(self, dialogue: Dialogue) -> None:
        for frame in tuple(self.pending):
            if frame.packet != self._delivered and frame.not_after > time.time():
                notifications = await dialogue.async_deliver(frame.packet)
                if not notifications:
                    continue  # it stays for the next connection
                self._delivered = frame.packet
                self._observer.delivered(notifications)
            self.pending = [other for other in self.pending if other is not frame]

    async def _async_learn(self, dialogue: Dialogue, first: int | None) -> list[Record]:
        if dialogue.counter is None or not self._tracker.knows(time.time()):
            await dialogue.async_status()
        if not self._asked_version:
            self._memory.version = await dialogue.async_version()
            self._asked_version = True
        return await dialogue.async_log(first)

    # What the driver asks and tells

    async def _async_help(self, dialogue: Dialogue, need: NeedTicket | NeedTime) -> Step:
        """Ask the RAS, or let the driver go on without."""
        try:
            async with asyncio.timeout(ASK_RAS_TIMEOUT):
                if isinstance(need, NeedTime):
                    await dialogue.async_carry_out(self._ras.time(self._device_id, need.hello))
                else:
                    await self._async_replace_tickets(dialogue, need.trouble)
        except RasError as err:
            LOGGER.debug("%s: the RAS does not help: %s", self._name, err)
            self._refusal = err
        except TimeoutError:
            LOGGER.debug("%s: the RAS does not answer in time", self._name)
        note(Stage.HELPED)
        return dialogue.go_on()

    async def _async_renew_tickets(self) -> None:
        """Fetch new tickets if the RAS is there: those in use may be of another key."""
        try:
            async with asyncio.timeout(ASK_RAS_TIMEOUT):
                self._observer.keep(await self._async_fetch(), self._person)
        except (RasError, TimeoutError) as err:
            LOGGER.debug("%s: no new tickets: %r", self._name, err)

    async def _async_replace_tickets(self, dialogue: Dialogue, trouble: TicketTrouble) -> None:
        """Fetch new tickets; the RAS may first have to learn the lock's epoch."""
        await self._observer.reported()
        tickets = await self._async_fetch()
        refused = {ticket.epoch for ticket in self._tickets.values()}
        if trouble is TicketTrouble.EPOCH and any(it["epoch"] in refused for it in tickets.tickets):
            await self._async_fetch(trouble)
            self.pending = await self._ras.pending(self._device_id)
            await self._async_deliver(dialogue)
            await self._observer.reported()
            tickets = await self._async_fetch()
        self._observer.keep(tickets, self._person)

    async def _async_fetch(self, trouble: TicketTrouble | None = None) -> Tickets:
        return await self._ras.tickets(
            self._device_id, TICKET_RIGHTS, TICKET_TTL, reason=trouble, person=self._person
        )

    def _heard(self, event: Event) -> None:
        """Tell the observer what matters to it."""
        match event:
            case Answered() | Moved():
                if event.state is None:
                    return
                if not event.state.clock_unset and clock_agrees(event.time, time.time()):
                    self._observer.clock_agreed()
                self._observer.state_answered()
            case NeedTime():
                self._observer.clock_wrong()
            case Recorded(command=Command.EVENT):
                self._observer.log_grew()
            case _:
                pass

    # The link between turns

    def _linger(self) -> None:
        """Keep the link for the next request, as long as the driver says, if it is good for one."""
        dialogue = self._dialogue
        if dialogue is not None and not dialogue.closed:
            self._lingering = self._hass.async_create_background_task(
                dialogue.async_close() if dialogue.spent else dialogue.async_idle(),
                f"{self._name} lingers",
            )

    async def _async_stop_lingering(self) -> None:
        if self._lingering is not None:
            if self._dialogue is not None and not self._dialogue.closed:
                self._lingering.cancel()  # else it hangs up, which is not to be cut short
            await asyncio.wait([self._lingering])
            self._lingering = None

    async def _async_hang_up(self) -> None:
        if self._dialogue is not None:
            dialogue, self._dialogue = self._dialogue, None
            await dialogue.async_close()
            if dialogue.unanswered:
                self._observer.state_answered()

    def _late(self) -> LockError:
        """Return what a deadline that passes now means."""
        dialogue = self._dialogue
        if dialogue is None:
            return explained(self._hass, self._address, Reason.NOT_CONNECTED)
        return LockError(Reason.OUTCOME_UNKNOWN if dialogue.unanswered else Reason.NO_ANSWER)
