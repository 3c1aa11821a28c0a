"""A session that the server itself holds, through a gateway that only carries it (protocol 8, 12).

The ticket of the session never leaves the server; it is gone with its flow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from igrs_codec.bsld.advert import AdvertState
from igrs_codec.bsld.frame import (
    ALL_RIGHTS,
    Bolt,
    Command,
    Door,
    Event,
    LockState,
    Operation,
    Record,
    Status,
)
from igrs_codec.bsld.session import (
    RND_SIZE,
    Answered,
    Authenticated,
    ClientSession,
    Moved,
    Recorded,
    SessionEvent,
    Versioned,
)
from igrs_codec.bsld.ticket import Ticket, encode_ttl
from igrs_codec.bsld.values import Version
from igrs_codec.errors import IgrsError

from ..errors import Code, RasError
from .agenda import current_key
from .answers import CODE_OF
from .decision import Standing
from .delivery import deliver, doubt_plan, set_clock, tell
from .flows import (
    Flight,
    Flow,
    Link,
    Reply,
    no_answer,
    result,
)
from .locks import Locks

RELAY_TTL: Final = 900
"""Seconds that a relay ticket lives."""
RELOCK_UNIT: Final = 5
"""Seconds per step of the auto-relock argument."""

_MOVE_TIME: Final = 5
"""Seconds to wait for the end of a movement."""
_NOT_EXECUTED: Final = frozenset(Status) - {Status.OK, Status.FAILED, Status.JAMMED}
"""The answers of a lock that did not even try."""
_STATE_COMMANDS: Final = frozenset({Command.OPERATE, Command.STATUS})
_MOVING: Final = frozenset({Bolt.LOCKING, Bolt.UNLOCKING})

OPERATIONS: Final = {
    "lock": Operation.LOCK,
    "unlock": Operation.UNLOCK,
    "open": Operation.OPEN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing to do in a session: a command, and its arguments."""

    command: str
    relock_s: int = 0
    first_record: int = 0

    @property
    def request(self) -> tuple[Command, int, int]:
        """Return command and both arguments of the request."""
        if (operation := OPERATIONS.get(self.command)) is not None:
            return Command.OPERATE, operation, -(-self.relock_s // RELOCK_UNIT)
        if self.command == "log":
            return Command.LOG, *self.first_record.to_bytes(2)
        return (Command.VERSION if self.command == "version" else Command.STATUS), 0, 0


class _Talk:
    """One session: what was asked, what has come back."""

    def __init__(
        self, locks: Locks, link: Link, standing: Standing, deeds: tuple[Deed, ...]
    ) -> None:
        """Mint the ticket and open the client's end."""
        lock = link.lock
        if (key := current_key(lock.record)) is None or key.gen != link.hello.gen:
            raise RasError(Code.FRAME_REJECTED, "The lock has another generation")
        minted = locks.key(lock, key).mint(
            uid=standing.uid,
            tid=int.from_bytes(locks.random(2)),
            rights=standing.rights & ALL_RIGHTS,
            ttl=encode_ttl(RELAY_TTL),
            epoch=lock.device.epoch,
            time=locks.now,
        )
        ticket = Ticket.from_minted(minted, lock.bytes, key.gen)
        self._locks = locks
        self._session = ClientSession(ticket, bytes(link.hello), link.at, lock.hellos)
        requests = [deed.request for deed in deeds]
        if not any(command in _STATE_COMMANDS for command, _, _ in requests):
            requests.insert(0, (Command.STATUS, 0, 0))  # nothing is believed before a state
        self._open = {request: locks.random(RND_SIZE) for request in requests}
        self.refused: Status | None = None
        self.denied = 0
        """So many operations were not even tried: the lock says so."""
        self.status = Status.OK
        self.state: Answered | Moved | None = None
        self.records: list[Record] = []
        self.version: Version | None = None
        self.last = Reply()

    @property
    def finished(self) -> bool:
        """Return whether every request is answered and the bolt is at rest."""
        return not self._open and not self.moving

    @property
    def moving(self) -> bool:
        """Return whether the bolt is on its way."""
        return self.state is not None and _bolt(self.state.state) in _MOVING

    @property
    def heard(self) -> bool:
        """Return whether the lock answered a request of the session."""
        return self.state is not None

    def opening(self) -> tuple[bytes, ...]:
        """Return the ticket and all requests: one flight."""
        return self._session.auth(), *self.requests()

    def requests(self) -> tuple[bytes, ...]:
        """Return the packets of the requests without an answer; a repetition has the same rnd."""
        now = self._locks.moment
        return tuple(
            self._session.request(command, a, b, now=now, rnd=rnd)
            for (command, a, b), rnd in self._open.items()
        )

    def take(self, reply: Reply) -> bool:
        """Take notifications; return whether any of them told something authentic."""
        self.last = reply
        heard = False
        for packet in reply.notifications:
            try:
                event = self._session.receive(packet, self._locks.moment)
            except IgrsError:
                continue
            heard |= self._note(event)
        return heard

    def _note(self, event: SessionEvent) -> bool:
        match event:
            case Authenticated(answer):
                if answer.status is not Status.OK:
                    self.refused = answer.status
            case Answered():
                self._answered(event.command)
                self.denied += event.command is Command.OPERATE and event.status in _NOT_EXECUTED
                self.status = self.status or event.status
                self.state = event
            case Moved():
                self.status = self.status or event.status
                self.state = event
            case Versioned(version):
                self._answered(Command.VERSION)
                self.version = version
            case Recorded(Command.LOG, record, more):
                if record.event is not Event.NONE:
                    self.records.append(record)
                if not more:
                    self._answered(Command.LOG)
            case _:
                return False
        return True

    def _answered(self, command: Command) -> None:
        for request in list(self._open):
            if request[0] is command:
                del self._open[request]
                return


def relay(
    locks: Locks,
    link: Link,
    standing: Standing,
    deeds: tuple[Deed, ...],
    *,
    sending: Callable[[], None] = lambda: None,
) -> Flow[dict[str, Any]]:
    """Do something at the lock for a person, after what the lock has to be told anyway.

    `sending` is called before packets of the session are made, and raises what speaks against it.
    """
    yield from _prepare(locks, link)
    sending()
    talk = yield from _talk(locks, link, standing, deeds)
    if talk.refused in {Status.EXPIRED, Status.WRONG_EPOCH} and not talk.heard:
        if talk.refused is Status.WRONG_EPOCH and (key := current_key(link.lock.record)):
            yield from tell(locks, link, doubt_plan(link.lock, key))
        sending()
        talk = yield from _talk(locks, link, standing, deeds)
    link.used = talk.denied < sum(deed.command in OPERATIONS for deed in deeds)
    if not talk.heard:
        if talk.refused is not None:
            link.used = False
            raise RasError(CODE_OF[talk.refused], "The lock refuses the ticket")
        raise no_answer(talk.last)
    return _told(talk)


def _prepare(locks: Locks, link: Link) -> Flow[None]:
    """Set the clock if that is possible, and deliver what is due."""
    device = link.lock.device
    if not link.hello.clock_set or device.clock_due:
        try:
            yield from set_clock(locks, link)
        except RasError as err:
            if err.code is not Code.RATE_LIMITED:
                raise
        link.require()
    try:
        yield from deliver(locks, link, may_commit=lambda: False)
    except RasError as err:
        if err.code not in {Code.FRAME_REJECTED, Code.RATE_LIMITED}:
            raise
    link.require()
    device = link.lock.device
    if device.epoch_wanted > device.epoch:
        raise RasError(Code.FRAME_REJECTED, "The revocation of all tickets is not delivered yet")


def _talk(locks: Locks, link: Link, standing: Standing, deeds: tuple[Deed, ...]) -> Flow[_Talk]:
    """Send ticket and requests in one flight, repeat once what is not answered."""
    talk = _Talk(locks, link, standing, deeds)
    opening = talk.opening()
    link.used = True
    heard = talk.take((yield Flight(opening, expect=len(opening))))
    repeated = False
    while not talk.finished:
        if talk.refused is not None and not talk.heard:
            break
        if heard and (talk.moving or talk.records):
            wait = Flight((), expect=1, timeout=_MOVE_TIME)
        elif not repeated:
            repeated = True
            packets = talk.requests()
            wait = Flight(packets, expect=max(1, len(packets)))
        else:
            break
        heard = talk.take((yield wait))
    return talk


def _told(talk: _Talk) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if talk.state is not None and talk.state.state is not None:
        data["state"] = state_json(talk.state)
        data["at"] = talk.state.time
    if talk.version is not None:
        data["version"] = version_json(talk.version)
    if talk.records:
        data["records"] = [record_json(record) for record in talk.records]
    return result(CODE_OF[talk.status], **data)


def _bolt(state: LockState | None) -> Bolt | None:
    return None if state is None else state.bolt


_DOORS: Final = {Door.CLOSED: "closed", Door.OPEN: "open", Door.AJAR: "ajar"}


def state_json(told: Answered | Moved | AdvertState) -> dict[str, Any]:
    """Return the state in an answer or an advert as the interface tells it."""
    state = told.state
    if state is None:
        return {}
    door = {"door": _DOORS[state.door]} if state.door in _DOORS else {}
    return {
        "bolt": state.bolt.name.lower(),
        **door,
        "battery": told.battery,
        "battery_low": state.battery_low,
        "alarm": state.alarm,
        "clock": not state.clock_unset,
        "event": told.counter,
    }


def version_json(version: Version) -> dict[str, Any]:
    """Return the version of a lock as message 7 tells it."""
    return {
        "proto": version.protocol,
        "fw": version.firmware,
        "hw": version.hardware,
        "model": version.model,
        "caps": [str(each.name).lower() for each in version.capabilities],
    }


def record_json(record: Record) -> dict[str, Any]:
    """Return a record as the log upload tells it."""
    return {
        "record": record.number,
        "uid": record.uid,
        "method": int(record.method),
        "event": int(record.event),
        "detail": record.detail,
        "time": record.time,
        "boot_time": record.boot_time,
    }
