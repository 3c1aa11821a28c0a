"""An operation on its way: gateways are asked one after the other, one carries it (section 9.2).

One exchange belongs to the operation, and to one gateway at a time: who is asked no more is refused
when it comes late. Packets are made once, for the gateway that comes with a HELLO of the lock; from
then on nobody else is asked. So an operation is executed once, or not at all.
"""

import asyncio
from typing import Any, Final

from aiohttp import web

from ..errors import Code, RasError
from ..keys import new_mid
from ..message.push import PUSH
from ..principal import Kind, Principal
from .decision import is_timely
from .exchanges import EXCHANGES, Exchange
from .flows import Flow, Link, result
from .locks import LOCKS
from .notices import CONTROL, server_address
from .permits import Permit
from .progress import Progress
from .relay import Deed, relay
from .shadow import Source, show
from .sightings import route

ACCEPT_TIME: Final = 3
"""Seconds in which a gateway takes an operation, else the next one is asked."""
BEGIN_TIME: Final = 10
"""Seconds in which a gateway that took it reaches the lock, else the next one is asked."""
LONGEST: Final = 20
"""Seconds that an operation without an end of its own may take to reach a lock."""


class Errand:
    """One operation on its way through a gateway to a lock; it outlives who waits for it."""

    def __init__(
        self,
        app: web.Application,
        permit: Permit,
        deed: Deed,
        *,
        operation_id: str,
        mid: str,
        asker: tuple[str, str],
    ) -> None:
        """Accept what was decided for an asker (address, person)."""
        self.lock = permit.lock
        self.asker = asker
        self._app = app
        self._permit = permit
        self._deed = deed
        self._ends = permit.wish.expires or app[LOCKS].now + LONGEST
        self.progress = Progress(
            app,
            permit,
            operation_id=operation_id,
            command=deed.command,
            expires=self._ends,
            mid=mid,
        )
        self.mid = new_mid(app)
        """The same for every gateway that is asked."""
        self._news = asyncio.Event()
        self._accepted = False
        self._refusal: Code | None = None
        self._link: Link | None = None
        self._exchange: Exchange | None = None

    async def run(self) -> None:
        """Carry the operation to its end, whatever happens."""
        outcome = result(Code.NOT_READY)
        try:
            outcome = await self._run()
        finally:
            if self._used and outcome["code"] == Code.NOT_READY:
                outcome = result(Code.DEVICE_TIMEOUT)
            self._permit.settle(Code(outcome["code"]), used=self._used)
            self.progress.end(outcome)

    @property
    def _used(self) -> bool:
        """Return whether the lock may have been operated."""
        return self._link is not None and self._link.used

    async def _run(self) -> dict[str, Any]:
        """Ask the gateways one after the other, and return the result."""
        locks = self._app[LOCKS]
        gateways = route(self._app, self.lock, locks.now)
        if not gateways:
            return result(Code.NO_GATEWAY)
        try:
            exchange = await self._app[EXCHANGES].open(
                self.lock,
                gateway_id=gateways[0],
                start=self._start,
                lease_wait=max(0, self._ends - locks.moment),
            )
        except RasError as err:
            return result(Code.EXPIRED if self._is_late else err.code)
        self._exchange = exchange
        for gateway_id in gateways:
            if self._is_late:
                break
            if await self._ask(exchange, gateway_id):
                await exchange.done.wait()
                break
        exchange.cancel(Code.EXPIRED if self._is_late else self._refusal or Code.NO_GATEWAY)
        return exchange.result or result(Code.FAILED)

    @property
    def _is_late(self) -> bool:
        return self._app[LOCKS].moment >= self._ends

    async def _ask(self, exchange: Exchange, gateway_id: str) -> bool:
        """Ask one gateway; return whether it has begun, so that nobody else may."""
        exchange.gateway_id = gateway_id
        self._accepted, self._refusal = False, None
        self._news.clear()
        self.progress.to_gateway(gateway_id)
        self._app[PUSH].publish(
            self.lock.address,
            CONTROL,
            {
                "cmd": self._deed.command,
                "device_id": self.lock.id,
                "expires": self._ends,
                "exchange": exchange.id,
                "operation": self.progress.id,
            },
            src=server_address(self._app),
            via=f"gw:{gateway_id}",
            mid=self.mid,
        )
        while not exchange.began and exchange.result is None:
            try:
                async with asyncio.timeout(BEGIN_TIME if self._accepted else ACCEPT_TIME):
                    await self._news.wait()
            except TimeoutError:
                return exchange.began
            self._news.clear()
            if self._refusal is not None and not exchange.began:
                return False
        return True

    def respond(self, gateway_id: str, code: Code) -> None:
        """Take what a gateway says about the operation; only the one that is asked counts."""
        exchange = self._exchange
        if exchange is None or exchange.gateway_id != gateway_id:
            return
        if code is Code.OK:
            self._accepted = True
        else:
            self._refusal = code
            if exchange.began:
                exchange.cancel(Code.DEVICE_TIMEOUT if self._used else code)
        self._news.set()

    def _start(self, link: Link) -> Flow[dict[str, Any]]:
        self._link = link
        self._news.set()
        self.progress.received(link.gateway_id)
        outcome = yield from relay(
            self._app[LOCKS], link, self._permit.standing, (self._deed,), sending=self._sending
        )
        return relayed(self._app, self._permit, self.progress, outcome, gateway_id=link.gateway_id)

    def _sending(self) -> None:
        """Look once more whether this is allowed and in time: the packets are about to be made."""
        now = self._app[LOCKS].now
        if self._ends <= now or not is_timely(self._permit.wish, now):
            raise RasError(Code.EXPIRED, "The command has expired")
        self._permit.require_still()
        if self._link is not None:
            self.progress.to_lock(self._link.gateway_id)


def relayed(
    app: web.Application,
    permit: Permit,
    progress: Progress,
    outcome: dict[str, Any],
    *,
    gateway_id: str,
) -> dict[str, Any]:
    """Write the outcome at the lock to the audit, and tell the state to who may know it."""
    progress.answered(outcome, gateway_id)
    lock, state = permit.lock, dict(outcome.get("state", {}))
    if (version := outcome.get("version")) is not None:
        app[LOCKS].set_version(lock, version)
    if state:
        via = f"gw:{gateway_id}"
        show(app, lock, state, source=Source.SESSION, at=outcome["at"], via=via)
    return outcome


async def take_response(
    app: web.Application, envelope: dict[str, Any], principal: Principal
) -> None:
    """Take a gateway's answer to an operation it was asked for."""
    errand, _ = app[ERRANDS].get(envelope["re"] or "", (None, None))
    if errand is None or principal.kind is not Kind.GATEWAY:
        return
    try:
        code = Code(envelope["body"].get("code", Code.OK))
    except ValueError:
        code = Code.FAILED
    errand.respond(principal.gateway_id, code)


ERRANDS: Final[web.AppKey[dict[str, tuple[Errand, asyncio.Task[None]]]]] = web.AppKey("errands")
"""The errands that are under way, by the mid that the gateways know."""
