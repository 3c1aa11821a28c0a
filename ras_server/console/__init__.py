"""The web console: pages for the owner of locks, which ask the API as any other client does."""

from collections.abc import AsyncIterator
from importlib import resources
from typing import Final

from aiohttp import web

from ..errors import Code, RasError
from ..keys import DATABASE
from . import (
    account,
    codes,
    confirmations,
    events,
    factor,
    grants,
    guest,
    handover,
    links,
    locks,
    login,
    registration,
    sites,
)
from .page import HOME, Visitor, page
from .password import PROVER, Prover
from .visits import VISITS, end_visits

_STYLE: Final = (resources.files(__package__) / "templates/style.css").read_text(encoding="utf-8")


async def style(_: Visitor) -> web.Response:
    """Return the one style sheet."""
    return web.Response(text=_STYLE, content_type="text/css")


async def nothing(_: Visitor) -> web.Response:
    """Tell that there is no such page."""
    raise RasError(Code.UNKNOWN, "There is no such page")


async def enter(visitor: Visitor) -> web.Response:
    """Show the way to the console to who opens the address of the server."""
    return visitor.go(HOME)


async def context(app: web.Application) -> AsyncIterator[None]:
    """Keep the visits while the server runs, and end their logins with it."""
    app[VISITS] = {}
    app[PROVER] = Prover()
    yield
    app[PROVER].close()
    end_visits(app)
    await app[DATABASE].settle()


ROUTES: Final = (
    web.get("/", page(enter, open_to_all=True)),
    web.get("/console", page(enter, open_to_all=True)),
    web.get("/console/style.css", page(style, open_to_all=True)),
    *login.ROUTES,
    *registration.ROUTES,
    *locks.ROUTES,
    *confirmations.ROUTES,
    *grants.ROUTES,
    *links.ROUTES,
    *codes.ROUTES,
    *handover.ROUTES,
    *sites.ROUTES,
    *events.ROUTES,
    *account.ROUTES,
    *factor.ROUTES,
    *guest.ROUTES,
    web.get("/console/{rest:.*}", page(nothing, open_to_all=True)),
)
