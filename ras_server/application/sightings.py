"""Which gateway hears which lock: hints for routing, kept in memory (clause 7.3)."""

from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
import probatio

from igrs_codec.bsld.advert import parse_unowned
from igrs_codec.errors import IgrsError

from .. import fields
from ..keys import PRINCIPAL
from ..message.push import PUSH
from ..principal import Kind, allow
from ..web import answer, body, schema
from .access import own_gateway, standings
from .locks import LOCKS, Lock
from .ownership import OWNED, Phase

FRESH: Final = 60
"""Seconds that a sighting counts for routing."""
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


@dataclass(frozen=True, slots=True)
class Sighting:
    """A gateway heard a lock: RSSI in dBm, and when, in Unix seconds."""

    rssi: int
    at: int


class Sightings:
    """The last sighting of each known lock by each gateway."""

    def __init__(self) -> None:
        """Begin without any."""
        self._seen: dict[str, dict[str, Sighting]] = {}

    def note(self, device_id: str, gateway_id: str, sighting: Sighting) -> None:
        """Keep a sighting."""
        self._seen.setdefault(device_id, {})[gateway_id] = sighting

    def of(self, device_id: str) -> dict[str, Sighting]:
        """Return the last sightings of a lock, by gateway."""
        return self._seen.get(device_id, {})

    def forget_gateway(self, gateway_id: str) -> None:
        """Forget what a gateway heard."""
        for seen in self._seen.values():
            seen.pop(gateway_id, None)


def route(app: web.Application, lock: Lock, now: int) -> list[str]:
    """Return the connected gateways that may reach a lock, the best first.

    Who heard it in the last minute comes first, by signal strength; then who heard it last.
    """
    seen = app[SIGHTINGS].of(lock.id)
    online = [gateway for gateway in seen if app[PUSH].online(f"gw:{gateway}")]

    def rank(gateway: str) -> tuple[bool, int]:
        sighting = seen[gateway]
        fresh = now - sighting.at <= FRESH
        return fresh, sighting.rssi if fresh else sighting.at

    return sorted(online, key=rank, reverse=True)


@allow(Kind.USER, Kind.GATEWAY)
async def report(request: web.Request) -> web.Response:
    """Take what a gateway hears, and tell what it may know of that."""
    gateway_id = own_gateway(request, request.match_info["gateway_id"]).gateway_id
    seen = []
    for each in body(request, _REPORT)["seen"]:
        item = _judge(request, each["device_id"], each["service_data"])
        if item is None:
            continue
        seen.append(item)
        if is_household(request.app, each["device_id"], request[PRINCIPAL].user_id):
            sighting = Sighting(each["rssi"], request.app[LOCKS].now)
            request.app[SIGHTINGS].note(each["device_id"], gateway_id, sighting)
    return answer(request, {"seen": seen})


def _judge(request: web.Request, device_id: str, service_data: bytes) -> dict[str, Any] | None:
    """Return what the caller may know of a device, or None for a stranger's."""
    lock = request.app[LOCKS].get(device_id)
    mine = lock is not None and bool(standings(request.app, lock, request[PRINCIPAL].user_id))
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


def is_household(app: web.Application, device_id: str, user_id: str) -> bool:
    """Return whether a person owns a lock, so that his gateways are of its household."""
    lock = app[LOCKS].get(device_id)
    return lock is not None and lock.device.owner == user_id


def generations(lock: Lock) -> list[int]:
    """Return the generations whose adverts a gateway can read now or soon."""
    shown = {Phase.CURRENT, Phase.READY, Phase.SENT}
    return sorted({key.gen for key in lock.record.keys if key.phase in shown})


def is_open(service_data: bytes) -> bool:
    """Return whether an advert is of an unowned lock with an open pairing window."""
    try:
        return parse_unowned(service_data).window_open
    except IgrsError:
        return False


SIGHTINGS: Final = web.AppKey("sightings", Sightings)

ROUTES: Final = (web.post("/v1/gateways/{gateway_id}/sightings", report),)
