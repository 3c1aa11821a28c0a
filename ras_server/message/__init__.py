"""Messages: the envelope, push, routing from client to server to gateway."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from aiohttp import web

from ..keys import DATABASE, new_mid, now
from .push import PUSH, Push

ROUTES: Final[tuple[web.RouteDef, ...]] = ()


async def context(app: web.Application) -> AsyncIterator[None]:
    """Keep the connections while the server runs."""
    app[PUSH] = Push(app[DATABASE], partial(now, app), partial(new_mid, app))
    yield
