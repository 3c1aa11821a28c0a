"""Registration and removal of a lock, each a flow on its link (clauses 7.4, 7.5; protocol 10)."""

from dataclasses import dataclass, replace
from typing import Any, Final

from igrs_codec.bsld import admin
from igrs_codec.bsld.frame import Command
from igrs_codec.bsld.keys import next_generation

from ..errors import Code, RasError
from ..store import grants, sites
from ..store.devices import Device, LockUser, Record, StoredKey
from .agenda import owner_user, pending_key
from .custody import LabelKey
from .delivery import deliver, set_clock
from .flows import (
    PROV_TIME,
    Flight,
    Flow,
    Link,
    TimeFrame,
    find_answer,
    no_answer,
    prove,
    result,
)
from .locks import Locks
from .ownership import OWNED, Phase, State, Step, advance

UNOWNED: Final = 0
"""The generation of a lock that belongs to nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who wants to register a lock, under which name, with which key of the label."""

    user_id: str
    name: str
    label: LabelKey


def require_claimable(device: Device, user_id: str) -> None:
    """Raise 2002 if a lock belongs to somebody else, who does not want it removed."""
    if device.state in OWNED - {State.REMOVING} and device.owner != user_id:
        raise RasError(Code.DEVICE_OWNED, "The device belongs to somebody else")


def register(locks: Locks, link: Link, claim: Claim) -> Flow[dict[str, Any]]:
    """Register a lock: key exchange, proof of possession, owner.

    Nothing is stored before the key check value was right: until then others may claim the lock
    too, and the first who has it proves it. A registration that broke off after that goes on with
    the generation that is already there.
    """
    lock = link.lock
    if link.hello.gen == UNOWNED and link.hello.pairing_window:
        yield from _prove(locks, link, claim)
    elif lock.device.owner != claim.user_id or not _may_go_on(link):
        if link.hello.gen == UNOWNED:
            raise RasError(Code.WINDOW_CLOSED, "The pairing window is not open")
        raise RasError(Code.DEVICE_OWNED, "The lock has an owner")
    if not link.hello.clock_set and not link.administered:
        yield from set_clock(locks, link)
        link.require()
    yield from deliver(locks, link)
    owner = next(user for user in lock.record.users if user.uid == lock.device.uid)
    if lock.device.state not in _REGISTERED or not owner.synced:
        raise RasError(Code.FAILED, "The lock refuses its owner")
    return result(uid=lock.device.uid)


_REGISTERED: Final = frozenset({State.ACTIVE, State.ROTATING})


def _may_go_on(link: Link) -> bool:
    """Return whether the lock may have a generation that an earlier try gave it."""
    if link.hello.gen == UNOWNED:
        return link.lock.device.state == State.READY
    return any(key.gen == link.hello.gen for key in link.lock.record.keys)


def _prove(locks: Locks, link: Link, claim: Claim) -> Flow[None]:
    """Let the lock prove that it has K_F and is here: the first two flights of protocol 10."""
    lock = link.lock
    key = yield from _negotiate(locks, link, claim)
    require_claimable(lock.device, claim.user_id)
    device = replace(
        lock.device,
        owner=claim.user_id,
        uid=locks.new_uid(lock),
        name=claim.name,
        k_f=locks.custody.seal_label(claim.label),
        registration=locks.now,
        rekey="",
        code_key_due=0,
        rev=lock.device.rev + 1,
    )
    record = advance(replace(lock.record, device=device, frame=None), Step.PROVE, key)
    before = lock.device
    record = owner_user(record, device.uid, claim.user_id)
    with locks.db.write():
        if before.owner == claim.user_id:
            record = replace(record, users=(*record.users, *_guests(lock.record)))
        else:
            grants.end_device(locks.db, lock.id, locks.now)
            sites.take_device(locks.db, lock.id)
        locks.audit.append("device.claim", f"user:{claim.user_id}", lock.address)
        locks.save(lock, record)


def _guests(record: Record) -> tuple[LockUser, ...]:
    """Return the rows of everybody but the owner: a lock that was reset has to get them again."""
    return tuple(
        replace(user, synced=0)
        for user in record.users
        if user.wanted and user.uid != record.device.uid
    )


def _negotiate(locks: Locks, link: Link, claim: Claim) -> Flow[StoredKey]:
    lock, label = link.lock, claim.label
    clock = TimeFrame(locks, link, label, claimant=claim.user_id)
    opening: tuple[bytes, ...] = (clock.packet,)
    if (pending := pending_key(lock.record)) is not None and pending.phase == Phase.SENT:
        # The commit of an earlier try may be out: first an answer of generation 0 (protocol 10).
        reply = yield Flight(opening, expect=1)
        if clock.answer(reply) is None:
            raise no_answer(reply)
        opening = ()
    key, pair = locks.new_key(lock, next_generation(UNOWNED))
    block, tag, time = (
        label.admin(bytes(link.hello)),
        int.from_bytes(locks.random(2)),
        clock.time + 1,
    )
    packet = admin.request(
        block,
        UNOWNED,
        tag,
        command=Command.PREPARE,
        value=admin.prepare(key.n_r, key.gen, x25519=True),
        time=time,
    )
    flight = (*opening, *pair.packets, packet)
    reply = yield Flight(flight, expect=len(flight), timeout=PROV_TIME)
    link.administered = True
    answer = find_answer(
        reply.notifications, block, gen=UNOWNED, tag=tag, command=Command.PREPARE, time=time
    )
    if not isinstance(answer, admin.PrepareAnswer):
        raise no_answer(reply)
    return prove(locks, key, pair, root=label, answer=answer, reply=reply)


def remove(locks: Locks, link: Link) -> Flow[dict[str, Any]]:
    """Wipe a lock that its owner wants removed, and forget it.

    A lock that shows generation 0 was wiped already: by a frame whose answer was lost, or at the
    door. Its keys stay in the journal, because a HELLO proves nothing.
    """
    if link.hello.gen == UNOWNED:
        locks.audit.append("device.removed", f"gw:{link.gateway_id}", link.lock.address)
        locks.forget(link.lock)
        return result()
    if not link.hello.clock_set:
        yield from set_clock(locks, link)
        link.require()
    yield from deliver(locks, link)
    if not link.wiped:
        raise RasError(Code.FAILED, "The lock was not wiped")
    return result()
