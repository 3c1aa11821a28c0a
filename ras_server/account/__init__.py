"""Accounts: users and their logins (UDMS, SCS), gateways."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from aiohttp import web

from ..keys import DATABASE, RANDOM, new_id
from ..message.push import PUSH
from .sessions import SESSIONS, Sessions

ROUTES: Final[tuple[web.RouteDef, ...]] = ()


async def context(app: web.Application) -> AsyncIterator[None]:
    """Keep the logins while the server runs."""
    app[SESSIONS] = Sessions(
        app[DATABASE], app[RANDOM], partial(new_id, app), app[PUSH].close_where
    )
    yield
