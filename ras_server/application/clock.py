"""The server's own clock: an operator accepts a lower one (protocol 12; section 12)."""

from typing import Final

from aiohttp import web

from ..keys import CLOCK, DATABASE
from ..principal import Kind, allow
from ..store import devices as store
from ..web import answer
from .audit import AUDIT
from .locks import LOCKS
from .notices import ask_delivery, server_address
from .sightings import SIGHTINGS


@allow(Kind.ADMIN)
async def confirm(request: web.Request) -> web.Response:
    """Accept the clock as it is now, and have every lock's clock set anew."""
    app, now = request.app, int(request.app[CLOCK]())
    before = app[LOCKS].confirm_clock(now)
    locks = store.want_time(app[DATABASE])
    app[LOCKS].reload()
    app[AUDIT].append(
        "server.clock", "ras:admin", server_address(app), detail={"before": before, "now": now}
    )
    for device_id in app[SIGHTINGS].known:
        if (lock := app[LOCKS].get(device_id)) is not None:
            ask_delivery(app, lock)
    return answer(request, {"before": before, "now": now, "locks": locks})


ROUTES: Final = (web.post("/v1/admin/clock/confirm", confirm),)
