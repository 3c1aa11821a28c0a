"""What a gateway asks while it is connected to a lock (Fig. 5; project profile, section 5.1)."""

from typing import Any, Final

from aiohttp import web
import probatio

from .. import fields
from ..errors import Code, RasError
from ..keys import MID, PRINCIPAL, new_id
from ..principal import Kind, allow
from ..web import answer, body, schema
from .access import in_household, live_lock, own_gateway, visible_lock
from .agenda import current_key, pending_key
from .decision import OPENING, Wish, is_timely
from .delivery import deliver, set_clock
from .errand import relayed
from .evidence import EVIDENCE
from .exchanges import EXCHANGES, LIFE, Exchange
from .flows import Flow, Link, Reply, result
from .lifecycle import HELLO, hello_of
from .locks import LOCKS, Lock
from .ownership import State
from .permits import Caller, Permit, allowed, caller_of
from .progress import Progress
from .registration import UNOWNED, remove as removal
from .relay import Deed, relay
from .tickets import may_commit

RELOCK: Final = fields.integer(1, 1275)
"""Seconds until a lock locks itself again: at most 255 units of 5 s."""
_MOST_DEEDS: Final = 8

_OPENING: Final = {
    probatio.Required("gateway_id"): fields.text(40),
    probatio.Required("hello"): HELLO,
}
_LINK: Final = schema(_OPENING)
_RELAY: Final = schema(
    {
        **_OPENING,
        **EVIDENCE,
        probatio.Optional("mode", default="relay"): "relay",
        probatio.Required("do"): probatio.All(
            [
                schema(
                    {
                        probatio.Required("cmd"): probatio.In(
                            ["lock", "unlock", "open", "status", "version", "log"]
                        ),
                        probatio.Optional("expires"): fields.integer(0, 0xFFFFFFFF),
                        probatio.Optional("relock_s", default=0): probatio.Any(0, RELOCK),
                        probatio.Optional("from", default=0): fields.integer(0, 0xFFFF),
                    }
                )
            ],
            probatio.Length(min=1, max=_MOST_DEEDS),
        ),
    }
)
_STEP: Final = schema(
    {
        probatio.Optional("notifications", default=list): probatio.All(
            [fields.hexadecimal(0, 20)], probatio.Length(max=64)
        ),
        probatio.Optional("hello"): HELLO,
    }
)


@allow(Kind.USER, Kind.GATEWAY)
async def exchange(request: web.Request) -> web.Response:
    """Do something at a lock under a ticket that stays here."""
    app, asked = request.app, body(request, _RELAY)
    lock, found = visible_lock(request)
    caller = caller_of(request, lock, found, asked.get("person"))
    hello = hello_of(asked["hello"])
    gateway = own_gateway(request, asked["gateway_id"])
    deeds = tuple(
        Deed(command=do["cmd"], relock_s=do["relock_s"], first_record=do["from"])
        for do in asked["do"]
    )
    permits: list[Permit] = []
    links: list[Link] = []
    operation_id = new_id(app, "o")
    try:
        _decide(app, lock, caller, asked, permits, operation_id=operation_id)
    except RasError as err:
        _settle(permits, err.code, used=False)
        raise
    progress = Progress(
        app,
        permits[0],
        operation_id=operation_id,
        command="+".join(deed.command for deed in deeds),
        expires=_end(permits, app[LOCKS].now),
        mid=None,
    )

    def sending() -> None:
        _require_still(permits, app[LOCKS].now)
        progress.to_lock(gateway.gateway_id)

    def start(link: Link) -> Flow[dict[str, Any]]:
        links.append(link)
        progress.received(link.gateway_id)
        outcome = yield from relay(app[LOCKS], link, permits[0].standing, deeds, sending=sending)
        return relayed(app, permits[0], progress, outcome, gateway_id=link.gateway_id)

    def finish(outcome: dict[str, Any]) -> dict[str, Any]:
        _settle(permits, Code(outcome["code"]), used=any(link.used for link in links))
        progress.end(outcome)
        return outcome | {"operation_id": operation_id}

    try:
        opened = await app[EXCHANGES].open(
            lock, gateway_id=gateway.gateway_id, start=start, finish=finish
        )
    except RasError as err:
        finish(result(err.code))
        raise
    return answer(request, app[EXCHANGES].begin(opened, hello))


def _end(permits: list[Permit], now: int) -> int:
    """Return when a session has to have begun (Unix time)."""
    return min(permit.wish.expires or now + LIFE for permit in permits)


def _require_still(permits: list[Permit], now: int) -> None:
    """Raise what speaks against the wishes now: the packets are about to be made."""
    for permit in permits:
        if not is_timely(permit.wish, now):
            raise RasError(Code.EXPIRED, "The command has expired")
        permit.require_still()


def _decide(
    app: web.Application,
    lock: Lock,
    caller: Caller,
    asked: dict[str, Any],
    permits: list[Permit],
    *,
    operation_id: str,
) -> None:
    """Decide what a session is to do; what lets somebody in first, because it asks for most.

    A session has one ticket: the standing that allows the first has to allow the others.
    """
    for do in sorted(asked["do"], key=lambda do: do["cmd"] not in OPENING):
        wish = Wish(command=do["cmd"], expires=do.get("expires"), relock=bool(do["relock_s"]))
        permits.append(allowed(app, lock, caller, wish, asked, operation=operation_id))
        caller = caller._replace(standings=(permits[0].standing,))


def _settle(permits: list[Permit], code: Code, *, used: bool) -> None:
    for permit in permits:
        permit.settle(code, used=used)


@allow(Kind.USER, Kind.GATEWAY)
async def time(request: web.Request) -> web.Response:
    """Set the clock of a lock; this needs no lease."""
    app, asked = request.app, body(request, _LINK)
    lock = _reachable(request)
    gateway = own_gateway(request, asked["gateway_id"])

    def start(link: Link) -> Flow[dict[str, Any]]:
        yield from set_clock(app[LOCKS], link)
        return result()

    opened = app[EXCHANGES].add(
        Exchange(
            app[LOCKS],
            lock,
            gateway_id=gateway.gateway_id,
            start=start,
            finish=lambda outcome: outcome,
        )
    )
    return answer(request, app[EXCHANGES].begin(opened, hello_of(asked["hello"])))


@allow(Kind.USER, Kind.GATEWAY)
async def deliver_due(request: web.Request) -> web.Response:
    """Tell a lock what it has to be told, as far as that goes."""
    app, asked = request.app, body(request, _LINK)
    lock = _reachable(request)
    gateway, hello = own_gateway(request, asked["gateway_id"]), hello_of(asked["hello"])
    if hello.gen == UNOWNED and not in_household(app, lock, gateway):
        raise RasError(Code.NOT_PERMITTED, "Only the household tells that a lock was reset")

    def start(link: Link) -> Flow[dict[str, Any]]:
        if lock.device.state == State.REMOVING:
            return (yield from removal(app[LOCKS], link))
        if not link.hello.clock_set or lock.device.clock_due:
            yield from set_clock(app[LOCKS], link)
            link.require()
        yield from deliver(app[LOCKS], link, may_commit=lambda: may_commit(app, lock))
        return result()

    # An operation that waits for this gateway delivers what is due itself: it goes first.
    opened = await app[EXCHANGES].open(
        lock, gateway_id=gateway.gateway_id, start=start, lease_wait=0
    )
    return answer(request, app[EXCHANGES].begin(opened, hello))


def _reachable(request: web.Request) -> Lock:
    """Return a lock that the caller may use and that has a key to talk with, or raise 2001."""
    lock, _ = live_lock(request)
    if current_key(lock.record) is None and pending_key(lock.record) is None:
        raise RasError(Code.DEVICE_UNKNOWN, "This device has no key yet")
    return lock


@allow(Kind.USER, Kind.GATEWAY)
async def step(request: web.Request) -> web.Response:
    """Go on with an exchange."""
    app, asked, principal = request.app, body(request, _STEP), request[PRINCIPAL]
    found = app[EXCHANGES].get(request.match_info["exchange_id"])
    own_gateway(request, found.gateway_id)
    if principal.kind is Kind.GATEWAY and principal.gateway_id != found.gateway_id:
        raise RasError(Code.UNKNOWN, "There is no such exchange")
    hello = hello_of(asked["hello"]) if "hello" in asked else None
    reply = Reply(tuple(asked["notifications"]), hello)
    return answer(request, await app[EXCHANGES].step(found, request[MID], reply))


ROUTES: Final = (
    web.post("/v1/devices/{device_id}/exchange", exchange),
    web.post("/v1/devices/{device_id}/time", time),
    web.post("/v1/devices/{device_id}/deliver", deliver_due),
    web.post("/v1/exchanges/{exchange_id}", step),
)
