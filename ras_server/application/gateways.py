"""What the end of a gateway means for the locks it could reach (protocol 15.3)."""

from aiohttp import web

from .access import GATEWAYS
from .lifecycle import raise_epoch, start_rekey
from .locks import LOCKS
from .managers import withdraw
from .sightings import SIGHTINGS
from .tickets import live_tickets


def gateway_removed(app: web.Application, gateway_id: str) -> None:
    """End what a gateway gave and has: locks it had tickets for get a new epoch and a new key."""
    app[SIGHTINGS].forget_gateway(gateway_id)
    app[GATEWAYS].pop(gateway_id, None)
    actor = f"gw:{gateway_id}"
    withdraw(app, gateway_id, actor)
    entries = live_tickets(app, None)
    reached = {entry["object"] for entry in entries if entry["detail"]["gateway"] == gateway_id}
    for address in sorted(reached):
        if (lock := app[LOCKS].get(address.removeprefix("dev:"))) is not None and lock.device.owner:
            raise_epoch(app, lock, actor)
            start_rekey(app, lock, "gateway_removed", actor)
