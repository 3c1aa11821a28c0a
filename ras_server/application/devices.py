"""Devices as their people see them: list, name, users (clause 7.3; project profile, section 5)."""

from dataclasses import replace
from typing import Any, Final

from aiohttp import web
import orjson
import probatio

from .. import fields
from ..errors import Code, RasError
from ..keys import DATABASE, PRINCIPAL, SETTINGS
from ..paging import Position, listing, page
from ..principal import Kind, allow
from ..store import devices as store
from ..store.devices import StoredKey
from ..web import answer, body, schema
from .access import live_lock, own_lock
from .agenda import current_key
from .audit import AUDIT
from .locks import LOCKS, Lock
from .notices import tell_registration
from .sightings import SIGHTINGS

NAME: Final = fields.text(100)

_CHANGE: Final = schema(
    {
        probatio.Required("rev"): fields.integer(1, 2**53),
        probatio.Required("name"): NAME,
    }
)


def device_json(app: web.Application, lock: Lock, *, owner: bool) -> dict[str, Any]:
    """Return a device as the interface shows it; the gateways only to its owner."""
    device, key = lock.device, current_key(lock.record)
    shadow = orjson.loads(device.shadow)
    return {
        "device_id": lock.id,
        "type": "lock",
        "name": device.name,
        "state": device.state,
        "owner": device.owner,
        "gen": 0 if key is None else key.gen,
        "model": shadow.get("model"),
        "fw": shadow.get("fw"),
        "shadow": shadow,
        "gateways": [
            {"gateway_id": gateway_id, "rssi": sighting.rssi, "at": sighting.at}
            for gateway_id, sighting in app[SIGHTINGS].of(lock.id).items()
            if owner
        ],
        "lost": device.lost,
        "rotations_missed": _rotations_missed(app, key),
        "rev": device.rev,
    }


def _rotations_missed(app: web.Application, key: StoredKey | None) -> int:
    """Return how many scheduled re-keys became due since the lock took its present key."""
    period = app[SETTINGS].rekey_days * 86400
    return 0 if not period or key is None else int(app[LOCKS].moment - key.created) // period


@allow(Kind.USER, Kind.GATEWAY)
async def show_all(request: web.Request) -> web.Response:
    """List the devices that the caller owns or has a live grant for."""
    app, asked, principal = request.app, page(request), request[PRINCIPAL]
    holder = principal.user_id, principal.gateway_id
    ids = store.visible_to(app[DATABASE], holder, app[LOCKS].now, asked.after, asked.limit + 1)
    found = [lock for lock in map(app[LOCKS].get, ids) if lock is not None]
    return listing(request, asked, found, _position, lambda lock: _item(request, lock))


def _position(lock: Lock) -> Position:
    return lock.device.created, lock.id


def _item(request: web.Request, lock: Lock) -> dict[str, Any]:
    owner = lock.device.owner == request[PRINCIPAL].user_id
    return device_json(request.app, lock, owner=owner)


@allow(Kind.USER, Kind.GATEWAY)
async def show(request: web.Request) -> web.Response:
    """Show one device."""
    lock, _ = live_lock(request)
    return answer(request, _item(request, lock))


@allow(Kind.USER)
async def change(request: web.Request) -> web.Response:
    """Rename a device."""
    lock, asked = own_lock(request), body(request, _CHANGE)
    device = lock.device
    if asked["rev"] != device.rev:
        raise RasError(Code.CHANGED, "The device was changed in the meantime")
    device = replace(device, name=asked["name"], rev=device.rev + 1)
    request.app[LOCKS].save(lock, replace(lock.record, device=device))
    request.app[AUDIT].append("device.change", request[PRINCIPAL].address, lock.address)
    tell_registration(request.app, lock, "renamed")
    return answer(request, _item(request, lock))


def owned_count(app: web.Application, user_id: str) -> int:
    """Return how many devices a person owns."""
    return len(store.owned_by(app[DATABASE], user_id))


ROUTES: Final = (
    web.get("/v1/devices", show_all),
    web.get("/v1/devices/{device_id}", show),
    web.patch("/v1/devices/{device_id}", change),
)
