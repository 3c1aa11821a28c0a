"""Rotation of the master key: a new one seals at once, the rest is sealed anew in the background.

The old key is dropped when nothing in the database, in the key journal or in a running exchange is
sealed under it any more. What breaks off goes on at the next start.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from .application.audit import AUDIT
from .application.exchanges import EXCHANGES
from .application.locks import LOCKS
from .errors import Code, RasError
from .keys import DATABASE, SETTINGS, VAULT
from .principal import Kind, allow
from .store import sealed
from .web import answer, long_lived

_STEP: Final = 200  # values that are sealed in one transaction


class Rewrap:
    """The rotation that is under way, if any."""

    def __init__(self, app: web.Application) -> None:
        """Begin without one."""
        self._app = app
        self._task: asyncio.Task[None] | None = None
        self.total = 0
        self.done = 0

    @property
    def running(self) -> bool:
        """Return whether values are being sealed anew."""
        return self._task is not None and not self._task.done()

    def begin(self) -> asyncio.Task[None]:
        """Seal everything under the newest key."""
        self._task = asyncio.create_task(self._run())
        return self._task

    async def end(self) -> None:
        """Break off: the server stops."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        app, vault = self._app, self._app[VAULT]
        database = app[DATABASE]
        self.done = 0
        self.total = sum(sealed.count(database, column, vault.key_id) for column in sealed.COLUMNS)
        await self._reseal()
        app[LOCKS].reload()
        for exchange in app[EXCHANGES].under_way:  # it may hold a value as it was, and store it
            await exchange.done.wait()
        await self._reseal()
        app[LOCKS].reload()
        app[LOCKS].journal.reseal(app[LOCKS].custody)
        await database.settle()
        vault.drop_older()
        vault.to_file(app[SETTINGS].master_key)
        app[AUDIT].append(
            "server.key_rotated", "ras:admin", "ras:key", detail={"key": vault.key_id.hex()}
        )
        await database.settle()

    async def _reseal(self) -> None:
        """Seal every value of the database under the newest key."""
        database, vault = self._app[DATABASE], self._app[VAULT]
        for column in sealed.COLUMNS:
            after: tuple[Any, ...] = ()
            while rows := sealed.some(database, column, vault.key_id, after, _STEP):
                with database.write():
                    for row in rows:
                        place = {
                            "table": column.table,
                            "row": column.place(row),
                            "column": column.name,
                        }
                        plain = vault.open(row[column.name], **place)
                        sealed.replace(database, column, row, vault.seal(plain, **place))
                after = tuple(rows[-1][name] for name in column.key)
                self.done += len(rows)
                await asyncio.sleep(0)


@allow(Kind.ADMIN)
@long_lived
async def rotate(request: web.Request) -> web.Response:
    """Make a new master key, seal everything under it, and drop the old one."""
    app, vault = request.app, request.app[VAULT]
    if app[REWRAP].running:
        raise RasError(Code.BUSY, "A rotation is under way")
    vault.add_key()
    vault.to_file(app[SETTINGS].master_key)
    app[AUDIT].append(
        "server.key_rotate", "ras:admin", "ras:key", detail={"key": vault.key_id.hex()}
    )
    await asyncio.shield(app[REWRAP].begin())
    return answer(request, _progress(app))


@allow(Kind.ADMIN)
async def show(request: web.Request) -> web.Response:
    """Tell which key seals, and how far a rotation is."""
    return answer(request, _progress(request.app))


def _progress(app: web.Application) -> dict[str, Any]:
    rewrap, vault = app[REWRAP], app[VAULT]
    return {
        "key": vault.key_id.hex(),
        "older": len(vault.older),
        "running": rewrap.running,
        "done": rewrap.done,
        "total": rewrap.total,
    }


async def context(app: web.Application) -> AsyncIterator[None]:
    """Go on with a rotation that broke off."""
    app[REWRAP] = Rewrap(app)
    if app[VAULT].older:
        app[REWRAP].begin()
    yield
    await app[REWRAP].end()


REWRAP: Final = web.AppKey("rewrap", Rewrap)

ROUTES: Final = (
    web.get("/v1/admin/master-key", show),
    web.post("/v1/admin/master-key/rotate", rotate),
)
