"""Messages: the envelope, push, routing from client to server to gateway."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from aiohttp import web

from ..keys import DATABASE, new_mid, now
from . import socket
from .push import LEAVING, PUSH, Push

ROUTES: Final = socket.ROUTES


async def context(app: web.Application) -> AsyncIterator[None]:
    """Keep the connections while the server runs."""
    app[PUSH] = Push(app[DATABASE], partial(now, app), partial(new_mid, app))
    yield


async def close_sockets(app: web.Application) -> None:
    """Tell everybody that this node is leaving."""
    app[PUSH].close_where(lambda _: True, LEAVING)
