"""What the server has to tell a lock next, and what an answer changes (protocol 9, 10, 12).

Pure functions on the stored record of a device. There is no queue: the next frame follows from what
is wanted and what the lock has confirmed, so nothing can be queued twice or be forgotten.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from igrs_codec.bsld import admin
from igrs_codec.bsld.frame import ALL_RIGHTS, Command, Right, Status
from igrs_codec.bsld.keys import device_id_from_text
from igrs_codec.bsld.packet import Hello

from ..errors import Code, RasError
from ..store.devices import LockUser, Record, StoredFrame, StoredKey
from .ownership import PENDING, Phase, State, Step, advance

MAX_AHEAD: Final = 60
"""Seconds that the time of a frame may lie ahead of the server's clock."""
REISSUE_AFTER: Final = 60
"""Seconds before a frame that was answered with ERR is issued again."""
MAX_AGE: Final = 31 * 86400
"""Seconds that a lock accepts a frame."""
OWNER_ROW: Final = 0
LAST_EPOCH: Final = 255
SCHEDULE: Final = "schedule"
"""The reason of a symmetric re-key; every other one asks for X25519."""

_ROTATE_AT_EPOCH: Final = 200
_BACK: Final = 120
"""A clock that is set more seconds below the lock's time goes back."""
_BACK_OF_T_ADM: Final = 240
"""The same below T_adm."""


class Purpose(StrEnum):
    """Why a frame is sent."""

    OWNER = "owner"
    """Command 01 of the owner under generation 1: the commit of a registration."""
    COMMIT = "commit"
    """Command 12 under a pending generation, which makes it the present one."""
    PROBE = "probe"
    """Command 12 under the present generation, to see whether the lock still has it."""
    REMOVE = "remove"
    EPOCH = "epoch"
    DELETE_USER = "delete_user"
    WRITE_USER = "write_user"
    CODE_KEY = "code_key"
    PREPARE = "prepare"


_COMMITS: Final = frozenset({Purpose.OWNER, Purpose.COMMIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A frame before it has a time: under which key, and what it says."""

    purpose: Purpose
    key: StoredKey
    command: Command
    value: bytes
    subject: int = 0


def current_key(record: Record) -> StoredKey | None:
    """Return the key of the present generation."""
    return _newest(record, Phase.CURRENT)


def pending_key(record: Record) -> StoredKey | None:
    """Return the key of the generation that the lock has pending."""
    return _newest(record, Phase.SENT, Phase.READY)


def _newest(record: Record, *phases: Phase) -> StoredKey | None:
    return next((key for key in reversed(record.keys) if key.phase in phases), None)


def next_plan(
    record: Record, *, hello: Hello | None = None, may_commit: bool = True
) -> Plan | None:
    """Return what the lock has to be told next, if anything.

    The HELLO of the link, if there is one, hints which generation the lock has. `may_commit` says
    that the gateways hold tickets of a generation that was prepared on schedule.
    """
    if (pending := pending_key(record)) is not None and (
        may_commit or pending.phase == Phase.SENT or pending.private is not None
    ):
        return _commit(record, pending, hello)
    if (current := current_key(record)) is None:
        return None
    frame = record.frame
    stale = _newest(record, Phase.STALE)
    if stale is not None and frame is not None and frame.refused and frame.key_id == current.key_id:
        return _empty(Purpose.COMMIT, stale, epoch=1)
    if frame is not None and frame.refused and frame.purpose == Purpose.COMMIT:
        return _empty(Purpose.PROBE, current, epoch=record.device.epoch)
    return _wanted(record, current, live=hello is not None)


def _commit(record: Record, pending: StoredKey, hello: Hello | None) -> Plan:
    """Return the commit of a pending generation, or a question whether the lock has lost it."""
    current = current_key(record)
    if current is not None and pending.phase == Phase.SENT:
        frame = record.frame
        doubted = frame is not None and frame.refused and frame.purpose in _COMMITS
        if hello is not None and hello.gen != pending.gen:
            doubted = hello.gen == current.gen and not hello.pending
        if doubted:
            return _empty(Purpose.PROBE, current, epoch=record.device.epoch)
    if record.device.state == State.READY:
        return _write_user(Purpose.OWNER, pending, _owner(record), epoch=1)
    return _empty(Purpose.COMMIT, pending, epoch=1)


def _wanted(record: Record, current: StoredKey, *, live: bool) -> Plan | None:
    device = record.device
    if device.epoch_wanted > device.epoch and not (live and device.state == State.REMOVING):
        return _empty(Purpose.EPOCH, current, epoch=device.epoch_wanted)
    if device.state == State.REMOVING:
        value = admin.remove(device_id_from_text(device.device_id))
        return Plan(purpose=Purpose.REMOVE, key=current, command=Command.REMOVE, value=value)
    for user in sorted(record.users, key=lambda user: user.wanted):
        if not user.synced:
            purpose = Purpose.WRITE_USER if user.wanted else Purpose.DELETE_USER
            return _write_user(purpose, current, user, epoch=device.epoch)
    if device.code_key_due:
        value = admin.codes(admin.CodeOperation.NEW_KEY, epoch=device.epoch)
        return Plan(purpose=Purpose.CODE_KEY, key=current, command=Command.CODES, value=value)
    return None


def _write_user(purpose: Purpose, key: StoredKey, user: LockUser, *, epoch: int) -> Plan:
    if user.wanted:
        value = admin.write_user(user.uid, user.lock_row, Right(user.rights), epoch=epoch)
    else:
        value = admin.delete_user(user.uid, epoch=epoch)
    return Plan(purpose=purpose, key=key, command=Command.WRITE_USER, value=value, subject=user.uid)


def _empty(purpose: Purpose, key: StoredKey, *, epoch: int) -> Plan:
    value = admin.raise_epoch(epoch)
    return Plan(purpose=purpose, key=key, command=Command.EPOCH, value=value, subject=epoch)


def _owner(record: Record) -> LockUser:
    return next(user for user in record.users if user.uid == record.device.uid)


def prepare_plan(record: Record, *, x25519: bool) -> Plan | None:
    """Return command 11 for the generation that is stored, if a re-key is stored."""
    current, stored = current_key(record), _newest(record, Phase.STORED)
    if current is None or stored is None or (stored.private is not None) is not x25519:
        return None
    value = admin.prepare(stored.n_r, stored.gen, x25519=x25519)
    return Plan(purpose=Purpose.PREPARE, key=current, command=Command.PREPARE, value=value)


def rotation_due(record: Record) -> str:
    """Return the reason of a re-key that has to be prepared now, or nothing."""
    ready = record.device.state in {State.ACTIVE, State.ROTATING} and not record.device.code_key_due
    return record.device.rekey if ready and pending_key(record) is None else ""


def issue(record: Record, plan: Plan, now: int) -> tuple[Record, int, int]:
    """Return the record with the next frame time and tag taken, the tag and the time.

    Raises 5003 while the time would lie more than 60 s ahead of the clock.
    """
    time = max(now, record.device.t_adm + 1)
    if time > now + MAX_AHEAD:
        raise RasError(
            Code.RATE_LIMITED,
            "The lock has to wait for the server's clock",
            retry_after=time - now - MAX_AHEAD,
        )
    tag = (record.device.tag + 1) % 0x10000
    keys = record.keys
    if plan.key.phase == Phase.READY:
        keys = tuple(
            replace(key, phase=Phase.SENT) if key.key_id == plan.key.key_id else key for key in keys
        )
    device = replace(record.device, t_adm=time, tag=tag)
    return replace(record, device=device, keys=keys), tag, time


def refused(record: Record) -> Record:
    """Return the record after an ERR for its frame: perhaps another key is the right one."""
    if record.frame is None:
        return record
    return replace(record, frame=replace(record.frame, refused=1))


def waits(frame: StoredFrame, now: int) -> bool:
    """Return whether a refused frame has to wait before it is issued again."""
    return bool(frame.refused) and now - frame.issued < REISSUE_AFTER


def answered(record: Record, answer: admin.AdminAnswer) -> Record | None:
    """Return the record after an authentic answer to its frame, or None if the lock is wiped.

    The caller has compared the key check value of command 11.
    """
    frame = record.frame
    if frame is None:
        return record
    purpose = Purpose(frame.purpose)
    record = committed(replace(record, frame=None), frame.key_id)
    if purpose is Purpose.PROBE and _newest(record, Phase.SENT) is not None:
        record = advance(record, Step.REVERT)
    match answer:
        case admin.UserAnswer():
            record = _user_answered(learnt(record, answer.epoch), frame, answer.status)
        case admin.EpochAnswer():
            record = learnt(record, answer.epoch)
        case admin.PrepareAnswer() if answer.status is Status.OK:
            record = _prepared(record)
        case admin.CodesAnswer() if answer.status is Status.OK:
            device = replace(record.device, code_key_due=0, code_time=frame.time, rekey="")
            record = replace(record, device=device)
        case admin.CodesAnswer() if answer.status is Status.WRONG_EPOCH:
            # The lock's epoch is higher than the known one, so this raises nothing.
            device = replace(record.device, epoch_wanted=record.device.epoch + 1)
            record = replace(record, device=device)
        case admin.RemoveAnswer() if answer.status is Status.OK:
            return None
        case _:
            pass
    return record


def committed(record: Record, key_id: str) -> Record:
    """Return the record after an authentic answer under a key: it is the present one now."""
    key = next(each for each in record.keys if each.key_id == key_id)
    if key.phase == Phase.CURRENT:
        return record
    followed = current_key(record) is not None and record.device.state != State.READY
    device = replace(
        record.device,
        epoch=1,
        epoch_wanted=2 if record.device.epoch_wanted > record.device.epoch else 1,
        code_key_due=int(followed and key.private is not None),
        code_time=record.device.code_time if followed else 0,
        rekey=record.device.rekey if followed and key.private is not None else "",
    )
    key = replace(key, phase=Phase.CURRENT, private=None)
    return advance(replace(record, device=device), Step.COMMIT, key)


def learnt(record: Record, epoch: int) -> Record:
    """Return the record with an epoch from an authentic answer, if it is higher.

    A raised epoch has deleted the pending generation: it is prepared anew.
    """
    if epoch <= record.device.epoch:
        return record
    return reverted(_with_epoch(record, epoch))


def reverted(record: Record) -> Record:
    """Return the record without a pending generation, which the lock has lost."""
    if _newest(record, *PENDING) is None:
        return record
    return advance(record, Step.REVERT)


def time_set(record: Record, answer: admin.TimeAnswer, time: int) -> Record:
    """Return the record after an authentic answer to command 10.

    Only a clock that went back takes T_adm back with it. The pending generation is left alone.
    """
    if answer.status is not Status.OK:
        return record
    device = record.device
    if time + _BACK < answer.old_time or time + _BACK_OF_T_ADM < device.t_adm:
        record = replace(record, device=replace(device, t_adm=time))
    return _with_epoch(record, max(answer.epoch, device.epoch))


def _with_epoch(record: Record, epoch: int) -> Record:
    device = record.device
    device = replace(
        device,
        epoch=epoch,
        epoch_wanted=max(epoch, device.epoch_wanted),
        rekey=device.rekey or (SCHEDULE if epoch >= _ROTATE_AT_EPOCH else ""),
    )
    return replace(record, device=device)


def _user_answered(record: Record, frame: StoredFrame, status: Status) -> Record:
    deleted = frame.purpose == Purpose.DELETE_USER
    if status is not Status.OK and not (deleted and status is Status.NO_USER):
        return record
    users = (
        replace(user, synced=1) if user.uid == frame.subject and not deleted else user
        for user in record.users
        if not (deleted and user.uid == frame.subject and not user.wanted)
    )
    return replace(record, users=tuple(users))


def _prepared(record: Record) -> Record:
    stored = _newest(record, Phase.STORED)
    if stored is None:
        return record
    return advance(record, Step.PREPARED, replace(stored, phase=Phase.READY))


def with_user(
    record: Record, uid: int, rights: Right, *, user_id: str | None, grant_id: str | None
) -> Record:
    """Return the record with a user who has to be written into a free row, or raise 2013."""
    taken = {user.lock_row for user in record.users}
    row = next((row for row in range(OWNER_ROW + 1, admin.ROWS) if row not in taken), None)
    if row is None:
        raise RasError(Code.MEMORY_FULL, "All rows of the lock are taken")
    user = LockUser(
        device_id=record.device.device_id,
        uid=uid,
        lock_row=row,
        rights=rights,
        user_id=user_id,
        grant_id=grant_id,
    )
    return replace(record, users=(*record.users, user))


def without_user(record: Record, uid: int) -> Record:
    """Return the record with a user who has to be deleted, whether he was ever confirmed or not."""
    users = (
        replace(user, wanted=0, synced=0) if user.uid == uid else user for user in record.users
    )
    return replace(record, users=tuple(users))


def owner_user(record: Record, uid: int, owner: str) -> Record:
    """Return the record with its owner as the only user, in the first row."""
    user = LockUser(
        device_id=record.device.device_id,
        uid=uid,
        lock_row=OWNER_ROW,
        rights=ALL_RIGHTS,
        user_id=owner,
        grant_id=None,
    )
    return replace(record, users=(user,))
