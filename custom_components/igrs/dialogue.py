"""One connection and what is said on it: the driver decides, this module carries.

The driver is sans-IO (igrs_codec.driver); here it meets the link, the clock, and the RAS, of
which it may want a ticket or the time (project profile, protocol 12).
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
import time
from typing import Final, Self

from homeassistant.core import HomeAssistant

from .answers import Exchange, Json
from .igrs_codec.bsld.frame import MAX_U16, Command, Event as LogEvent, Operation, Record
from .igrs_codec.bsld.session import Answered, Moved, Recorded, Versioned
from .igrs_codec.bsld.values import Version
from .igrs_codec.driver import (
    Event,
    Failed,
    Failure,
    FlightDone,
    HelloSeen,
    LockLink,
    NeedTicket,
    NeedTime,
    ReadInfo,
    Step,
)
from .link import Link, LinkLostError
from .ras import GatewayClient
from .ras_errors import RasError
from .timeline import Stage, note

ANSWER_SECONDS: Final = 2  # for the answer to a queued frame
LOG_SIZE: Final = 256  # records that a lock keeps at least
LOG_BATCH: Final = 16  # records in an answer

_NOTHING: Final = Step((), (), close=False)
_GONE: Final = Failed(Failure.LINK_LOST, unanswered=False, reconnect=True)


class FailedError(Exception):
    """The driver gave a request up."""

    def __init__(self, failed: Failed) -> None:
        """Keep why."""
        super().__init__(failed.reason)
        self.failed = failed


class Dialogue:
    """A driven link.

    heard gets every event; helped is asked for what the RAS has to help with, and returns
    the driver's next step. unanswered says that an operation may still be executed, spent that
    the RAS has seen the HELLO and takes it no second time: what needs that takes another link.
    """

    hello: HelloSeen

    def __init__(
        self,
        link: Link,
        driver: LockLink,
        ras: GatewayClient,
        heard: Callable[[Event], None],
        helped: Callable[[Dialogue, NeedTicket | NeedTime], Awaitable[Step]],
    ) -> None:
        """Take over a link that is connected and subscribed."""
        self.driver = driver
        self.closed = False
        self.unanswered = False
        self.spent = False
        self.counter: int | None = None
        self._link = link
        self._ras = ras
        self._heard = heard
        self._helped = helped

    @classmethod
    async def async_open(
        cls,
        hass: HomeAssistant,
        address: str,
        name: str,
        *,
        driver: LockLink,
        ras: GatewayClient,
        heard: Callable[[Event], None] = lambda _: None,
        helped: Callable[[Dialogue, NeedTicket | NeedTime], Awaitable[Step]] | None = None,
    ) -> Self:
        """Connect and wait for the HELLO; raise LockError or FailedError."""
        dialogue = cls(await Link.open(hass, address, name), driver, ras, heard, helped or _no_help)
        try:
            await dialogue._async_until(driver.start(time.time()), HelloSeen)
            note(Stage.GREETED)
        except BaseException:
            await dialogue.async_close()
            raise
        return dialogue

    async def async_operate(self, operation: Operation) -> Answered:
        """Lock, unlock or open, and return the lock's answer."""
        self._check_open()
        self.unanswered = True
        answered = await self._async_until(
            self.driver.operate(operation, 0, time.time()),
            Answered,
            lambda event: event.command is Command.OPERATE,
        )
        self.unanswered = False
        note(Stage.ANSWERED)
        return answered

    async def async_moved(self) -> Moved:
        """Return the final state after a movement."""
        moved = await self._async_until(_NOTHING, Moved)
        note(Stage.MOVED)
        return moved

    async def async_status(self) -> Answered:
        """Return the state of the lock."""
        self._check_open()
        return await self._async_until(
            self.driver.query(Command.STATUS, 0, time.time()),
            Answered,
            lambda event: event.command is Command.STATUS,
        )

    async def async_version(self) -> Version:
        """Return what the lock is and can do."""
        self._check_open()
        step = self.driver.query(Command.VERSION, 0, time.time())
        return (await self._async_until(step, Versioned)).version

    async def async_log(self, first: int | None) -> list[Record]:
        """Return the records from a number (u16) on, oldest first; None for all there are.

        A link that breaks in between ends them; what came before that is as true as the rest.
        """
        if first is None:
            newest = self.counter
            if newest is None:
                newest = (await self.async_status()).counter
            first = (newest - LOG_SIZE + 1) & MAX_U16
        records: list[Record] = []
        try:
            while await self._async_more_of_log(first, records) == LOG_BATCH:
                first = (records[-1].number + 1) & MAX_U16
        except FailedError:
            if not records:
                raise
        return records

    async def _async_more_of_log(self, first: int, records: list[Record]) -> int:
        """Take up to 16 records as they come, and return how many there were."""
        self._check_open()
        before = len(records)

        def is_last(event: Recorded) -> bool:
            if event.command is not Command.LOG:
                return False
            if event.record.event is not LogEvent.NONE:
                records.append(event.record)
            return not event.more

        step = self.driver.query(Command.LOG, first, time.time())
        await self._async_until(step, Recorded, is_last)
        return len(records) - before

    async def async_carry_out(self, begun: Awaitable[Exchange]) -> Json:
        """Carry what the RAS begins under the present HELLO; raise FailedError or RasError."""
        self.spent = True
        result = await self._async_exchange(await begun)
        self.spent = False
        return result

    async def _async_exchange(self, exchange: Exchange) -> Json:
        """Carry packets for the RAS until it is done."""
        while not exchange.done:
            try:
                flown = await self._async_flight(
                    exchange.packets, exchange.expect, exchange.timeout_s
                )
            except FailedError:
                with suppress(RasError):  # nobody is to wait for what will not come
                    await self._ras.exchange_step(exchange.exchange_id)
                raise
            exchange = await self._ras.exchange_step(
                exchange.exchange_id, flown.notifications, hello=flown.hello
            )
        return exchange.result or {}

    async def async_deliver(self, packet: bytes) -> tuple[bytes, ...]:
        """Carry a queued frame and return the notifications that answer it.

        A new HELLO may follow, or not; INFO tells, because it is read after the answer.
        """
        flown = await self._async_flight((packet,), 1, ANSWER_SECONDS)
        info = await self._async_info()
        if info.events:
            await self._async_until(info, HelloSeen)
        note(Stage.DELIVERED)
        return flown.notifications

    def go_on(self) -> Step:
        """Go on with the request that waited for the RAS; raise FailedError if the link went."""
        self._check_open()
        return self.driver.go_on(time.time())

    async def async_idle(self) -> None:
        """Listen until the driver or the lock closes the link."""
        with suppress(FailedError):
            await self._async_until(_NOTHING, Failed)

    async def async_close(self) -> None:
        """Hang up; an operation without an answer leaves the bolt in doubt."""
        self.driver.close()
        await self._async_hang_up()

    async def _async_flight(
        self, packets: tuple[bytes, ...], expect: int, seconds: float
    ) -> FlightDone:
        self._check_open()
        step = self.driver.flight(packets, expect, seconds, time.time())
        return await self._async_until(step, FlightDone)

    async def _async_until[E](
        self, step: Step, kind: type[E], which: Callable[[E], bool] = lambda _: True
    ) -> E:
        """Do what the driver says until the event comes; raise FailedError if it cannot."""
        while True:
            step = await self._async_write(step)
            following, found, failed = None, None, None
            for event in step.events:
                match event:
                    case ReadInfo():
                        following = await self._async_info()
                    case NeedTicket() | NeedTime(urgent=True):
                        following = await self._helped(self, event)
                    case Failed():
                        failed = event
                    case _:
                        self._take(event)
                        if isinstance(event, kind) and which(event):
                            found = event
            if step.close:
                await self._async_hang_up()
            if found is not None:
                return found
            if failed is not None or self.closed:
                raise FailedError(failed or _GONE)
            step = following or await self._async_next()

    async def _async_write(self, step: Step) -> Step:
        """Write what a step says; a link that is gone adds its own events."""
        try:
            if step.writes:
                await self._link.write(*step.writes)
        except LinkLostError:
            lost = self.driver.lost()
            return Step((), step.events + lost.events, close=True)
        return step

    async def _async_next(self) -> Step:
        """Return what a notification, or time, makes the driver do."""
        deadline = self.driver.deadline
        try:
            packet = await self._link.receive(
                None if deadline is None else max(0.0, deadline - time.time())
            )
        except TimeoutError:
            return self.driver.tick(time.time())
        except LinkLostError:
            return self.driver.lost()
        return self.driver.feed(packet, time.time())

    async def _async_info(self) -> Step:
        try:
            packet = await self._link.info()
        except LinkLostError:
            return self.driver.lost()
        return self.driver.feed(packet, time.time())

    def _take(self, event: Event) -> None:
        match event:
            case HelloSeen():
                self.hello = event
            case Answered() | Moved() if event.state is not None:
                self.counter = event.counter
            case Recorded(command=Command.EVENT):
                self.counter = None  # the state has changed since
            case _:
                pass
        self._heard(event)

    def _check_open(self) -> None:
        """Raise FailedError while nothing was written, if nothing can be."""
        if self.closed or not self._link.connected:
            raise FailedError(_GONE)

    async def _async_hang_up(self) -> None:
        self.closed = True
        await self._link.close()


async def _no_help(_: Dialogue, need: NeedTicket | NeedTime) -> Step:
    """Never called: without a request of its own a driver needs nothing."""
    raise AssertionError(need)
