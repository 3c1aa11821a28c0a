"""What has run out is dropped, every ten minutes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from aiohttp import web

from .account.tries import DAY
from .application.evidence import POSITIONS, POSITIONS_KEPT
from .application.upkeep import look_after
from .idempotency import KEPT, SECRET_KEPT
from .keys import DATABASE, now
from .message import push
from .store import accounts, answers, messages, sessions, tries

INTERVAL: Final = 600  # seconds


async def context(app: web.Application) -> AsyncIterator[None]:
    """Tidy up while the server runs."""

    async def run() -> None:
        while True:
            tidy_up(app)
            await asyncio.sleep(INTERVAL)

    task = asyncio.create_task(run())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def tidy_up(app: web.Application) -> None:
    """Drop what has run out."""
    database, at = app[DATABASE], now(app)
    answers.forget(database, before=at - KEPT, secrets_before=at - SECRET_KEPT)
    sessions.forget(database, at)
    accounts.forget_verifications(database, at - 3600)
    tries.forget(database, at - DAY)
    messages.forget(database, at - push.KEPT)
    app[POSITIONS].forget(at - POSITIONS_KEPT)
    look_after(app)
