"""Guests without an account: a link is a grant, and its token opens it (project profile, 7.2)."""

from typing import Final

from aiohttp import web
import probatio

from .. import fields
from ..errors import Code, RasError
from ..idempotency import once
from ..keys import DATABASE, PRINCIPAL
from ..principal import Kind, Principal, allow
from ..rate import Rate, check, network
from ..store import grants
from ..store.grants import Grant
from ..web import answer, body, schema
from .access import standing_of
from .decision import OPENING, Standing
from .evidence import SHOWN
from .grants import link_hash
from .locks import LOCKS, Lock
from .operations import LONGEST_WAIT, have_done
from .permits import Caller
from .relay import Deed
from .schedule import to_fields

WRONG_TOKENS: Final = Rate(10 / 3600, 10)
"""From one address; after that the answer says so."""

_OPERATE: Final = schema(
    {
        probatio.Required("device_id"): fields.device_id,
        probatio.Required("cmd"): probatio.In(["lock", *sorted(OPENING)]),
        probatio.Optional("expires"): fields.integer(0, 0xFFFFFFFF),
        probatio.Optional("wait", default=LONGEST_WAIT): fields.integer(0, LONGEST_WAIT),
        **SHOWN,
    }
)


def guest(request: web.Request, token: str) -> Principal:
    """Return the guest of a token, or raise 1007, after too many wrong ones 5003."""
    grant = grants.of_link(request.app[DATABASE], link_hash(token))
    if grant is None:
        check(request.app, ("guest", network(request)), WRONG_TOKENS)
        raise RasError(Code.TOKEN_INVALID, "This link is unknown")
    return Principal(
        kind=Kind.GUEST, user_id="", gateway_id="", session_id=grant.grant_id, login_at=0
    )


@allow(Kind.GUEST)
async def show(request: web.Request) -> web.Response:
    """Show a guest what he may do, and when."""
    grant, lock, standing = _grant(request)
    if standing.revoked:
        raise RasError(Code.EXPIRED, "The link is revoked")
    device = {
        "device_id": lock.id,
        "name": lock.device.name,
        "rights": standing.right_names,
    }
    valid = {"from": grant.start, "until": grant.until, **to_fields(standing.schedule)}
    return answer(
        request,
        {
            "name": grant.name,
            "devices": [device],
            "valid": valid,
            "uses_left": standing.uses_left,
            "pin": standing.pin is not None,
            "second_person": standing.second_person,
        },
    )


@allow(Kind.GUEST)
@once()
async def operate(request: web.Request) -> web.Response:
    """Lock, unlock or open the lock of a link."""
    asked = body(request, _OPERATE)
    _, lock, standing = _grant(request)
    if asked["device_id"] != lock.id:
        raise RasError(Code.DEVICE_UNKNOWN, "This device is not known")
    caller = Caller(address=request[PRINCIPAL].address, user_id="", standings=(standing,))
    return await have_done(request, lock, caller, Deed(command=asked["cmd"]), asked)


def _grant(request: web.Request) -> tuple[Grant, Lock, Standing]:
    app = request.app
    grant = grants.get(app[DATABASE], request[PRINCIPAL].session_id)
    lock = None if grant is None else app[LOCKS].get(grant.device_id)
    if grant is None or lock is None:
        raise RasError(Code.TOKEN_INVALID, "This link is unknown")
    return grant, lock, standing_of(app, grant)


ROUTES: Final = (
    web.get("/v1/guest", show),
    web.post("/v1/guest/operate", operate),
)
