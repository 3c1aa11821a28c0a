"""Renewing and ending a login (project profile, 3)."""

from typing import Final

from aiohttp import web
import probatio

from .. import fields
from ..application.audit import AUDIT
from ..errors import Code, RasError
from ..idempotency import once
from ..keys import DATABASE, PRINCIPAL, now
from ..paging import listing, page
from ..principal import Kind, allow, public
from ..store import sessions
from ..store.sessions import Session
from ..web import answer, body, schema
from .sessions import SESSIONS

_REFRESH: Final = schema({probatio.Required("refresh_token"): fields.text(100)})
_LOGOUT: Final = schema({probatio.Optional("all", default=False): bool})


@public
@once(secret=True)
async def refresh(request: web.Request) -> web.Response:
    """Give a new pair of tokens for a refresh token, which dies."""
    token = body(request, _REFRESH)["refresh_token"]
    return answer(request, request.app[SESSIONS].refresh(token, now(request.app)))


@allow(Kind.USER, fresh=True)
@once(secret=True)
async def give_fast(request: web.Request) -> web.Response:
    """Give this login a token with which the client comes back; it counts as no fresh login."""
    who = request[PRINCIPAL]
    data = request.app[SESSIONS].give_fast(who.session_id, who.login_at, now(request.app))
    return answer(request, data)


@allow(Kind.USER)
async def logout(request: web.Request) -> web.Response:
    """End this login, or all logins of the user; his gateways stay."""
    everywhere = body(request, _LOGOUT)["all"]
    principal = request[PRINCIPAL]
    if everywhere:
        for session in _sessions(request):
            request.app[SESSIONS].close(session.session_id)
        _audit(request, "session.end", f"user:{principal.user_id}")
    else:
        request.app[SESSIONS].close(principal.session_id)
    return answer(request)


@allow(Kind.USER)
async def show_sessions(request: web.Request) -> web.Response:
    """List the logins of the user."""
    asked = page(request)
    found = [each for each in _sessions(request) if _position(each) > asked.after]
    return listing(
        request,
        asked,
        found,
        _position,
        lambda session: {
            "session_id": session.session_id,
            "login_at": session.login_at,
            "expires": session.expires,
            "client": session.client,
            "current": session.session_id == request[PRINCIPAL].session_id,
        },
    )


@allow(Kind.USER)
@once()
async def end_session(request: web.Request) -> web.Response:
    """End one login of the user."""
    session_id = request.match_info["session_id"]
    if session_id not in {session.session_id for session in _sessions(request)}:
        raise RasError(Code.UNKNOWN, "There is no such session")
    request.app[SESSIONS].close(session_id)
    _audit(request, "session.end", f"user:{request[PRINCIPAL].user_id}")
    return answer(request)


@allow(Kind.USER)
async def show_trusted(request: web.Request) -> web.Response:
    """List the clients that the user trusts."""
    found = sessions.trusts(request.app[DATABASE], request[PRINCIPAL].user_id, now(request.app))
    items = [
        {
            "trust_id": trust.trust_id,
            "client": trust.client,
            "created": trust.created,
            "expires": trust.expires,
        }
        for trust in found
    ]
    return answer(request, {"items": items, "next": None})


@allow(Kind.USER)
@once()
async def end_trust(request: web.Request) -> web.Response:
    """Trust a client no more: its next login needs the second factor."""
    user_id = request[PRINCIPAL].user_id
    if not sessions.end_trust(request.app[DATABASE], user_id, request.match_info["trust_id"]):
        raise RasError(Code.UNKNOWN, "There is no such client")
    _audit(request, "trust.end", f"user:{user_id}")
    return answer(request)


def _audit(request: web.Request, action: str, subject: str) -> None:
    request.app[AUDIT].append(action, actor=request[PRINCIPAL].address, object_=subject)


def _sessions(request: web.Request) -> list[Session]:
    return sessions.of_user(request.app[DATABASE], request[PRINCIPAL].user_id, now(request.app))


def _position(session: Session) -> tuple[int, str]:
    return session.login_at, session.session_id


ROUTES: Final = (
    web.post("/v1/auth/refresh", refresh),
    web.post("/v1/auth/fast", give_fast),
    web.post("/v1/auth/logout", logout),
    web.get("/v1/users/me/sessions", show_sessions),
    web.delete("/v1/users/me/sessions/{session_id}", end_session),
    web.get("/v1/users/me/trusted", show_trusted),
    web.delete("/v1/users/me/trusted/{trust_id}", end_trust),
)
