"""What anybody may ask: does the server live, is it ready, what is it (project profile, 12)."""

from typing import Any, Final

from aiohttp import web

from .application.locks import LOCKS
from .errors import Code, RasError
from .keys import DATABASE, SERVER_ID, SETTINGS
from .principal import public
from .version import SCHEMA, VERSION
from .web import answer


@public
async def healthz(request: web.Request) -> web.Response:
    """Tell that the process answers."""
    return answer(request)


@public
async def readyz(request: web.Request) -> web.Response:
    """Tell whether the server can do its work."""
    if request.app[DATABASE].failure is not None:
        raise RasError(Code.NOT_READY, "The database could not be written")
    _ = request.app[LOCKS].now  # raises if the own clock is in doubt
    return answer(request)


@public
async def info(request: web.Request) -> web.Response:
    """Describe the server to a client that does not know it yet."""
    return answer(request, server_info(request.app))


def server_info(app: web.Application) -> dict[str, Any]:
    """Return what a client has to know before it logs in."""
    settings = app[SETTINGS]
    return {
        "name": settings.name,
        "server_id": app[SERVER_ID],
        "version": VERSION,
        "node": settings.node,
        "schema": {"min": SCHEMA, "max": SCHEMA},
        "features": ["push", "tickets", "relay", "operate"],
    }


ROUTES: Final = (
    web.get("/healthz", healthz),
    web.get("/readyz", readyz),
    web.get("/v1/info", info),
)
