"""Remote operation: decided here, carried by a gateway, done by the lock (section 5.1 and 6)."""

import asyncio
from functools import partial
from typing import Any, Final

from aiohttp import web
import probatio

from .. import fields
from ..errors import Code, RasError
from ..idempotency import once
from ..keys import MID, PRINCIPAL, new_mid
from ..message.push import PUSH
from ..principal import Kind, Principal, allow
from ..web import answer, body, schema
from .access import allowed, visible_lock
from .audit import AUDIT
from .decision import Standing, Wish, is_timely
from .exchanges import EXCHANGES, Exchange
from .flows import Flow, Link, result
from .locks import LOCKS, Lock
from .notices import CONTROL, RESPONSE, server_address, show_state
from .relay import Deed, relay
from .sightings import route

ACCEPT_TIME: Final = 3
"""Seconds in which a gateway takes an operation, else the next one is asked."""
LONGEST_WAIT: Final = 20
"""Seconds that a caller waits for the result."""

_OPERATE: Final = schema(
    {
        probatio.Required("cmd"): probatio.In(["lock", "unlock", "open"]),
        probatio.Optional("relock_s", default=0): probatio.Any(0, fields.integer(1, 1275)),
        probatio.Optional("expires"): fields.integer(0, 0xFFFFFFFF),
        probatio.Optional("reason"): fields.text(100),
        probatio.Optional("wait", default=LONGEST_WAIT): fields.integer(0, LONGEST_WAIT),
    }
)
_QUERY: Final = schema(
    {
        probatio.Required("what"): probatio.In(["status", "version", "log"]),
        probatio.Optional("from", default=0): fields.integer(0, 0xFFFF),
        probatio.Optional("wait", default=LONGEST_WAIT): fields.integer(0, LONGEST_WAIT),
    }
)


@allow(Kind.USER, Kind.GATEWAY)
@once()
async def operate(request: web.Request) -> web.Response:
    """Lock, unlock or open a lock through a gateway."""
    asked = body(request, _OPERATE)
    deed = Deed(command=asked["cmd"], relock_s=asked["relock_s"])
    return await _do(request, deed, asked.get("expires"), asked["wait"])


@allow(Kind.USER, Kind.GATEWAY)
async def query(request: web.Request) -> web.Response:
    """Ask a lock for its state, its version or its records."""
    asked = body(request, _QUERY)
    deed = Deed(command=asked["what"], first_record=asked["from"])
    return await _do(request, deed, None, asked["wait"])


async def _do(request: web.Request, deed: Deed, expires: int | None, wait: int) -> web.Response:
    lock, found = visible_lock(request)
    wish = Wish(command=deed.command, expires=expires, relock=bool(deed.relock_s))
    standing = allowed(request, lock, found, wish)
    app, actor = request.app, request[PRINCIPAL].address
    errand = Errand(app, lock, standing=standing, deed=deed, wish=wish, actor=actor)
    task = asyncio.create_task(errand.run())
    app[ERRANDS][errand.mid] = errand, task
    task.add_done_callback(lambda _: app[ERRANDS].pop(errand.mid, None))
    await asyncio.wait({task}, timeout=wait)
    if not task.done():
        task.add_done_callback(partial(_tell_later, app, lock, actor, request[MID]))
        return answer(request, {"exchange_id": errand.exchange_id}, http=202)
    outcome = task.result()
    if outcome["status"]:
        code = Code(outcome["code"])
        raise RasError(code, "The lock was not operated", data={"result": outcome})
    return answer(request, {"result": outcome})


def _tell_later(
    app: web.Application, lock: Lock, actor: str, mid: str, task: asyncio.Task[dict[str, Any]]
) -> None:
    """Send the result to a caller who did not wait for it."""
    if not task.cancelled():
        app[PUSH].publish(actor, RESPONSE, task.result(), src=lock.address, re=mid)


class Errand:
    """One operation on its way through a gateway to a lock; it outlives who waits for it."""

    def __init__(
        self,
        app: web.Application,
        lock: Lock,
        *,
        standing: Standing,
        deed: Deed,
        wish: Wish,
        actor: str,
    ) -> None:
        """Hold what was decided."""
        now = app[LOCKS].now
        self._app = app
        self._lock = lock
        self._standing = standing
        self._deed = deed
        self._wish = wish
        self._actor = actor
        self._ends = wish.expires or now + LONGEST_WAIT
        self.mid = new_mid(app)
        self._taken = asyncio.Event()
        self._refusal: Code | None = None
        self.exchange_id: str | None = None

    async def run(self) -> dict[str, Any]:
        """Ask the gateways one after the other, and return the result."""
        locks, now = self._app[LOCKS], self._app[LOCKS].now
        gateways = route(self._app, self._lock, now)
        if not gateways:
            return result(Code.NO_GATEWAY)
        try:
            exchange = await self._app[EXCHANGES].open(
                self._lock,
                gateway_id=gateways[0],
                start=self._start,
                lease_wait=max(0, self._ends - locks.moment),
            )
        except RasError as err:
            return result(err.code)
        self.exchange_id = exchange.id
        for gateway_id in gateways:
            if await self._ask(exchange, gateway_id):
                await exchange.done.wait()
                break
        exchange.cancel(self._refusal or Code.NO_GATEWAY)
        return exchange.result or result(Code.FAILED)

    async def _ask(self, exchange: Exchange, gateway_id: str) -> bool:
        """Ask one gateway; return whether it has taken the operation."""
        exchange.gateway_id = gateway_id
        self._taken.clear()
        self._refusal = None
        self._app[PUSH].publish(
            self._lock.address,
            CONTROL,
            {
                "cmd": self._deed.command,
                "device_id": self._lock.id,
                "expires": self._ends,
                "exchange": exchange.id,
            },
            src=server_address(self._app),
            via=f"gw:{gateway_id}",
            mid=self.mid,
        )
        try:
            async with asyncio.timeout(ACCEPT_TIME):
                await self._taken.wait()
        except TimeoutError:
            return exchange.began
        return self._refusal is None or exchange.began

    def respond(self, gateway_id: str, code: Code) -> None:
        """Take what a gateway says about the operation."""
        if code is not Code.OK:
            self._refusal = code
            exchange = self._app[EXCHANGES].get(self.exchange_id or "")
            if self._taken.is_set() and exchange.gateway_id == gateway_id:
                exchange.cancel(code)
        self._taken.set()

    def _start(self, link: Link) -> Flow[dict[str, Any]]:
        self._taken.set()
        locks = self._app[LOCKS]
        if self._ends <= locks.now or not is_timely(self._wish, locks.now):
            raise RasError(Code.EXPIRED, "The command has expired")
        outcome = yield from relay(locks, link, self._standing, (self._deed,))
        return relayed(
            self._app, self._lock, outcome, actor=self._actor, gateway_id=link.gateway_id
        )


def relayed(
    app: web.Application, lock: Lock, outcome: dict[str, Any], *, actor: str, gateway_id: str
) -> dict[str, Any]:
    """Write the outcome at the lock to the audit, and tell the state to who may know it."""
    app[AUDIT].append(
        "lock.answer",
        actor,
        lock.address,
        result=outcome["code"],
        detail={"gateway": gateway_id},
    )
    state = dict(outcome.get("state", {}))
    if (version := outcome.get("version")) is not None:
        app[LOCKS].set_version(lock, version)
    if state:
        show_state(app, lock, state, source="session", at=outcome["at"], gateway_id=gateway_id)
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


ERRANDS: Final[web.AppKey[dict[str, tuple[Errand, asyncio.Task[dict[str, Any]]]]]] = web.AppKey(
    "errands"
)

ROUTES: Final = (
    web.post("/v1/devices/{device_id}/operate", operate),
    web.post("/v1/devices/{device_id}/query", query),
)
