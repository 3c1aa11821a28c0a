"""What the end of a gateway means for the locks it could reach (protocol 15.3)."""

from aiohttp import web

from ..keys import DATABASE
from ..store import gateways as store, grants
from ..store.gateways import Gateway
from .access import GATEWAYS, in_household
from .agenda import current_key
from .granting import end_each, end_keys
from .locks import LOCKS, Lock
from .managers import withdraw
from .sightings import SIGHTINGS
from .tickets import LONGEST_OF_ALL, tickets_since


def gateway_removed(app: web.Application, gateway: Gateway) -> None:
    """End what a gateway gave and has: locks it had tickets for get a new epoch and a new key."""
    app[SIGHTINGS].forget_gateway(gateway.gateway_id)
    app[GATEWAYS].pop(gateway.gateway_id, None)
    actor = f"gw:{gateway.gateway_id}"
    withdraw(app, gateway.gateway_id, actor)
    end_each(app, grants.live_of_gateway(app[DATABASE], gateway.gateway_id), actor)
    for device_id in store.reached(app[DATABASE], gateway):
        lock = app[LOCKS].get(device_id)
        if lock is not None and lock.device.owner and _has_something(app, lock, gateway):
            end_keys(app, lock, actor)


def _has_something(app: web.Application, lock: Lock, gateway: Gateway) -> bool:
    """Return whether a gateway has a ticket that may live, or the present K_adv of a lock."""
    since, key = app[LOCKS].now - LONGEST_OF_ALL, current_key(lock.record)
    if key is not None and in_household(app, lock, gateway):
        since = min(since, key.created)
    actor = f"gw:{gateway.gateway_id}"
    return any(entry["actor"] == actor for entry in tickets_since(app, lock, since))
