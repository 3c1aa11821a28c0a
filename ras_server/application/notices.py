"""What the server tells the people and gateways of a lock (clause 7.7)."""

from typing import Any

from aiohttp import web

from ..keys import DATABASE, SETTINGS
from ..message.push import PUSH
from ..store import gateways, grants, sites
from .locks import LOCKS, Lock
from .sightings import route

REGISTRATION = 8
"""Kind of message: a device was added, removed, renamed or rotated."""
CONTROL = 1
RESPONSE = 2
STATUS = 3
EVENT = 9


def server_address(app: web.Application) -> str:
    """Return the typed address of this server."""
    return f"ras:{app[SETTINGS].node}"


def household(app: web.Application, lock: Lock) -> list[str]:
    """Return the addresses of the owner and of the household's gateways."""
    if (owner := lock.device.owner) is None:
        return []
    return [f"user:{owner}", *(f"gw:{each}" for each in household_gateways(app, lock))]


def household_gateways(app: web.Application, lock: Lock) -> list[str]:
    """Return the ids of the owner's gateways, and of those that he counts as his household's."""
    if (owner := lock.device.owner) is None:
        return []
    own = [each.gateway_id for each in gateways.all_of_user(app[DATABASE], owner)]
    return list(dict.fromkeys((*own, *sites.gateways_of(app[DATABASE], lock.id))))


def followers(app: web.Application, lock: Lock) -> list[str]:
    """Return the addresses of the owner and of everybody with a live grant."""
    if (owner := lock.device.owner) is None:
        return []
    database, now = app[DATABASE], app[LOCKS].now
    people = dict.fromkeys((owner, *grants.holders(database, lock.id, now)))
    holding = grants.holding_gateways(database, lock.id, now)
    return [*(f"user:{each}" for each in people), *(f"gw:{each}" for each in holding)]


def tell(
    app: web.Application,
    lock: Lock,
    receivers: list[str],
    mi: int,
    body: dict[str, Any],
    *,
    via: str | None = None,
) -> None:
    """Send a message about a lock."""
    for receiver in receivers:
        app[PUSH].publish(receiver, mi, {"device_id": lock.id, **body}, src=lock.address, via=via)


def tell_registration(app: web.Application, lock: Lock, op: str, **more: Any) -> None:
    """Tell the household that something about a lock changed."""
    tell(app, lock, household(app, lock), REGISTRATION, {"op": op, **more})


def ask_delivery(app: web.Application, lock: Lock) -> None:
    """Ask the best connected gateway to deliver what the lock has to be told."""
    for gateway_id in route(app, lock, app[LOCKS].now)[:1]:
        ask_gateway(app, lock, gateway_id)


def ask_gateway(app: web.Application, lock: Lock, gateway_id: str) -> None:
    """Ask a gateway to deliver what the lock has to be told."""
    app[PUSH].publish(
        lock.address,
        CONTROL,
        {"cmd": "deliver", "device_id": lock.id},
        src=server_address(app),
        via=f"gw:{gateway_id}",
    )
