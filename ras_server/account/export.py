"""A user takes along everything that is stored about him (UDMS)."""

import asyncio
from typing import Final

from aiohttp import web

from .. import rate
from ..application.audit import AUDIT
from ..keys import DATABASE, PRINCIPAL, SETTINGS
from ..principal import Kind, allow
from ..store.export import export
from ..web import answer, long_lived

_OFTEN: Final = rate.Rate(1 / 60, 5)
"""Each reads the whole audit."""


@allow(Kind.USER, fresh=True)
@long_lived
async def show(request: web.Request) -> web.Response:
    """Return everything stored about the user; secrets are not part of it."""
    who = request[PRINCIPAL]
    rate.check(request.app, ("export", who.user_id), _OFTEN)
    request.app[AUDIT].append("user.export", actor=who.address, object_=who.address)
    await request.app[DATABASE].settle()
    data = await asyncio.to_thread(export, request.app[SETTINGS].database, who.user_id)
    return answer(request, data)


ROUTES: Final = (web.get("/v1/users/me/export", show),)
