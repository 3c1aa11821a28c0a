"""Exchanges: flows that wait for a gateway between their steps (project profile, section 5.1).

An exchange lives in memory only, for 30 s. What it must not forget was stored before it was sent.
"""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Final

from aiohttp import web

from igrs_codec.bsld.packet import Hello

from ..errors import Code, RasError
from .flows import Flight, Flow, Link, Reply, accept, result
from .locks import Lock, Locks

LIFE: Final = 30
"""Seconds that an exchange lives."""
LEASE_WAIT: Final = 3
"""Seconds that a gateway waits for the lease of a lock."""

type Start = Callable[[Link], Flow[dict[str, Any]]]
type Finish = Callable[[dict[str, Any]], dict[str, Any]]


class Lease(Enum):
    """How an exchange stands to the lease of its lock: one at a time has it."""

    NONE = auto()
    DUE = auto()
    """It is taken when the first answer comes, and kept to the end."""
    HELD = auto()


class Exchange:
    """One exchange: a flow that has not begun, waits for a gateway, or is done."""

    def __init__(
        self,
        locks: Locks,
        lock: Lock,
        *,
        gateway_id: str,
        start: Start,
        finish: Finish,
        lease: Lease = Lease.NONE,
    ) -> None:
        """Hold a flow for a gateway; it begins with a HELLO."""
        self.id = locks.new_id("x")
        self.lock = lock
        self.gateway_id = gateway_id
        self.done = asyncio.Event()
        self.began = False
        self.lease = lease
        self.turn = asyncio.Lock()
        """For the step that takes the lease."""
        self.result: dict[str, Any] | None = None
        self._locks = locks
        self._start = start
        self._finish = finish
        self._flow: Flow[dict[str, Any]] | None = None
        self._last: tuple[str, dict[str, Any]] | None = None

    def begin(self, hello: Hello) -> dict[str, Any]:
        """Begin under a HELLO, and return the first flight; raise what prevents it."""
        accept(self.lock, hello, self._locks.moment)
        self.began = True
        self._flow = self._start(Link(self.lock, hello, self._locks.moment, self.gateway_id))
        try:
            return self._told(next(self._flow))
        except StopIteration as stop:
            return self._end(stop.value)

    def step(self, mid: str, reply: Reply) -> dict[str, Any]:
        """Go on with what came back; the same mid gets the same answer."""
        if self._last is not None and self._last[0] == mid:
            return self._last[1]
        answer = self._begin_or_go_on(reply)
        self._last = mid, answer
        return answer

    def _begin_or_go_on(self, reply: Reply) -> dict[str, Any]:
        if self.result is not None:
            return self._told(None)
        try:
            if self._flow is not None:
                return self._told(self._flow.send(reply))
            return self.begin(_required(reply.hello))
        except StopIteration as stop:
            return self._end(stop.value)
        except RasError as err:
            return self._end(result(err.code, **err.data))

    def cancel(self, code: Code) -> None:
        """End the exchange, if it has not ended."""
        if self.result is None:
            self._end(result(code))

    def _end(self, outcome: dict[str, Any]) -> dict[str, Any]:
        if self._flow is not None:
            self._flow.close()
        if self.lease is Lease.HELD:
            self.lock.lease.release()
        self.lease = Lease.NONE
        self.result = self._finish(outcome)
        self.done.set()
        return self._told(None)

    def _told(self, flight: Flight | None) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "exchange_id": self.id,
            "packets": [] if flight is None else [packet.hex() for packet in flight.packets],
            "expect": 0 if flight is None else flight.expect,
            "timeout_s": 0 if flight is None else flight.timeout,
            "done": flight is None,
        }
        if self.result is not None:
            answer["result"] = self.result
        return answer


def _required(hello: Hello | None) -> Hello:
    if hello is None:
        raise RasError(Code.MALFORMED, "A HELLO is needed", errors=[("/hello", "missing")])
    return hello


class Exchanges:
    """The exchanges that are under way."""

    def __init__(self, locks: Locks) -> None:
        """Begin with none."""
        self._locks = locks
        self._exchanges: dict[str, Exchange] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._resting: dict[str, int] = {}

    @property
    def under_way(self) -> list[Exchange]:
        """Return the exchanges that have begun and not ended."""
        return [
            exchange
            for exchange in self._exchanges.values()
            if exchange.began and exchange.result is None
        ]

    async def open(
        self,
        lock: Lock,
        *,
        gateway_id: str,
        start: Start,
        finish: Finish = lambda outcome: outcome,
        lease_wait: float = LEASE_WAIT,
        claims: bool = False,
    ) -> Exchange:
        """Open an exchange under the lease of its lock, or raise 2006 if that is not free.

        One that `claims` a lock of somebody else, or of nobody, begins without the lease: whoever
        knows an identifier can say that he stands before that lock.
        """
        if (wait := self._resting.get(lock.id, 0) - self._locks.moment) > 0:
            raise RasError(
                Code.BUSY, "A packet of before the restart may be on its way", retry_after=int(wait)
            )
        if not claims:
            await _acquire(lock, lease_wait)
        return self.add(
            Exchange(
                self._locks,
                lock,
                gateway_id=gateway_id,
                start=start,
                finish=finish,
                lease=Lease.DUE if claims else Lease.HELD,
            )
        )

    async def step(self, exchange: Exchange, mid: str, reply: Reply) -> dict[str, Any]:
        """Go on with what came back, or raise 2006 if the lease that is due is not free."""
        async with exchange.turn:
            if exchange.lease is Lease.DUE:
                await _acquire(exchange.lock, LEASE_WAIT)
                if exchange.result is None:
                    exchange.lease = Lease.HELD
                else:  # it ended in the meantime
                    exchange.lock.lease.release()
        return exchange.step(mid, reply)

    def rest(self, device_id: str, until: int) -> None:
        """Open nothing for a lock before a time (Unix seconds)."""
        self._resting[device_id] = max(until, self._resting.get(device_id, 0))

    def add(self, exchange: Exchange) -> Exchange:
        """Keep an exchange for its life."""
        self._exchanges[exchange.id] = exchange
        loop = asyncio.get_running_loop()
        self._timers[exchange.id] = loop.call_later(LIFE, self._expire, exchange)
        return exchange

    def close(self) -> None:
        """End all exchanges: the server stops."""
        for exchange in list(self._exchanges.values()):
            self._timers[exchange.id].cancel()
            self._expire(exchange)

    def begin(self, exchange: Exchange, hello: Hello) -> dict[str, Any]:
        """Begin an exchange and return its first flight; what prevents it ends it."""
        try:
            return exchange.begin(hello)
        except RasError as err:
            exchange.cancel(err.code)
            raise

    def get(self, exchange_id: str) -> Exchange:
        """Return an exchange, or raise 4005."""
        if (exchange := self._exchanges.get(exchange_id)) is None:
            raise RasError(Code.UNKNOWN, "There is no such exchange")
        return exchange

    def _expire(self, exchange: Exchange) -> None:
        exchange.cancel(Code.DEVICE_TIMEOUT)
        del self._exchanges[exchange.id], self._timers[exchange.id]


async def _acquire(lock: Lock, wait: float) -> None:
    try:
        async with asyncio.timeout(wait):
            await lock.lease.acquire()
    except TimeoutError:
        raise RasError(Code.BUSY, "Another exchange with this lock is under way") from None


EXCHANGES: Final = web.AppKey("exchanges", Exchanges)
