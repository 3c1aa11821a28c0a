"""What the end of a gateway means for the locks it could reach (protocol 15.3)."""

from collections.abc import Iterator
from typing import Any

from aiohttp import web

from ..keys import DATABASE
from ..store import gateways as store, grants
from ..store.gateways import Gateway
from .access import GATEWAYS, in_household
from .agenda import current_key
from .granting import end_each, end_keys, renew
from .locks import LOCKS, Lock
from .managers import withdraw
from .sightings import SIGHTINGS
from .tickets import LONGEST_OF_ALL, tickets_since


def gateway_removed(app: web.Application, gateway: Gateway) -> None:
    """End what a gateway gave and has.

    Locks whose K_adv it may know, as one of the household, get a new epoch and a new key. At the
    others only the tickets of its person end: he could end those of the home again and again.
    """
    app[SIGHTINGS].forget_gateway(gateway.gateway_id)
    app[GATEWAYS].pop(gateway.gateway_id, None)
    actor = f"gw:{gateway.gateway_id}"
    withdraw(app, gateway.gateway_id, actor)
    end_each(app, grants.live_of_gateway(app[DATABASE], gateway.gateway_id), actor)
    for device_id in store.reached(app[DATABASE], gateway):
        lock = app[LOCKS].get(device_id)
        if lock is None or not lock.device.owner:
            continue
        if not in_household(app, lock, gateway):
            _end_tickets(app, lock, gateway)
        elif _has_something(app, lock, gateway):
            end_keys(app, lock, actor)


def _end_tickets(app: web.Application, lock: Lock, gateway: Gateway) -> None:
    """End the tickets of somebody's gateway, which has no keys of adverts; nobody else's end."""
    since = app[LOCKS].now - LONGEST_OF_ALL
    uids = {entry["detail"]["uid"] for entry in _tickets(app, lock, gateway, since)}
    for grant in grants.of_person(app[DATABASE], lock.id, gateway.user_id):
        if grant.revoked is None and grant.uid in uids:
            renew(app, lock, grant, f"gw:{gateway.gateway_id}")


def _has_something(app: web.Application, lock: Lock, gateway: Gateway) -> bool:
    """Return whether a gateway has a ticket that may live, or the present K_adv of a lock."""
    since, key = app[LOCKS].now - LONGEST_OF_ALL, current_key(lock.record)
    if key is not None:
        since = min(since, key.created)
    return any(_tickets(app, lock, gateway, since))


def _tickets(
    app: web.Application, lock: Lock, gateway: Gateway, since: int
) -> Iterator[dict[str, Any]]:
    """Yield the entries of the audit of the tickets that a gateway took since a time."""
    actor = f"gw:{gateway.gateway_id}"
    return (entry for entry in tickets_since(app, lock, since) if entry["actor"] == actor)
