"""What the gateway keeps of its locks: tickets and keys, in a private file of Home Assistant.

A lock's own key never comes here. With the tickets in this file the doors work while the RAS
is down, until the tickets end (project profile, protocol 3).
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, NamedTuple

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store

from .const import DOMAIN
from .igrs_codec.bsld.frame import Capability, Event, Method, Record
from .igrs_codec.bsld.keys import device_id_from_text
from .igrs_codec.bsld.ticket import Ticket
from .igrs_codec.bsld.values import Version

STORAGE_VERSION: Final = 1
SAVE_DELAY: Final = 1  # seconds
MANAGED: Final = 1000  # messages that are known to be from here


class Measured(NamedTuple):
    """An operation that was asked for here: whether it was done, and its time in seconds.

    opened says that it was an unlock.
    """

    done: bool
    seconds: float
    opened: bool


class Tries(NamedTuple):
    """How many voice PINs in a row were wrong, and until when (Unix s) none is compared."""

    wrong: int
    until: float


NO_TRIES: Final = Tries(0, 0)


@dataclass(slots=True, kw_only=True)
class LockMemory:
    """What is kept of one lock.

    tickets and k_adv (16 bytes each) by generation, people's own tickets by person too;
    next_record is the log record to read next for the RAS, last_record the newest that was
    shown here (both u16), unsent what was read and the RAS has not got yet, gap the first and
    last record that it misses; answers are the lock's to queued frames, and the RAS has not got
    them yet. tampered says that nobody has cleared a tamper alarm since, impersonated
    that somebody else managed access with the login of this gateway; last_user and last_how tell
    of the last movement; pins are the persons of whom the RAS wants a PIN.
    """

    tickets: dict[int, Ticket] = field(default_factory=dict, repr=False)
    people: dict[str, dict[int, Ticket]] = field(default_factory=dict, repr=False)
    k_adv: dict[int, bytes] = field(default_factory=dict, repr=False)
    version: Version | None = None
    next_record: int | None = None
    last_record: int | None = None
    unsent: list[Record] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list, repr=False)
    gap: tuple[int, int] | None = None
    tampered: bool = False
    impersonated: bool = False
    operations: list[Measured] = field(default_factory=list)
    last_user: str | None = None
    last_how: str | None = None
    pins: set[str] = field(default_factory=set)

    def of(self, person: str | None) -> dict[int, Ticket]:
        """Return the tickets of a person, or those of the household."""
        return self.tickets if person is None else self.people.setdefault(person, {})

    def as_json(self) -> dict[str, Any]:
        """Return what is written to the file."""
        return {
            "tickets": _tickets_as_json(self.tickets),
            "people": {
                person: _tickets_as_json(tickets) for person, tickets in self.people.items()
            },
            "k_adv": {str(gen): key.hex() for gen, key in self.k_adv.items()},
            "version": None if self.version is None else list(self.version),
            "next_record": self.next_record,
            "last_record": self.last_record,
            "unsent": [asdict(record) for record in self.unsent],
            "answers": [packet.hex() for packet in self.answers],
            "gap": self.gap,
            "tampered": self.tampered,
            "impersonated": self.impersonated,
            "operations": [list(operation) for operation in self.operations],
            "last_user": self.last_user,
            "last_how": self.last_how,
            "pins": sorted(self.pins),
        }


def _tickets_as_json(tickets: Mapping[int, Ticket]) -> list[dict[str, Any]]:
    return [ticket.to_json() for ticket in tickets.values()]


def _tickets_from_json(device: bytes, tickets: Iterable[Mapping[str, Any]]) -> dict[int, Ticket]:
    found = [Ticket.from_json(device, dict(ticket)) for ticket in tickets]
    return {ticket.gen: ticket for ticket in found}


def _record_from_json(data: dict[str, Any]) -> Record:
    return Record(**{**data, "method": Method(data["method"]), "event": Event(data["event"])})


def _lock_from_json(device_id: str, data: dict[str, Any]) -> LockMemory:
    device = device_id_from_text(device_id)
    version, gap = data["version"], data.get("gap")
    return LockMemory(
        tickets=_tickets_from_json(device, data["tickets"]),
        people={
            person: _tickets_from_json(device, tickets)
            for person, tickets in data.get("people", {}).items()
        },
        k_adv={int(gen): bytes.fromhex(key) for gen, key in data["k_adv"].items()},
        version=None
        if version is None
        else Version(*version)._replace(capabilities=Capability(version[-1])),
        next_record=data["next_record"],
        last_record=data["last_record"],
        unsent=[_record_from_json(record) for record in data.get("unsent", ())],
        answers=[bytes.fromhex(packet) for packet in data.get("answers", ())],
        gap=None if gap is None else (gap[0], gap[1]),
        tampered=data.get("tampered", False),
        impersonated=data.get("impersonated", False),
        operations=[Measured(*operation) for operation in data.get("operations", ())],
        last_user=data.get("last_user"),
        last_how=data.get("last_how"),
        pins=set(data.get("pins", ())),
    )


class Memory:
    """The file of one config entry."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Name the file."""
        self._store = Store[dict[str, Any]](
            hass, STORAGE_VERSION, f"{DOMAIN}.{entry_id}", private=True, atomic_writes=True
        )
        self._closed = False
        self._locks: dict[str, LockMemory] = {}
        self.names: dict[int, str] = {}  # of people, by user account ID
        self.push_after: int | None = None  # number of the last message that was pushed
        self.audit_head: tuple[int, str] | None = None  # of the RAS: number, hash
        self.pin_tries = NO_TRIES
        self.managed: deque[str] = deque(maxlen=MANAGED)  # messages that changed who gets in

    async def async_load(self) -> None:
        """Read the file, if there is one."""
        if (data := await self._store.async_load()) is None:
            return
        self._locks = {
            device_id: _lock_from_json(device_id, lock) for device_id, lock in data["locks"].items()
        }
        self.names = {int(uid): name for uid, name in data["names"].items()}
        self.push_after = data.get("push_after")
        head = data.get("audit_head")
        self.audit_head = None if head is None else (head[0], head[1])
        self.pin_tries = Tries(*data.get("pin_tries", NO_TRIES))
        self.managed.extend(data.get("managed", ()))

    def lock(self, device_id: str) -> LockMemory:
        """Return what is kept of a lock; change it, then save."""
        return self._locks.setdefault(device_id, LockMemory())

    @property
    def has_tickets(self) -> bool:
        """Return whether any lock can be operated without the RAS."""
        return any(lock.tickets for lock in self._locks.values())

    @callback
    def keep(
        self,
        device_id: str,
        tickets: Iterable[Mapping[str, Any]],
        k_adv: Mapping[int, bytes],
        person: str | None = None,
    ) -> None:
        """Take over what the RAS handed out; without keys, those that are there stay."""
        lock = self.lock(device_id)
        kept = lock.of(person)
        found = _tickets_from_json(device_id_from_text(device_id), tickets)
        kept.clear()  # in place: a link may be using them
        kept.update(found)
        lock.k_adv = dict(k_adv) or lock.k_adv
        self.save()

    @callback
    def manages(self, mid: str) -> None:
        """Remember a message of ours that changes who gets in: the server tells of it later."""
        self.managed.append(mid)
        self.save()

    @callback
    def name(self, uid: int, user: str) -> None:
        """Remember whose user account ID it is."""
        if self.names.get(uid) != user:
            self.names[uid] = user
            self.save()

    @callback
    def forget(self, device_id: str) -> None:
        """Drop everything about a lock."""
        self._locks.pop(device_id, None)
        self.save()

    @callback
    def keep_people(self, people: Collection[str]) -> None:
        """Drop the tickets of persons who are not connected any more."""
        for lock in self._locks.values():
            for person in lock.people.keys() - people:
                lock.people.pop(person).clear()  # a link may be using them
            lock.pins &= set(people)
        self.save()

    @callback
    def save(self) -> None:
        """Write the file soon."""
        if not self._closed:
            self._store.async_delay_save(self._as_json, SAVE_DELAY)

    async def async_save(self) -> None:
        """Write the file now."""
        if not self._closed:
            await self._store.async_save(self._as_json())

    async def async_close(self) -> None:
        """Write the file for the last time: it may be removed next."""
        self._closed = True
        await self._store.async_save(self._as_json())

    async def async_remove(self) -> None:
        """Delete the file."""
        await self._store.async_remove()

    def _as_json(self) -> dict[str, Any]:
        return {
            "locks": {device_id: lock.as_json() for device_id, lock in self._locks.items()},
            "names": {str(uid): name for uid, name in self.names.items()},
            "push_after": self.push_after,
            "audit_head": self.audit_head,
            "pin_tries": list(self.pin_tries),
            "managed": list(self.managed),
        }
