"""What a gateway asks while it is connected to a lock (Fig. 5; project profile, section 5.1)."""

from typing import Any, Final

from aiohttp import web
import probatio

from .. import fields
from ..errors import Code, RasError
from ..keys import MID, PRINCIPAL
from ..principal import Kind, allow
from ..web import answer, body, schema
from .access import allowed, own_gateway, visible_lock
from .agenda import current_key, pending_key
from .decision import Standing, Wish
from .delivery import deliver
from .exchanges import EXCHANGES, Exchange, Start
from .flows import Flow, Link, Reply, result, set_time
from .lifecycle import HELLO, hello_of
from .locks import LOCKS, Lock
from .operations import relayed
from .ownership import State
from .registration import remove as removal
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
    asked = body(request, _RELAY)
    lock, found = visible_lock(request)
    deeds, standing = [], None
    for do in asked["do"]:
        wish = Wish(command=do["cmd"], expires=do.get("expires"), relock=bool(do["relock_s"]))
        standing = allowed(request, lock, found, wish)
        deeds.append(Deed(command=do["cmd"], relock_s=do["relock_s"], first_record=do["from"]))
    if standing is None:
        raise RasError(Code.MALFORMED, "There is nothing to do", errors=[("/do", "empty")])
    return await _begin(request, lock, asked, _relay(request, tuple(deeds), standing))


def _relay(request: web.Request, deeds: tuple[Deed, ...], standing: Standing) -> Start:
    app, actor = request.app, request[PRINCIPAL].address

    def start(link: Link) -> Flow[dict[str, Any]]:
        outcome = yield from relay(app[LOCKS], link, standing, deeds)
        return relayed(app, link.lock, outcome, actor=actor, gateway_id=link.gateway_id)

    return start


@allow(Kind.USER, Kind.GATEWAY)
async def time(request: web.Request) -> web.Response:
    """Set the clock of a lock; this needs no lease."""
    app, asked = request.app, body(request, _LINK)
    lock = _reachable(request)
    gateway = own_gateway(request, asked["gateway_id"])

    def start(link: Link) -> Flow[dict[str, Any]]:
        yield from set_time(app[LOCKS], link)
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

    def start(link: Link) -> Flow[dict[str, Any]]:
        if lock.device.state == State.REMOVING:
            return (yield from removal(app[LOCKS], link))
        if not link.hello.clock_set:
            yield from set_time(app[LOCKS], link)
            link.require()
        yield from deliver(app[LOCKS], link, may_commit=may_commit(app, lock))
        return result()

    return await _begin(request, lock, asked, start)


def _reachable(request: web.Request) -> Lock:
    """Return a lock of the caller that has a key to talk with, or raise 2001."""
    lock, _ = visible_lock(request)
    if current_key(lock.record) is None and pending_key(lock.record) is None:
        raise RasError(Code.DEVICE_UNKNOWN, "This device has no key yet")
    return lock


async def _begin(
    request: web.Request, lock: Lock, asked: dict[str, Any], start: Start
) -> web.Response:
    app = request.app
    gateway, hello = own_gateway(request, asked["gateway_id"]), hello_of(asked["hello"])
    opened = await app[EXCHANGES].open(lock, gateway_id=gateway.gateway_id, start=start)
    return answer(request, app[EXCHANGES].begin(opened, hello))


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
    return answer(request, found.step(request[MID], reply))


ROUTES: Final = (
    web.post("/v1/devices/{device_id}/exchange", exchange),
    web.post("/v1/devices/{device_id}/time", time),
    web.post("/v1/devices/{device_id}/deliver", deliver_due),
    web.post("/v1/exchanges/{exchange_id}", step),
)
