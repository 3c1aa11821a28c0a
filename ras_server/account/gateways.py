"""Gateways (BGW) of a user and their secrets (clause 6.4; project profile, 4)."""

from dataclasses import replace
import hmac
from typing import Any, Final

from aiohttp import web
import probatio

from .. import fields
from ..application.access import named_gateway
from ..application.audit import AUDIT
from ..application.gateways import gateway_removed
from ..errors import Code, RasError
from ..idempotency import once
from ..keys import DATABASE, PRINCIPAL, RANDOM, new_id, now
from ..message.push import PUSH
from ..paging import listing, page
from ..principal import Kind, allow, public
from ..store import accounts, gateways, managers
from ..store.gateways import Gateway
from ..web import answer, body, schema
from . import tries
from .people import REV
from .registration import NAME
from .sessions import SESSIONS, encode_token, hash_token

MOST: Final = 200
"""Gateways of one person."""
OLD_SECRET_LIFE: Final = 300  # seconds
_SECRET_SIZE: Final = 32  # bytes

_VERSION: Final = fields.text(40)
_CREATE: Final = schema(
    {
        probatio.Required("name"): NAME,
        probatio.Required("kind"): probatio.In(["home_assistant", "phone", "device"]),
        probatio.Required("version"): _VERSION,
    }
)
_CHANGE: Final = schema(
    {
        probatio.Required("rev"): REV,
        probatio.Optional("name"): NAME,
        probatio.Optional("version"): _VERSION,
    }
)
_AUTHENTICATE: Final = schema(
    {
        probatio.Required("gateway_id"): fields.text(40),
        probatio.Required("gateway_secret"): fields.text(100),
    }
)


@allow(Kind.USER, fresh=True)
@once(secret=True)
async def create(request: web.Request) -> web.Response:
    """Make a new gateway of the user; its secret is shown once."""
    asked = body(request, _CREATE)
    if len(gateways.all_of_user(request.app[DATABASE], request[PRINCIPAL].user_id)) >= MOST:
        raise RasError(Code.MEMORY_FULL, f"A person has at most {MOST} gateways")
    gateway_id, secret = new_id(request.app, "g"), _new_secret(request)
    gateways.add(
        request.app[DATABASE],
        Gateway(
            gateway_id=gateway_id,
            user_id=request[PRINCIPAL].user_id,
            secret=hash_token(secret),
            created=now(request.app),
            **asked,
        ),
    )
    _audit(request, "gateway.create", gateway_id)
    return answer(request, {"gateway_id": gateway_id, "gateway_secret": secret}, http=201)


@public
async def authenticate(request: web.Request) -> web.Response:
    """Give an access token for the secret of a gateway."""
    app, at, asked = request.app, now(request.app), body(request, _AUTHENTICATE)
    address = tries.address(request, "gateway")
    tries.require(app, address)
    gateway = gateways.get(app[DATABASE], asked["gateway_id"])
    if not _right_secret(gateway, hash_token(asked["gateway_secret"]), at) or gateway is None:
        tries.wrong(app, address)
        raise RasError(Code.CREDENTIALS_WRONG, "The gateway or its secret is wrong")
    owner = accounts.user(app[DATABASE], gateway.user_id)
    if owner is None or owner.locked:
        raise RasError(Code.TOO_MANY_TRIES, "The account is locked by the administrator")
    gateways.seen(app[DATABASE], gateway.gateway_id, at)
    tokens = app[SESSIONS].open(gateway.user_id, at, gateway_id=gateway.gateway_id)
    return answer(request, tokens)


@allow(Kind.USER)
async def index(request: web.Request) -> web.Response:
    """List the gateways of the user."""
    asked = page(request)
    user_id = request[PRINCIPAL].user_id
    found = gateways.of_user(request.app[DATABASE], user_id, asked.after, asked.limit + 1)
    return listing(
        request,
        asked,
        found,
        lambda gateway: (gateway.created, gateway.gateway_id),
        lambda gateway: _description(request, gateway),
    )


@allow(Kind.USER)
async def show(request: web.Request) -> web.Response:
    """Return one gateway of the user."""
    return answer(request, _description(request, _own(request)))


@allow(Kind.USER)
@once()
async def change(request: web.Request) -> web.Response:
    """Change the name or the version of a gateway."""
    gateway = replace(_own(request), **body(request, _CHANGE))
    if not gateways.set_description(request.app[DATABASE], gateway):
        raise RasError(Code.CHANGED, "The gateway was changed in the meantime")
    return answer(request, _description(request, _own(request)))


@allow(Kind.USER, Kind.GATEWAY, fresh=True)
@once(secret=True)
async def rotate(request: web.Request) -> web.Response:
    """Give a gateway a new secret; the one before works for 5 more minutes."""
    gateway, secret = _own(request), _new_secret(request)
    gateways.rotate(
        request.app[DATABASE],
        gateway.gateway_id,
        hash_token(secret),
        now(request.app) + OLD_SECRET_LIFE,
    )
    _audit(request, "gateway.rotate", gateway.gateway_id)
    return answer(request, {"gateway_id": gateway.gateway_id, "gateway_secret": secret})


@allow(Kind.USER, fresh=True)
@once()
async def remove(request: web.Request) -> web.Response:
    """Remove a gateway; what it knew of the locks is made worthless."""
    gateway = _own(request)
    with request.app[DATABASE].write():
        gateway_removed(request.app, gateway)
        request.app[SESSIONS].close_gateway(gateway.gateway_id)
        gateways.remove(request.app[DATABASE], gateway.gateway_id)
    _audit(request, "gateway.remove", gateway.gateway_id)
    return answer(request)


def _own(request: web.Request) -> Gateway:
    """Return the gateway of the path: the user's, or the gateway that asks."""
    principal, gateway = request[PRINCIPAL], named_gateway(request)
    if principal.kind is Kind.GATEWAY and principal.gateway_id != gateway.gateway_id:
        raise RasError(Code.NOT_PERMITTED, "A gateway may change itself only")
    return gateway


def _right_secret(gateway: Gateway | None, given: bytes, at: int) -> bool:
    """Compare with the secret, and with the one before while it still works."""
    expected = gateway.secret if gateway else b""
    old = gateway.old_secret if gateway and at < gateway.old_secret_until else None
    return hmac.compare_digest(expected, given) | hmac.compare_digest(old or b"", given)


def _new_secret(request: web.Request) -> str:
    return encode_token(request.app[RANDOM](_SECRET_SIZE))


def _audit(request: web.Request, action: str, gateway_id: str) -> None:
    request.app[AUDIT].append(
        action,
        actor=request[PRINCIPAL].address,
        object_=f"gw:{gateway_id}",
    )


def _description(request: web.Request, gateway: Gateway) -> dict[str, Any]:
    return {
        "gateway_id": gateway.gateway_id,
        "name": gateway.name,
        "kind": gateway.kind,
        "version": gateway.version,
        "online": request.app[PUSH].online(f"gw:{gateway.gateway_id}"),
        "last_seen": gateway.last_seen,
        "manages": managers.is_manager(request.app[DATABASE], gateway.gateway_id),
        "created": gateway.created,
        "rev": gateway.rev,
    }


ROUTES: Final = (
    web.post("/v1/gateways", create),
    web.post("/v1/auth/gateway", authenticate),
    web.get("/v1/gateways", index),
    web.get("/v1/gateways/{gateway_id}", show),
    web.patch("/v1/gateways/{gateway_id}", change),
    web.post("/v1/gateways/{gateway_id}/rotate", rotate),
    web.delete("/v1/gateways/{gateway_id}", remove),
)
