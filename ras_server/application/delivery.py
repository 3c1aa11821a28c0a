"""Telling a lock what is due: one administration frame after the other (protocol 9, 10, 12)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from igrs_codec.bsld import admin
from igrs_codec.bsld.frame import Command, Status
from igrs_codec.bsld.packet import Hello

from ..errors import Code, RasError
from ..store.devices import StoredKey
from .agenda import (
    LAST_EPOCH,
    SCHEDULE,
    Plan,
    Purpose,
    current_key,
    next_plan,
    pending_key,
    prepare_plan,
    refused,
    rotation_due,
    waits,
)
from .answers import time_set
from .flows import (
    PROV_TIME,
    Flight,
    Flow,
    Link,
    TimeFrame,
    find_answer,
    has_error,
    no_answer,
    prove,
    read_frame_answer,
    send_time,
    take_answer,
)
from .locks import MINUTE, Lock, Locks
from .ownership import PENDING, Step, advance

_MOST_FRAMES: Final = 16
"""Administration frames on one link."""


def deliver(
    locks: Locks, link: Link, *, may_commit: Callable[[], bool] = lambda: True
) -> Flow[None]:
    """Tell the lock everything that is due, one frame after the other.

    A key exchange comes last: one that fails again and again holds up no revocation. `may_commit`
    is asked before each frame: a generation may have been prepared with the one before.
    """
    lock = link.lock
    for _ in range(_MOST_FRAMES):
        if link.over or link.wiped:
            return
        plan = due(locks, lock, hello=link.hello, may_commit=may_commit())
        if plan is None:
            if rotation_due(lock.record) in {"", SCHEDULE}:
                return
            yield from rotate(locks, link)
            continue
        if lock.record.frame is not None and waits(lock.record.frame, locks.now):
            raise RasError(Code.FRAME_REJECTED, "The lock rejected the last frame; it waits")
        yield from tell(locks, link, plan)


def due(
    locks: Locks, lock: Lock, *, hello: Hello | None = None, may_commit: bool = True
) -> Plan | None:
    """Return the next frame of a lock; store a scheduled re-key when its time has come."""
    if (plan := next_plan(lock.record, hello=hello, may_commit=may_commit)) is not None:
        return plan
    if lock.epoch_doubted and (current := current_key(lock.record)) is not None:
        return doubt_plan(lock, current)
    if rotation_due(lock.record) != SCHEDULE:
        return None
    if (plan := prepare_plan(lock.record, x25519=False)) is None:
        locks.store_rotation(lock)
        plan = prepare_plan(lock.record, x25519=False)
    return plan


def doubt_plan(lock: Lock, current: StoredKey) -> Plan:
    """Return the question for the epoch: command 12 with the one that is known."""
    return Plan(
        purpose=Purpose.PROBE,
        key=current,
        command=Command.EPOCH,
        value=admin.raise_epoch(lock.device.epoch),
        subject=lock.device.epoch,
    )


def set_clock(locks: Locks, link: Link) -> Flow[None]:
    """Set the clock of the lock, and take the HELLO that follows."""
    answer = yield from send_time(locks, link)
    if answer.status is Status.OK:
        return
    if answer.epoch == LAST_EPOCH:
        yield from _leave_last_epoch(locks, link, answer.old_time)
    raise RasError(Code.FRAME_REJECTED, "The lock refuses the time")


def _leave_last_epoch(locks: Locks, link: Link, lock_time: int) -> Flow[None]:
    """Give a lock another generation in its own wrong time: its clock cannot go back (9.2).

    Under the new generation, whose epoch is 1, it can: a minute later, with the next time frame.
    """
    lock = link.lock
    if pending_key(lock.record) is None:
        if (plan := prepare_plan(lock.record, x25519=False)) is None:
            locks.store_rotation(lock)
            plan = prepare_plan(lock.record, x25519=False)
        if plan is not None:
            yield from tell(locks, link, plan, lock_time=lock_time)
    plan = next_plan(lock.record, hello=link.hello)
    if plan is None or plan.purpose != Purpose.COMMIT:
        return
    yield from tell(locks, link, plan, lock_time=lock_time)
    locks.save(lock, replace(lock.record, device=replace(lock.device, clock_due=1)))
    raise RasError(
        Code.RATE_LIMITED, "The clock of the lock can be set in a minute", retry_after=MINUTE
    )


def tell(
    locks: Locks, link: Link, plan: Plan, *, lock_time: int | None = None
) -> Flow[admin.AdminAnswer]:
    """Send one administration frame, and take its answer."""
    lock = link.lock
    commits = plan.key.phase in PENDING and link.hello.gen != plan.key.gen
    renews = commits or plan.purpose in {Purpose.EPOCH, Purpose.REMOVE}
    frame = locks.frame(lock, plan, lock_time=lock_time)
    reply = yield Flight((frame.packet,), expect=2 if renews else 1)
    answer = read_frame_answer(locks, lock, reply.notifications)
    if answer is None:
        if has_error(reply.notifications):
            locks.save(lock, refused(lock.record))
        raise no_answer(reply)
    link.administered = True
    link.wiped = not take_answer(locks, lock, answer, f"gw:{link.gateway_id}")
    if commits or reply.hello is not None:
        link.renew(locks, reply)
    return answer


def rotate(locks: Locks, link: Link) -> Flow[None]:
    """Prepare the next generation with X25519; the commit is due afterwards."""
    lock = link.lock
    current = current_key(lock.record)
    if current is None or link.hello.gen != current.gen:
        raise RasError(Code.FRAME_REJECTED, "The lock has another generation")
    stored, pair = locks.store_exchange(lock)
    plan = prepare_plan(lock.record, x25519=True)
    if plan is None:
        raise RasError(Code.INTERNAL, "The re-key was not stored")
    root = locks.key(lock, current)
    clock = None if link.administered else TimeFrame(locks, link, root)
    frame = locks.frame(lock, plan)
    opening = () if clock is None else (clock.packet,)
    reply = yield Flight(
        (*opening, *pair.packets, frame.packet),
        expect=3 if clock is None else 5,
        timeout=PROV_TIME,
    )
    if clock is not None and (set_answer := clock.answer(reply)) is not None:
        link.administered = True
        locks.save(lock, time_set(lock.record, set_answer, clock.time))
    answer = find_answer(
        reply.notifications,
        root.admin,
        gen=frame.gen,
        tag=frame.tag,
        command=Command.PREPARE,
        time=frame.time,
    )
    if not isinstance(answer, admin.PrepareAnswer):
        raise no_answer(reply)
    key = prove(locks, stored, pair, root=root, answer=answer, reply=reply)
    record = advance(replace(lock.record, frame=None), Step.PREPARED, key)
    with locks.db.write():
        locks.audit.append("key.prepare", f"gw:{link.gateway_id}", lock.address)
        locks.save(lock, record)
    if clock is not None:
        link.renew(locks, reply)
