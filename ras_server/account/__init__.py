"""Accounts: users and their logins (UDMS, SCS), gateways."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from aiohttp import web

from ..application.audit import AUDIT
from ..errors import Code
from ..keys import DATABASE, RANDOM, SETTINGS, new_id
from ..message.push import PUSH
from . import export, gateways, login, people, registration, second_factor, tokens
from .delivery import DELIVER, delivery
from .login import LOGINS
from .sessions import SESSIONS, Sessions

ROUTES: Final = (
    *registration.ROUTES,
    *login.ROUTES,
    *tokens.ROUTES,
    *people.ROUTES,
    *second_factor.ROUTES,
    *export.ROUTES,
    *gateways.ROUTES,
)


async def context(app: web.Application) -> AsyncIterator[None]:
    """Keep the logins while the server runs."""
    app[LOGINS] = {}
    app[DELIVER] = delivery(app[SETTINGS])
    app[SESSIONS] = Sessions(
        app[DATABASE],
        app[RANDOM],
        partial(new_id, app),
        app[PUSH].close_where,
        partial(_stolen, app),
    )
    yield


def _stolen(app: web.Application, user_id: str) -> None:
    """Write to the audit that somebody had a token of the user."""
    app[AUDIT].append(
        "session.stolen",
        actor="user:unknown",
        object_=f"user:{user_id}",
        result=int(Code.TOKEN_INVALID),
    )
