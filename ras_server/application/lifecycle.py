"""Authentication, registration, re-keying, removal (clauses 7.3 to 7.5; Fig. 10 to 12)."""

from dataclasses import replace
from typing import Any, Final

from aiohttp import web
import probatio

from igrs_codec.bsld.advert import generation
from igrs_codec.bsld.keys import device_id_from_text
from igrs_codec.bsld.label import SETUP_CODE_LENGTH
from igrs_codec.bsld.packet import Hello
from igrs_codec.errors import IgrsError, SetupCodeError

from .. import fields
from ..errors import Code, RasError
from ..idempotency import once
from ..keys import PRINCIPAL
from ..principal import Kind, allow
from ..store.gateways import Gateway
from ..web import answer, body, schema
from .access import device_id, own_gateway, own_lock, standings
from .agenda import SCHEDULE, with_rekey
from .audit import AUDIT
from .custody import LabelKey
from .decision import Terms
from .devices import NAME, device_json
from .exchanges import EXCHANGES
from .flows import Flow, Link
from .locks import LOCKS, Lock
from .notices import ask_delivery, tell_registration
from .ownership import OWNED, State, Step, advance
from .registration import (
    UNOWNED,
    Claim,
    register as registration,
    remove as removal,
    require_claimable,
)
from .sightings import is_open
from .tickets import LONGEST, RIGHTS, hand_out

HELLO: Final = fields.hexadecimal(20, 20)
_GATEWAY_ID: Final = fields.text(40)
_SETUP_CODE: Final = fields.text(2 * SETUP_CODE_LENGTH)

_AUTHENTICATE: Final = schema(
    {
        probatio.Required("gateway_id"): _GATEWAY_ID,
        probatio.Required("service_data"): fields.hexadecimal(0, 29),
        probatio.Optional("hello"): HELLO,
        probatio.Optional("setup_code"): _SETUP_CODE,
    }
)
_REGISTER: Final = schema(
    {
        probatio.Required("gateway_id"): _GATEWAY_ID,
        probatio.Required("hello"): HELLO,
        probatio.Required("name"): NAME,
        probatio.Optional("setup_code"): _SETUP_CODE,
    }
)
_REMOVE: Final = schema(
    {
        probatio.Required("mode"): probatio.In(["wipe", "forget"]),
        probatio.Optional("gateway_id"): _GATEWAY_ID,
        probatio.Optional("hello"): HELLO,
    }
)
_REKEY: Final = schema(
    {probatio.Required("reason"): probatio.In([SCHEDULE, "gateway_removed", "compromise"])}
)


def hello_of(packet: bytes) -> Hello:
    """Return a HELLO of a body, or raise 4001."""
    try:
        return Hello.from_bytes(packet)
    except IgrsError as err:
        raise RasError(
            Code.MALFORMED, "This is not a HELLO", errors=[("/hello", str(err))]
        ) from None


@allow(Kind.USER, Kind.GATEWAY)
async def authenticate(request: web.Request) -> web.Response:
    """Tell whether a lock that a gateway sees may be registered (Fig. 10)."""
    asked, id_ = body(request, _AUTHENTICATE), device_id(request)
    own_gateway(request, asked["gateway_id"])
    lock = request.app[LOCKS].get(id_)
    if lock is not None and lock.device.state in OWNED:
        if lock.device.owner != request[PRINCIPAL].user_id:
            raise RasError(Code.DEVICE_OWNED, "The device belongs to somebody else")
        if not is_open(asked["service_data"]):
            return answer(request, {"claimable": False, "needs": []})
    if not is_open(asked["service_data"]):
        raise _not_open(asked["service_data"])
    if "hello" in asked and hello_of(asked["hello"]).gen != UNOWNED:
        raise RasError(Code.DEVICE_OWNED, "The lock has an owner")
    label = _label_key(request, lock, id_, asked.get("setup_code"))
    return answer(request, {"claimable": True, "needs": [] if label else ["setup_code"]})


def _not_open(service_data: bytes) -> RasError:
    try:
        owned = generation(service_data) != UNOWNED
    except IgrsError:
        return RasError(Code.NOT_LEGITIMATE, "This is not the advert of such a lock")
    if owned:
        return RasError(Code.DEVICE_OWNED, "The lock has an owner")
    return RasError(Code.WINDOW_CLOSED, "The pairing window is not open")


def _label_key(
    request: web.Request, lock: Lock | None, id_: str, setup_code: str | None
) -> LabelKey | None:
    """Return K_F: the imported one, or that of the setup code; both must agree."""
    custody, device = request.app[LOCKS].custody, device_id_from_text(id_)
    known = None
    if lock is not None and lock.device.k_f is not None:
        known = custody.open_label(device, lock.device.k_f)
    if setup_code is None:
        return known
    try:
        scanned = custody.label_key(device, setup_code)
    except SetupCodeError as err:
        raise RasError(
            Code.MALFORMED, "The setup code is wrong", errors=[("/setup_code", str(err))]
        ) from None
    if known is not None and not known.equals(scanned):
        raise RasError(Code.NOT_LEGITIMATE, "This is not the setup code of this lock")
    return scanned


@allow(Kind.USER, Kind.GATEWAY)
@once()
async def register(request: web.Request) -> web.Response:
    """Begin the registration of a lock (Fig. 11)."""
    app, principal = request.app, request[PRINCIPAL]
    asked, id_ = body(request, _REGISTER), device_id(request)
    gateway = own_gateway(request, asked["gateway_id"])
    hello = hello_of(asked["hello"])
    known = app[LOCKS].get(id_)
    if known is not None:
        require_claimable(known.device, principal.user_id)
    label = _label_key(request, known, id_, asked.get("setup_code"))
    if label is None:
        raise RasError(
            Code.NOT_LEGITIMATE,
            "The setup code of the label is needed",
            errors=[("/setup_code", "missing")],
        )
    claim = Claim(user_id=principal.user_id, name=asked["name"], label=label)
    lock = app[LOCKS].get_or_claim(id_)

    def start(link: Link) -> Flow[dict[str, Any]]:
        return registration(app[LOCKS], link, claim)

    def finish(outcome: dict[str, Any]) -> dict[str, Any]:
        return _registered(app, lock, gateway, outcome)

    exchange = await app[EXCHANGES].open(
        lock,
        gateway_id=gateway.gateway_id,
        start=start,
        finish=finish,
        claims=lock.device.owner != principal.user_id,
    )
    return answer(request, app[EXCHANGES].begin(exchange, hello), http=201)


def _registered(
    app: web.Application, lock: Lock, gateway: Gateway, outcome: dict[str, Any]
) -> dict[str, Any]:
    """Give the gateway of a registration what it needs to work without the server."""
    app[AUDIT].append(
        "device.register", f"gw:{gateway.gateway_id}", lock.address, result=outcome["code"]
    )
    if outcome["status"]:
        return outcome
    tell_registration(app, lock, "added")
    (standing,) = standings(app, lock, gateway.user_id)
    secrets = hand_out(
        app,
        lock,
        standing,
        gateway,
        terms=Terms(Code.OK, standing.rights, None),
        rights=list(RIGHTS),
        ttl=LONGEST[gateway.kind],
    )
    return {**outcome, "device": device_json(app, lock, owner=True), **secrets}


@allow(Kind.USER, fresh=True)
@once()
async def remove(request: web.Request) -> web.Response:
    """Wipe a lock and forget it, or forget it here only (Fig. 12)."""
    app, asked = request.app, body(request, _REMOVE)
    lock = own_lock(request)
    app[AUDIT].append(f"device.{asked['mode']}", request[PRINCIPAL].address, lock.address)
    if asked["mode"] == "forget":
        app[LOCKS].forget(lock)
        return answer(request)
    record = advance(lock.record, Step.REMOVE)
    device = replace(record.device, epoch_wanted=record.device.epoch + 1)
    app[LOCKS].save(lock, replace(record, device=device))
    if "hello" not in asked or "gateway_id" not in asked:
        ask_delivery(app, lock)
        return answer(request, http=202)
    gateway = own_gateway(request, asked["gateway_id"])

    def start(link: Link) -> Flow[dict[str, Any]]:
        if lock.device.state != State.REMOVING:  # somebody registered it while this waited
            raise RasError(Code.DEVICE_UNKNOWN, "The device was removed in the meantime")
        return removal(app[LOCKS], link)

    exchange = await app[EXCHANGES].open(lock, gateway_id=gateway.gateway_id, start=start)
    return answer(request, app[EXCHANGES].begin(exchange, hello_of(asked["hello"])))


@allow(Kind.USER, fresh=True)
@once()
async def rekey(request: web.Request) -> web.Response:
    """Give a lock a new key; what for decides how."""
    lock, reason = own_lock(request), body(request, _REKEY)["reason"]
    start_rekey(request.app, lock, reason, request[PRINCIPAL].address)
    return answer(request, http=202)


def start_rekey(app: web.Application, lock: Lock, reason: str, actor: str) -> None:
    """Note that a re-key is due; a stronger reason replaces a weaker one, nothing cancels it."""
    app[LOCKS].save(lock, with_rekey(lock.record, reason))
    app[AUDIT].append("key.rekey", actor, lock.address, detail={"reason": reason})
    ask_delivery(app, lock)


@allow(Kind.USER, fresh=True)
@once()
async def revoke_all(request: web.Request) -> web.Response:
    """End every ticket of a lock: its epoch is raised."""
    lock = own_lock(request)
    raise_epoch(request.app, lock, request[PRINCIPAL].address)
    return answer(request, http=202)


def raise_epoch(app: web.Application, lock: Lock, actor: str) -> None:
    """Note that the epoch of a lock has to be raised."""
    device = replace(lock.device, epoch_wanted=lock.device.epoch + 1)
    app[LOCKS].save(lock, replace(lock.record, device=device))
    app[AUDIT].append("key.revoke_all", actor, lock.address, detail={"epoch": device.epoch_wanted})
    ask_delivery(app, lock)


ROUTES: Final = (
    web.post("/v1/devices/{device_id}/authenticate", authenticate),
    web.post("/v1/devices/{device_id}/register", register),
    web.post("/v1/devices/{device_id}/remove", remove),
    web.post("/v1/devices/{device_id}/rekey", rekey),
    web.post("/v1/devices/{device_id}/revoke-all", revoke_all),
)
