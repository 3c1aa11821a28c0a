"""A lock that its owner does not find, and that is heard again (project profile).

A lost lock is opened by nobody, gets no tickets, and its epoch is raised. Any gateway may hear it:
its owner is told when an advert is authentic, though not where a stranger's gateway stands.
"""

from dataclasses import replace
from typing import Final

from aiohttp import web

from ..idempotency import once
from ..keys import PRINCIPAL
from ..principal import Kind, allow
from ..store.gateways import Gateway
from ..web import answer
from .access import in_household, own_lock
from .audit import AUDIT
from .lifecycle import raise_epoch
from .locks import LOCKS, Lock
from .notices import EVENT, tell
from .shadow import authentic
from .sightings import SIGHTINGS


@allow(Kind.USER, fresh=True)
@once()
async def report_lost(request: web.Request) -> web.Response:
    """Say that a lock is lost."""
    app, lock = request.app, own_lock(request)
    if lock.device.lost is None:
        device = replace(lock.device, lost=app[LOCKS].now)
        app[LOCKS].save(lock, replace(lock.record, device=device))
        app[AUDIT].append("device.lost", request[PRINCIPAL].address, lock.address)
        raise_epoch(app, lock, request[PRINCIPAL].address)
    return answer(request, {"lost": lock.device.lost}, http=202)


@allow(Kind.USER, fresh=True)
@once()
async def report_found(request: web.Request) -> web.Response:
    """Say that a lock is found: it is used again."""
    app, lock = request.app, own_lock(request)
    if lock.device.lost is not None:
        app[LOCKS].save(lock, replace(lock.record, device=replace(lock.device, lost=None)))
        app[AUDIT].append("device.found", request[PRINCIPAL].address, lock.address)
    return answer(request, {"lost": None})


def note_heard(app: web.Application, lock: Lock, gateway: Gateway, service_data: bytes) -> None:
    """Tell the owner of a lost lock that it was heard, if its advert is authentic."""
    now = app[LOCKS].now
    if lock.device.lost is None or authentic(app[LOCKS], lock, service_data) is None:
        return
    if not app[SIGHTINGS].may_tell_found(lock.id, now):
        return
    at_home = in_household(app, lock, gateway)
    app[AUDIT].append("device.heard", f"gw:{gateway.gateway_id}", lock.address)
    body = {"event": "found", "at": now, "gateway": gateway.gateway_id if at_home else None}
    tell(app, lock, [f"user:{lock.device.owner}"], EVENT, body)


ROUTES: Final = (
    web.put("/v1/devices/{device_id}/lost", report_lost),
    web.delete("/v1/devices/{device_id}/lost", report_found),
)
