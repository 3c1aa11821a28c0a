"""The logins of the console: a cookie stands for the tokens of one login at the API.

They live in memory only: when the server stops they end, and so do their logins.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from ..account.sessions import SESSIONS, encode_token, hash_token
from ..keys import RANDOM, now

IDLE: Final = 1800  # seconds without a page
LONGEST: Final = 12 * 3600  # seconds
_AT_ONCE: Final = 1000  # visits
_RENEW_BEFORE: Final = 30  # seconds


@dataclass(slots=True, kw_only=True)
class Visit:
    """One login; `login_at`, `access_ends` and `seen` are Unix seconds."""

    user_id: str
    session_id: str
    login_at: int
    access_token: str = field(repr=False)
    access_ends: int
    refresh_token: str = field(repr=False)
    seen: int
    renewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def take(self, tokens: dict[str, Any], at: int) -> None:
        """Keep new tokens of the same login."""
        self.access_token = tokens["access_token"]
        self.refresh_token = tokens["refresh_token"]
        self.access_ends = at + tokens["expires_in"]

    def is_stale(self, at: int) -> bool:
        """Return whether the access token has to be renewed."""
        return at >= self.access_ends - _RENEW_BEFORE

    def is_over(self, at: int) -> bool:
        """Return whether the visitor has to log in again."""
        return at >= min(self.seen + IDLE, self.login_at + LONGEST)


VISITS: Final[web.AppKey[dict[bytes, Visit]]] = web.AppKey("visits")
"""The visits under the hashes of their cookies."""


def new_cookie(app: web.Application) -> str:
    """Return a new cookie: 32 random bytes in base64url."""
    return encode_token(app[RANDOM](32))


def open_visit(app: web.Application, tokens: dict[str, Any]) -> str:
    """Begin a visit with the tokens of a login, and return its cookie."""
    at = now(app)
    for hashed, visit in list(app[VISITS].items()):
        if visit.is_over(at) or len(app[VISITS]) >= _AT_ONCE:
            _end(app, hashed)
    principal = app[SESSIONS].principal(tokens["access_token"], at)
    cookie = new_cookie(app)
    app[VISITS][hash_token(cookie)] = Visit(
        user_id=principal.user_id,
        session_id=principal.session_id,
        login_at=principal.login_at,
        access_token=tokens["access_token"],
        access_ends=at + tokens["expires_in"],
        refresh_token=tokens["refresh_token"],
        seen=at,
    )
    return cookie


def find_visit(app: web.Application, cookie: str) -> Visit | None:
    """Return the visit of a cookie, which is seen now."""
    at, hashed = now(app), hash_token(cookie)
    visit = app[VISITS].get(hashed)
    if visit is None:
        return None
    if visit.is_over(at):
        _end(app, hashed)
        return None
    visit.seen = at
    return visit


def end_visit(app: web.Application, cookie: str) -> None:
    """End the visit of a cookie, and its login."""
    _end(app, hash_token(cookie))


def end_visits(app: web.Application) -> None:
    """End all visits, and their logins."""
    visits = app[VISITS]
    for hashed in list(visits):
        _end(app, hashed)


def _end(app: web.Application, hashed: bytes) -> None:
    if (visit := app[VISITS].pop(hashed, None)) is not None:
        app[SESSIONS].close(visit.session_id)
