"""Which gateway hears which lock: hints for routing, kept in memory (clause 7.3)."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from igrs_codec.bsld.advert import parse_unowned
from igrs_codec.errors import IgrsError

from ..message.push import PUSH
from .locks import Lock
from .ownership import Phase

FRESH: Final = 60
"""Seconds that a sighting counts for routing."""
FOUND_AGAIN: Final = 3600
"""Seconds before an owner is told again that a lost lock is heard."""
ASK_AGAIN: Final = 60
"""Seconds before a gateway that hears a lock is asked again to deliver what is due."""


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
        self._asked: dict[str, int] = {}
        self._found: dict[str, int] = {}

    def note(self, device_id: str, gateway_id: str, sighting: Sighting) -> None:
        """Keep a sighting."""
        self._seen.setdefault(device_id, {})[gateway_id] = sighting

    def of(self, device_id: str) -> dict[str, Sighting]:
        """Return the last sightings of a lock, by gateway."""
        return self._seen.get(device_id, {})

    def may_tell_found(self, device_id: str, now: int) -> bool:
        """Return whether a lost lock was not told of for an hour, and count that as done."""
        if now - self._found.get(device_id, 0) < FOUND_AGAIN:
            return False
        self._found[device_id] = now
        return True

    def may_ask(self, device_id: str, now: int) -> bool:
        """Return whether a gateway is to be asked for a delivery, and count that as done."""
        if now - self._asked.get(device_id, 0) < ASK_AGAIN:
            return False
        self._asked[device_id] = now
        return True

    @property
    def known(self) -> list[str]:
        """Return the locks that were heard."""
        return list(self._seen)

    def forget_device(self, device_id: str) -> None:
        """Forget who heard a lock: it changes hands."""
        self._seen.pop(device_id, None)

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
