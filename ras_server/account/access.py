"""Who makes this request, and may he: the first two steps of every request (project profile, 6)."""

from typing import Final

from aiohttp import web

from ..errors import Code, RasError
from ..keys import GUESTS, PRINCIPAL, now
from ..principal import Access, Kind, Principal, require_fresh
from .sessions import SESSIONS

_ADMIN: Final = frozenset({Kind.ADMIN})
ADMINISTRATOR: Final = Principal(
    kind=Kind.ADMIN, user_id="", gateway_id="", session_id="", login_at=0
)


def authenticate(request: web.Request, access: Access) -> Principal | None:
    """Return who the caller is, and refuse what he may not ask."""
    at = now(request.app)
    try:
        principal = _caller(request, at)
    except RasError:
        if access.kinds and access.kinds != _ADMIN:
            raise
        principal = None  # a login with an old token at hand is a login
    if principal is not None:
        request[PRINCIPAL] = principal
    if access.kinds:
        _require(access, principal, at)
    return principal


def _require(access: Access, principal: Principal | None, at: int) -> None:
    """Refuse a caller a handler is not open to; what is the administrator's does not exist."""
    if access.kinds == _ADMIN and principal is not ADMINISTRATOR:
        raise RasError(Code.UNKNOWN, "There is no such resource")
    if principal is None:
        raise RasError(Code.TOKEN_INVALID, "A token is needed")
    if principal.kind not in access.kinds:
        raise RasError(Code.NOT_PERMITTED, f"Not for a {principal.kind}")
    if access.fresh:
        require_fresh(principal, at)


def _caller(request: web.Request, at: int) -> Principal | None:
    """Return the caller: who shows no token at the unix socket is the administrator."""
    shown = request.headers.get("Authorization")
    if shown is None:
        transport = request.transport
        if transport is not None and isinstance(transport.get_extra_info("sockname"), str):
            return ADMINISTRATOR  # the name of a unix socket is its path, others have a tuple
        return None
    scheme, _, token = shown.partition(" ")
    match scheme.lower():
        case "bearer":
            return request.app[SESSIONS].principal(token, at)
        case "guest":
            return request.app[GUESTS](request, token)
        case _:
            return None
