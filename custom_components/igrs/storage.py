"""What the gateway keeps of its locks: tickets and keys, in a private file of Home Assistant.

A lock's own key never comes here. With the tickets in this file the doors work while the RAS
is down, until the tickets end (project profile, protocol 3).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store

from .const import DOMAIN
from .igrs_codec.bsld.frame import Capability
from .igrs_codec.bsld.keys import device_id_from_text
from .igrs_codec.bsld.ticket import Ticket
from .igrs_codec.bsld.values import Version

STORAGE_VERSION: Final = 1
SAVE_DELAY: Final = 1  # seconds


@dataclass(slots=True, kw_only=True)
class LockMemory:
    """What is kept of one lock.

    tickets and k_adv (16 bytes each) by generation; next_record is the log record to read
    next for the RAS, last_record the newest that was shown here (both u16).
    """

    tickets: dict[int, Ticket] = field(default_factory=dict, repr=False)
    k_adv: dict[int, bytes] = field(default_factory=dict, repr=False)
    version: Version | None = None
    next_record: int | None = None
    last_record: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what is written to the file."""
        return {
            "tickets": [ticket.to_json() for ticket in self.tickets.values()],
            "k_adv": {str(gen): key.hex() for gen, key in self.k_adv.items()},
            "version": None if self.version is None else list(self.version),
            "next_record": self.next_record,
            "last_record": self.last_record,
        }


def _lock_from_json(device_id: str, data: dict[str, Any]) -> LockMemory:
    device = device_id_from_text(device_id)
    tickets = [Ticket.from_json(device, ticket) for ticket in data["tickets"]]
    version = data["version"]
    return LockMemory(
        tickets={ticket.gen: ticket for ticket in tickets},
        k_adv={int(gen): bytes.fromhex(key) for gen, key in data["k_adv"].items()},
        version=None
        if version is None
        else Version(*version)._replace(capabilities=Capability(version[-1])),
        next_record=data["next_record"],
        last_record=data["last_record"],
    )


class Memory:
    """The file of one config entry."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Name the file."""
        self._store = Store[dict[str, Any]](
            hass, STORAGE_VERSION, f"{DOMAIN}.{entry_id}", private=True, atomic_writes=True
        )
        self._locks: dict[str, LockMemory] = {}
        self.names: dict[int, str] = {}  # of people, by user account ID

    async def async_load(self) -> None:
        """Read the file, if there is one."""
        if (data := await self._store.async_load()) is None:
            return
        self._locks = {
            device_id: _lock_from_json(device_id, lock) for device_id, lock in data["locks"].items()
        }
        self.names = {int(uid): name for uid, name in data["names"].items()}

    def lock(self, device_id: str) -> LockMemory:
        """Return what is kept of a lock; change it, then save."""
        return self._locks.setdefault(device_id, LockMemory())

    @property
    def has_tickets(self) -> bool:
        """Return whether any lock can be operated without the RAS."""
        return any(lock.tickets for lock in self._locks.values())

    @callback
    def keep(
        self, device_id: str, tickets: Iterable[Mapping[str, Any]], k_adv: Mapping[int, bytes]
    ) -> None:
        """Take over what the RAS handed out; without keys, those that are there stay."""
        device = device_id_from_text(device_id)
        found = [Ticket.from_json(device, dict(ticket)) for ticket in tickets]
        lock = self.lock(device_id)
        lock.tickets.clear()  # in place: a link may be using them
        lock.tickets.update((ticket.gen, ticket) for ticket in found)
        lock.k_adv = dict(k_adv) or lock.k_adv
        self.save()

    @callback
    def forget(self, device_id: str) -> None:
        """Drop everything about a lock."""
        self._locks.pop(device_id, None)
        self.save()

    @callback
    def save(self) -> None:
        """Write the file soon."""
        self._store.async_delay_save(self._as_json, SAVE_DELAY)

    async def async_save(self) -> None:
        """Write the file now."""
        await self._store.async_save(self._as_json())

    async def async_remove(self) -> None:
        """Delete the file."""
        await self._store.async_remove()

    def _as_json(self) -> dict[str, Any]:
        return {
            "locks": {device_id: lock.as_json() for device_id, lock in self._locks.items()},
            "names": {str(uid): name for uid, name in self.names.items()},
        }
