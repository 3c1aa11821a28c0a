"""What gateways hear, and what they may know of it (clause 7.3; project profile, section 4)."""

from typing import Any, Final

from aiohttp import web
import probatio

from .. import fields
from ..keys import PRINCIPAL
from ..principal import Kind, allow
from ..store.gateways import Gateway
from ..web import answer, body, schema
from .access import in_household, own_gateway, standings_of
from .agenda import next_plan, waits
from .locks import LOCKS, Lock
from .lost import note_heard
from .notices import ask_gateway
from .ownership import OWNED
from .shadow import hear
from .sightings import SIGHTINGS, Sighting, generations, is_open

_MOST: Final = 200
"""Devices in one report."""

_REPORT: Final = schema(
    {
        probatio.Required("seen"): probatio.All(
            [
                schema(
                    {
                        probatio.Required("device_id"): fields.device_id,
                        probatio.Required("rssi"): fields.integer(-127, 20),
                        probatio.Required("service_data"): fields.hexadecimal(0, 29),
                        probatio.Optional("at"): fields.integer(0, 0xFFFFFFFF),
                    }
                )
            ],
            probatio.Length(max=_MOST),
        )
    }
)


@allow(Kind.USER, Kind.GATEWAY)
async def report(request: web.Request) -> web.Response:
    """Take what a gateway hears, and tell what it may know of that."""
    app = request.app
    gateway = own_gateway(request, request.match_info["gateway_id"])
    seen = []
    for each in body(request, _REPORT)["seen"]:
        lock = app[LOCKS].get(each["device_id"])
        if lock is not None:
            note_heard(app, lock, gateway, each["service_data"])
        item = _judge(request, each["device_id"], each["service_data"])
        if item is None:
            continue
        seen.append(item)
        if lock is not None and item["mine"]:
            hear(app, lock, each["service_data"], gateway_id=gateway.gateway_id)
        if lock is not None and in_household(app, lock, gateway):
            sighting = Sighting(each["rssi"], app[LOCKS].now)
            app[SIGHTINGS].note(lock.id, gateway.gateway_id, sighting)
            _ask_again(app, lock, gateway)
    return answer(request, {"seen": seen})


def _ask_again(app: web.Application, lock: Lock, gateway: Gateway) -> None:
    """Ask whoever hears a lock to deliver what it was not told yet, a revocation above all.

    So a revocation arrives by whichever gateway comes near, also if the one that was asked first
    never did it.
    """
    frame, now = lock.record.frame, app[LOCKS].now
    waiting = frame is not None and waits(frame, now)
    if waiting or lock.lease.locked() or next_plan(lock.record, may_commit=False) is None:
        return
    if app[SIGHTINGS].may_ask(lock.id, now):
        ask_gateway(app, lock, gateway.gateway_id)


def _judge(request: web.Request, device_id: str, service_data: bytes) -> dict[str, Any] | None:
    """Return what the caller may know of a device, or None for a stranger's."""
    lock = request.app[LOCKS].get(device_id)
    mine = lock is not None and bool(standings_of(request.app, lock, request[PRINCIPAL]))
    open_window = is_open(service_data)
    if not mine and not open_window:
        return None
    taken = lock is not None and lock.device.state in OWNED
    return {
        "device_id": device_id,
        "known": lock is not None and (mine or not taken),
        "mine": mine,
        "claimable": open_window and (mine or not taken),
        "k_adv_gens": generations(lock) if lock is not None and mine else [],
    }


ROUTES: Final = (web.post("/v1/gateways/{gateway_id}/sightings", report),)
