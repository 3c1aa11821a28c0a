"""Devices, their keys and everything that is done with them: DDMS and SCS (clauses 7.3 to 7.5)."""

from asyncio import Lock
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from aiohttp import web

from ..keys import CLOCK, DATABASE, RANDOM, SETTINGS, VAULT, new_id
from ..message.push import PUSH
from . import (
    audits,
    bridge,
    devices,
    grants,
    imports,
    lifecycle,
    locklog,
    operations,
    pending,
    sightings,
    tickets,
    witnesses,
)
from .access import GATEWAYS
from .audit import AUDIT
from .audits import TURN
from .custody import Custody
from .exchanges import EXCHANGES, Exchanges
from .keyjournal import FILE, KeyJournal
from .locks import LOCKS, Locks
from .operations import ERRANDS, take_response
from .reports import take_report
from .sightings import SIGHTINGS, Sightings

ROUTES: Final = (
    *tickets.ROUTES,  # first: the router tries one after the other, and this one has to be fast
    *sightings.ROUTES,
    *devices.ROUTES,
    *lifecycle.ROUTES,
    *bridge.ROUTES,
    *pending.ROUTES,
    *operations.ROUTES,
    *grants.ROUTES,
    *locklog.ROUTES,
    *audits.ROUTES,
    *witnesses.ROUTES,
    *imports.ROUTES,
)
"""The routes of the application server, in the order of the clauses."""


async def context(app: web.Application) -> AsyncIterator[None]:
    """Keep the devices while the server runs, and take the messages about them."""
    app[LOCKS] = Locks(
        db=app[DATABASE],
        custody=Custody(app[VAULT], app[RANDOM]),
        journal=KeyJournal(app[SETTINGS].folder / FILE),
        audit=app[AUDIT],
        clock=app[CLOCK],
        random=app[RANDOM],
        new_id=partial(new_id, app),
    )
    app[EXCHANGES] = Exchanges(app[LOCKS])
    app[SIGHTINGS] = Sightings()
    app[GATEWAYS] = {}
    app[TURN] = Lock()
    app[ERRANDS] = {}
    app[PUSH].on(2, partial(take_response, app))
    for mi in (3, 4, 9, 10):
        app[PUSH].on(mi, partial(take_report, app))
    yield
    for _, task in app[ERRANDS].values():
        task.cancel()
    app[EXCHANGES].close()
