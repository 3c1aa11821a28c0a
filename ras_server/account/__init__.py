"""Accounts: users and their logins (UDMS, SCS), gateways."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from aiohttp import web

from ..keys import DATABASE, RANDOM, SETTINGS, new_id
from ..message.push import PUSH
from . import gateways, login, people, registration, tokens
from .delivery import DELIVER, delivery
from .login import LOGINS
from .sessions import SESSIONS, Sessions
from .tries import TRIES, Tries

ROUTES: Final = (
    *registration.ROUTES,
    *login.ROUTES,
    *tokens.ROUTES,
    *people.ROUTES,
    *gateways.ROUTES,
)


async def context(app: web.Application) -> AsyncIterator[None]:
    """Keep the logins while the server runs."""
    app[LOGINS] = {}
    app[TRIES] = Tries()
    app[DELIVER] = delivery(app[SETTINGS].delivery)
    app[SESSIONS] = Sessions(
        app[DATABASE], app[RANDOM], partial(new_id, app), app[PUSH].close_where
    )
    yield
