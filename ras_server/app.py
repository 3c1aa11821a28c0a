"""The application: one process, four modules named after the server types of the standard."""

from collections.abc import AsyncIterator
import os
import time

from aiohttp import web

from . import account, application, console, housekeeping, message, metrics, openapi, rewrap, watch
from .application import checkpoints
from .application.audit import AUDIT, AuditLog
from .concurrency import CONCURRENCY, Concurrency
from .door import REQUEST_TIMEOUT, behind, unknown
from .idempotency import RUNNING
from .keys import CLOCK, DATABASE, RANDOM, SERVER_ID, SETTINGS, STEADY, VAULT, Clock, Random, new_id
from .rate import LIMITER, Limiter
from .routes import ROUTES
from .settings import Settings
from .store import server
from .store.db import Database
from .vault import Vault
from .watch import WATCH, Watch
from .web import LARGE_BODY_SIZE


def create_app(
    settings: Settings,
    *,
    vault: Vault | None = None,
    clock: Clock = time.time,
    steady: Clock = time.monotonic,
    random: Random = os.urandom,
) -> web.Application:
    """Return the server that keeps its data in the folder of the settings.

    A test gives its own clocks and randomness; without a vault the key file is read.
    """

    async def open_database(app: web.Application) -> AsyncIterator[None]:
        with Database(settings.database) as database:
            app[DATABASE] = database
            app[AUDIT] = AuditLog(database, clock, settings.node, durable=settings.flush_audit)
            app[SERVER_ID] = server.identity(database, new_id(app, "ras"))
            yield

    app = web.Application(client_max_size=LARGE_BODY_SIZE)
    app[SETTINGS] = settings
    app[CLOCK] = clock
    app[STEADY] = steady
    app[RANDOM] = random
    app[VAULT] = vault or Vault.from_file(settings.master_key)
    app[RUNNING] = set()
    app[LIMITER] = Limiter()
    app[CONCURRENCY] = Concurrency()
    app[WATCH] = Watch(REQUEST_TIMEOUT)
    shown = console.ROUTES if settings.console else ()
    for route in (*ROUTES, *openapi.OWN_ROUTES, *shown, web.route("*", "/{path:.*}", unknown)):
        handler = behind(route.handler)
        if settings.metrics:
            handler = metrics.measured(handler)
        app.add_routes([web.RouteDef(route.method, route.path, handler, route.kwargs)])
    app.on_shutdown.append(message.close_sockets)
    app.cleanup_ctx.extend(
        (
            watch.context,
            open_database,
            checkpoints.context,
            metrics.context,
            message.context,
            account.context,
            application.context,
            rewrap.context,
            console.context,
            housekeeping.context,
        )
    )
    return app
