"""What a user sees and changes of himself (UDMS)."""

from dataclasses import replace
from typing import Any, Final

from aiohttp import web
import probatio

from .. import fields
from ..application import devices
from ..application.audit import AUDIT
from ..application.gateways import gateway_removed
from ..application.granting import person_removed
from ..errors import Code, RasError
from ..idempotency import once
from ..keys import DATABASE, PRINCIPAL
from ..principal import Kind, allow
from ..store import accounts, gateways
from ..store.accounts import User
from ..web import answer, body, schema
from . import second_factor
from .registration import LOCALE, NAME
from .sessions import SESSIONS

REV: Final = fields.integer(1, 2**31)

_CHANGE: Final = schema(
    {
        probatio.Required("rev"): REV,
        probatio.Optional("display_name"): NAME,
        probatio.Optional("locale"): LOCALE,
    }
)


@allow(Kind.USER)
async def show(request: web.Request) -> web.Response:
    """Return the profile of the user."""
    return answer(request, _profile(request, _me(request)))


@allow(Kind.USER)
@once()
async def change(request: web.Request) -> web.Response:
    """Change the profile of the user; a new name is in the audit, for others know him by it."""
    before, after = _me(request), replace(_me(request), **body(request, _CHANGE))
    with request.app[DATABASE].write():
        if not accounts.set_profile(request.app[DATABASE], after):
            raise RasError(Code.CHANGED, "The profile was changed in the meantime")
        if after.display_name != before.display_name:
            who = request[PRINCIPAL].address
            request.app[AUDIT].append("user.rename", actor=who, object_=who)
    return answer(request, _profile(request, _me(request)))


@allow(Kind.USER, fresh=True)
@once()
async def remove(request: web.Request) -> web.Response:
    """Delete the user; he may own no device any more."""
    user = _me(request)
    if devices.owned_count(request.app, user.user_id):
        raise RasError(Code.DEVICE_OWNED, "Remove the devices, or hand them over, first")
    with request.app[DATABASE].write():
        person_removed(request.app, user.user_id)
        for gateway in gateways.all_of_user(request.app[DATABASE], user.user_id):
            gateway_removed(request.app, gateway)
        request.app[SESSIONS].close_user(user.user_id)
        accounts.remove_user(request.app[DATABASE], user.user_id)
    who = request[PRINCIPAL].address
    request.app[AUDIT].append("user.remove", actor=who, object_=who)
    return answer(request)


def _me(request: web.Request) -> User:
    user = accounts.user(request.app[DATABASE], request[PRINCIPAL].user_id)
    if user is None:
        raise RasError(Code.TOKEN_INVALID, "The user has been deleted")
    return user


def _profile(request: web.Request, user: User) -> dict[str, Any]:
    return {
        "user_id": user.user_id,
        "account": user.account.to_json(),
        "display_name": user.display_name,
        "locale": user.locale,
        "created": user.created,
        "rev": user.rev,
    } | second_factor.description(request.app, user)


ROUTES: Final = (
    web.get("/v1/users/me", show),
    web.patch("/v1/users/me", change),
    web.delete("/v1/users/me", remove),
)
