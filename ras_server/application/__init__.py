"""Devices, their keys and everything that is done with them: DDMS and SCS (clauses 7.3 to 7.5)."""

from asyncio import Lock, gather
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from aiohttp import web

from ..keys import CLOCK, DATABASE, GUESTS, RANDOM, SETTINGS, VAULT, new_id
from ..message.push import PUSH
from . import (
    audits,
    bridge,
    changejournal,
    clock,
    codes,
    configuration,
    confirmations,
    devices,
    discovery,
    grants,
    guests,
    imports,
    lifecycle,
    locklog,
    lost,
    managers,
    operations,
    pending,
    people,
    rows,
    sites,
    tickets,
    transfer,
    witnesses,
)
from .access import GATEWAYS
from .approvals import ASKS, Asks
from .audit import AUDIT
from .audits import TURN
from .changejournal import ChangeJournal
from .custody import Custody
from .errand import ERRANDS, take_response
from .evidence import CONFIRMATIONS, POSITIONS, Confirmations, Positions
from .exchanges import EXCHANGES, Exchanges
from .keyjournal import FILE, KeyJournal
from .locks import LOCKS, Locks
from .notices import tell_registration
from .permits import TOLD
from .progress import end_abandoned
from .reports import take_report
from .sightings import SIGHTINGS, Sightings

ROUTES: Final = (
    *tickets.ROUTES,  # first: the router tries one after the other, and this one has to be fast
    *discovery.ROUTES,
    *devices.ROUTES,
    *rows.ROUTES,
    *configuration.ROUTES,
    *lifecycle.ROUTES,
    *transfer.ROUTES,
    *lost.ROUTES,
    *bridge.ROUTES,
    *pending.ROUTES,
    *operations.ROUTES,
    *codes.ROUTES,
    *grants.ROUTES,
    *managers.ROUTES,
    *guests.ROUTES,
    *confirmations.ROUTES,
    *sites.ROUTES,
    *people.ROUTES,
    *locklog.ROUTES,
    *audits.ROUTES,
    *witnesses.ROUTES,
    *imports.ROUTES,
    *clock.ROUTES,
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
    app[LOCKS].on_forget = lambda lock: tell_registration(app, lock, "removed")
    app[AUDIT].listeners.append(
        ChangeJournal(app[SETTINGS].folder / changejournal.FILE, app[DATABASE]).listen
    )
    app[EXCHANGES] = Exchanges(app[LOCKS])
    app[SIGHTINGS] = Sightings()
    app[GATEWAYS] = {}
    app[TURN] = Lock()
    app[POSITIONS] = Positions()
    app[CONFIRMATIONS] = Confirmations(partial(new_id, app))
    app[ASKS] = Asks(partial(new_id, app))
    app[TOLD] = {}
    app[GUESTS] = guests.guest
    app[ERRANDS] = {}
    app[PUSH].on(2, partial(take_response, app))
    for mi in (3, 4, 9, 10):
        app[PUSH].on(mi, partial(take_report, app))
    end_abandoned(app)
    yield
    tasks = [task for _, task in app[ERRANDS].values()]
    for task in tasks:
        task.cancel()
    app[EXCHANGES].close()
    await gather(*tasks, return_exceptions=True)
