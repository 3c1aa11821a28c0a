"""What is said on one link to a lock, step by step: the exchanges (protocol 10, 12; API 5.1).

Each flow is a generator: it yields flights of packets, is sent what came back, and returns its
result. Everything a frame depends on is stored before the frame is yielded.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from igrs_codec.bsld import admin
from igrs_codec.bsld.frame import Command, Status
from igrs_codec.bsld.packet import BlockKey, Hello, Kind, parse_header, parse_prov
from igrs_codec.errors import IgrsError, RefusedError

from ..errors import Code, RasError
from ..store.devices import StoredKey
from .agenda import Purpose, pending_key
from .answers import CODE_OF, answered, committed, reverted, time_set
from .custody import DeviceKey, KeyPair, LabelKey
from .locks import Lock, Locks
from .ownership import Phase, State

ANSWER_TIME: Final = 2
"""Seconds that a gateway waits for the answers of a flight."""
PROV_TIME: Final = 5
"""The same for a flight with a key exchange."""


@dataclass(frozen=True, slots=True)
class Flight:
    """Packets to write, how many notifications to wait for, and how long (seconds)."""

    packets: tuple[bytes, ...]
    expect: int
    timeout: int = ANSWER_TIME


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the notifications in order, and a HELLO that followed."""

    notifications: tuple[bytes, ...] = ()
    hello: Hello | None = None


type Flow[T] = Generator[Flight, Reply, T]


@dataclass(slots=True)
class Link:
    """One connection of a gateway to a lock: its present HELLO, and when that came."""

    lock: Lock
    hello: Hello
    at: float
    gateway_id: str
    administered: bool = False
    """The lock accepted an administration frame on this link."""
    over: bool = False
    """The HELLO that this link needs now did not come."""
    wiped: bool = False
    """The lock was removed."""
    used: bool = False
    """The lock may have done what the session asked for."""

    def renew(self, locks: Locks, reply: Reply) -> None:
        """Take the HELLO that follows a frame; without it the link is over."""
        if reply.hello is None:
            self.over = True
            return
        accept(self.lock, reply.hello, locks.moment)
        self.hello, self.at = reply.hello, locks.moment

    def require(self) -> None:
        """Raise 2007 if the link is over."""
        if self.over:
            raise RasError(Code.DEVICE_TIMEOUT, "No HELLO followed")


def accept(lock: Lock, hello: Hello, now: float) -> None:
    """Take a HELLO into the memory of the lock, or raise 4001: the gateway connects again."""
    try:
        lock.hellos.accept(hello, now)
    except RefusedError as err:
        raise RasError(Code.MALFORMED, f"The HELLO is refused: {err}") from None


def no_answer(reply: Reply) -> RasError:
    """Return what silence means: an ERR alone is a rejected frame, nothing is a time-out."""
    if has_error(reply.notifications):
        return RasError(Code.FRAME_REJECTED, "The lock rejects the frame")
    return RasError(Code.DEVICE_TIMEOUT, "The lock did not answer")


def has_error(packets: Iterable[bytes], number: int | None = None) -> bool:
    """Return whether an ERR is among notifications; for the packet with a number, if given."""
    found = {_error_number(packet) for packet in packets} - {None}
    return bool(found) if number is None else number in found


def _error_number(packet: bytes) -> int | None:
    try:
        head = parse_header(packet)
    except IgrsError:
        return None
    return head.number if head.kind is Kind.ERR else None


def find_answer(
    packets: Iterable[bytes], key: BlockKey, *, gen: int, tag: int, command: Command, time: int
) -> admin.AdminAnswer | None:
    """Return the authentic answer among notifications; everything else is ignored."""
    for packet in packets:
        try:
            return admin.read_answer(key, packet, gen=gen, tag=tag, command=command, time=time)
        except IgrsError:
            continue
    return None


def read_frame_answer(
    locks: Locks, lock: Lock, packets: Iterable[bytes]
) -> admin.AdminAnswer | None:
    """Return the authentic answer to the outstanding frame of a lock."""
    frame = lock.record.frame
    if frame is None:
        return None
    stored = next(key for key in lock.record.keys if key.key_id == frame.key_id)
    answer = find_answer(
        packets,
        locks.key(lock, stored).admin,
        gen=frame.gen,
        tag=frame.tag,
        command=Command(frame.command),
        time=frame.time,
    )
    if isinstance(answer, admin.PrepareAnswer) and answer.status is Status.OK:
        new = next((key for key in lock.record.keys if key.phase == Phase.STORED), None)
        if new is None or new.k_d is None or not locks.key(lock, new).proves(answer.kcv):
            return None
    return answer


def take_answer(locks: Locks, lock: Lock, answer: admin.AdminAnswer, actor: str) -> bool:
    """Store what an authentic answer changes; return False if the lock is wiped and forgotten."""
    frame = lock.record.frame
    if frame is not None and frame.purpose == Purpose.PROBE:
        lock.epoch_doubted = False
    record = answered(lock.record, answer)
    with locks.db.write():
        if frame is not None:
            locks.audit.append(
                f"key.{frame.purpose}" if frame.purpose in _KEY_EVENTS else f"lock.{frame.purpose}",
                actor,
                lock.address,
                result=CODE_OF[answer.status],
                detail={"gen": frame.gen, "subject": frame.subject},
            )
        if record is None:
            locks.forget(lock)
        else:
            locks.save(lock, record)
    return record is not None


_KEY_EVENTS: Final = frozenset({Purpose.OWNER, Purpose.COMMIT, Purpose.PREPARE, Purpose.CODE_KEY})


class TimeFrame:
    """Command 10 for the present HELLO of a link, and how its answer is found."""

    def __init__(
        self, locks: Locks, link: Link, key: DeviceKey | LabelKey, *, claimant: str = ""
    ) -> None:
        """Make the packet, or raise 5003 if this lock, or who claims it, had too many."""
        self.time = locks.now
        locks.take_time_frame(link.lock, claimant)
        if isinstance(key, DeviceKey):
            self._key, self._gen = key.admin, key.gen
        else:
            self._key, self._gen = key.admin(bytes(link.hello)), 0
        self._tag = int.from_bytes(locks.random(2))
        self.packet = admin.request(
            self._key,
            self._gen,
            self._tag,
            command=Command.TIME,
            value=admin.set_time(link.hello),
            time=self.time,
        )

    def answer(self, reply: Reply) -> admin.TimeAnswer | None:
        """Return the authentic answer."""
        answer = find_answer(
            reply.notifications,
            self._key,
            gen=self._gen,
            tag=self._tag,
            command=Command.TIME,
            time=self.time,
        )
        return answer if isinstance(answer, admin.TimeAnswer) else None


def send_time(locks: Locks, link: Link) -> Flow[admin.TimeAnswer]:
    """Set the clock of the lock (command 10), and take the HELLO that follows."""
    lock = link.lock
    key = key_for(lock, link.hello)
    key = locks.use(lock, key)
    frame = TimeFrame(locks, link, locks.key(lock, key))
    reply = yield Flight((frame.packet,), expect=2)
    if (answer := frame.answer(reply)) is None:
        raise no_answer(reply)
    link.administered = True
    record = time_set(committed(lock.record, key.key_id), answer, frame.time)
    if answer.epoch > lock.device.epoch:
        record = reverted(record)
    with locks.db.write():
        locks.audit.append(
            "lock.time", f"gw:{link.gateway_id}", lock.address, result=CODE_OF[answer.status]
        )
        locks.save(lock, record)
    if answer.status is Status.OK:
        link.renew(locks, reply)
    return answer


_IN_USE: Final = frozenset({Phase.SENT, Phase.CURRENT, Phase.STALE})
"""The phases of a generation under which a frame was made."""


def key_for(lock: Lock, hello: Hello) -> StoredKey:
    """Return the key that the HELLO hints at, or raise 2010.

    A HELLO proves nothing: no frame is made under a generation that is only prepared, for then it
    would have to be committed. A registration has no other one.
    """
    phases = _IN_USE | {Phase.READY} if lock.device.state == State.READY else _IN_USE
    pending = pending_key(lock.record)
    if (
        pending is not None
        and hello.pending
        and hello.gen != pending.gen
        and pending.phase in phases
    ):
        return pending
    for key in reversed(lock.record.keys):
        if key.gen == hello.gen and key.phase in phases:
            return key
    raise RasError(Code.FRAME_REJECTED, "The lock has a generation that this server does not know")


def prove(
    locks: Locks,
    stored: StoredKey,
    pair: KeyPair,
    *,
    root: LabelKey | DeviceKey,
    answer: admin.PrepareAnswer,
    reply: Reply,
) -> StoredKey:
    """Return the prepared key, if its check value is right; else raise 2003."""
    if answer.status is not Status.OK:
        raise RasError(CODE_OF[answer.status], "The lock refuses to be prepared")
    try:
        handle = pair.provisioned(root, stored.n_r, lock_public(reply.notifications))
    except RefusedError:
        raise RasError(Code.NOT_LEGITIMATE, "The lock's public key is weak") from None
    if not handle.proves(answer.kcv):
        raise RasError(Code.NOT_LEGITIMATE, "The key check value is wrong")
    sealed = locks.custody.seal_key(handle, stored.key_id)
    return replace(stored, phase=Phase.READY, k_d=sealed)


def lock_public(packets: Iterable[bytes]) -> bytes:
    """Return the public key (32 bytes) of the lock's two PROV packets, or raise 2007."""
    halves = {}
    for packet in packets:
        try:
            index, half = parse_prov(packet, from_lock=True)
        except IgrsError:
            continue
        halves[index] = half
    if len(halves) != 2:  # noqa: PLR2004 - two halves of a key
        raise RasError(Code.DEVICE_TIMEOUT, "The lock's public key did not come")
    return halves[0] + halves[1]


def result(code: Code = Code.OK, **data: Any) -> dict[str, Any]:
    """Return the result of an exchange."""
    return {"status": int(code is not Code.OK), "code": int(code), **data}
