"""What the server has to tell a lock next (protocol 9, 10, 12).

Pure functions on the stored record of a device. There is no queue: the next frame follows from what
is wanted and what the lock has confirmed, so nothing can be queued twice or be forgotten.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from igrs_codec.bsld import admin
from igrs_codec.bsld.codes import ONCE
from igrs_codec.bsld.frame import ALL_RIGHTS, Command, Right
from igrs_codec.bsld.keys import device_id_from_text
from igrs_codec.bsld.packet import Hello

from ..errors import Code, RasError
from ..store.devices import KeypadCode, LockUser, Record, StoredFrame, StoredKey
from .ownership import Phase, State

MAX_AHEAD: Final = 60
"""Seconds that the time of a frame may lie ahead of the server's clock."""
REISSUE_AFTER: Final = 60
"""Seconds before a frame that was answered with ERR is issued again."""
MAX_AGE: Final = 31 * 86400
"""Seconds that a lock accepts a frame."""
OWNER_ROW: Final = 0
LAST_EPOCH: Final = 255
_DAY: Final = 86400  # seconds
SCHEDULE: Final = "schedule"
"""The reason of a symmetric re-key; every other one asks for X25519."""


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
    CANCEL_CODE = "cancel_code"
    MOVE_ONCE = "move_once"
    """Command 14: the one-time codes before a number are over."""
    CONFIG = "config"
    PREPARE = "prepare"


_HANDED_OUT: Final = frozenset({Phase.READY, Phase.SENT, Phase.STALE})
"""The phases of a generation that is not the present one, and whose K_adv gateways may have."""

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
    return newest_key(record, Phase.CURRENT)


def pending_key(record: Record) -> StoredKey | None:
    """Return the key of the generation that the lock has pending."""
    return newest_key(record, Phase.SENT, Phase.READY)


def newest_key(record: Record, *phases: Phase) -> StoredKey | None:
    """Return the newest key in one of these phases."""
    return next((key for key in reversed(record.keys) if key.phase in phases), None)


def next_plan(
    record: Record, *, hello: Hello | None = None, may_commit: bool = True
) -> Plan | None:
    """Return what the lock has to be told next, if anything.

    The HELLO of the link, if there is one, hints which generation the lock has. `may_commit` says
    that the gateways hold tickets of a generation that was prepared on schedule; a revocation that
    no epoch is left for does not wait for them.
    """
    if (pending := pending_key(record)) is not None and (
        may_commit
        or pending.phase == Phase.SENT
        or pending.private is not None
        or record.device.epoch_wanted > LAST_EPOCH
    ):
        return _commit(record, pending, hello)
    if (current := current_key(record)) is None:
        return None
    frame = record.frame
    stale = newest_key(record, Phase.STALE)
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
    raises = device.epoch < device.epoch_wanted <= LAST_EPOCH
    if raises and not (live and device.state == State.REMOVING):
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
    return _cancel_code(record, current) or _configure(record, current)


def _cancel_code(record: Record, current: StoredKey) -> Plan | None:
    """Return the cancellation of a code, as long as the lock still has the key of that code.

    The lock accepts one-time codes only in a window behind the lowest number that was not used, so
    cancelled numbers at its beginning are passed over instead.
    """
    device = record.device
    lowest = once_lowest(record)
    for code in record.codes:
        if not code.cancelled or code.used or code.code_key != device.code_key:
            continue
        if code.code_class == ONCE and code.start < lowest:
            move, epoch = admin.CodeOperation.MOVE_BASE, device.epoch
            value = admin.codes(move, start=lowest, epoch=epoch)
            return Plan(
                purpose=Purpose.MOVE_ONCE,
                key=current,
                command=Command.CODES,
                value=value,
                subject=lowest,
            )
        if not code.synced:
            value = admin.codes(
                admin.CodeOperation.CANCEL,
                code_class=code.code_class,
                code_index=code.code_index,
                start=code.start,
                epoch=device.epoch,
            )
            return Plan(
                purpose=Purpose.CANCEL_CODE,
                key=current,
                command=Command.CODES,
                value=value,
                subject=code_number(code),
            )
    return None


def code_number(code: KeypadCode) -> int:
    """Return what tells a code from the other ones of its key."""
    return code.code_class << 40 | code.code_index << 32 | code.start


def once_lowest(record: Record) -> int:
    """Return the lowest one-time number that may still be typed; the next one if none may."""
    numbers = [
        code
        for code in record.codes
        if code.code_class == ONCE and code.code_key == record.device.code_key
    ]
    free = max((code.start for code in numbers), default=0) + 1
    return min(
        (code.start for code in numbers if not code.cancelled and not code.used), default=free
    )


def _configure(record: Record, current: StoredKey) -> Plan | None:
    for each in record.config:
        if not each.synced:
            value = admin.config(
                admin.Parameter(each.parameter), each.wanted, epoch=record.device.epoch
            )
            return Plan(
                purpose=Purpose.CONFIG,
                key=current,
                command=Command.CONFIG,
                value=value,
                subject=each.parameter,
            )
    return None


def _write_user(purpose: Purpose, key: StoredKey, user: LockUser, *, epoch: int) -> Plan:
    if user.wanted:
        first = None if user.not_before is None else user.not_before // _DAY - admin.FIRST_DAY
        value = admin.write_user(
            user.uid, user.lock_row, Right(user.rights), epoch=epoch, not_before=first
        )
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
    current, stored = current_key(record), newest_key(record, Phase.STORED)
    if current is None or stored is None or (stored.private is not None) is not x25519:
        return None
    value = admin.prepare(stored.n_r, stored.gen, x25519=x25519)
    return Plan(purpose=Purpose.PREPARE, key=current, command=Command.PREPARE, value=value)


def rotation_due(record: Record) -> str:
    """Return the reason of a re-key that has to be prepared now, or nothing.

    A generation that is on its way comes first, but for one on schedule that waits for tickets: a
    stronger reason replaces it, as long as no frame was made under it.
    """
    reason, pending = record.device.rekey, pending_key(record)
    if record.device.state not in {State.ACTIVE, State.ROTATING} or record.device.code_key_due:
        return ""
    if pending is None:
        return reason
    waits_for_tickets = pending.phase == Phase.READY and pending.private is None
    return reason if waits_for_tickets and reason != SCHEDULE else ""


def with_rekey(record: Record, reason: str) -> Record:
    """Return the record with a re-key that is due; a stronger reason replaces a weaker one.

    Who is to be shut out may have K_adv of a generation that is on its way: its commit, perhaps
    much later, does not do what is wanted here.
    """
    keys = record.keys
    if reason != SCHEDULE:
        keys = tuple(
            replace(key, exposed=1) if key.phase in _HANDED_OUT else key for key in record.keys
        )
    if record.device.rekey not in {"", SCHEDULE}:
        reason = record.device.rekey
    return replace(record, device=replace(record.device, rekey=reason), keys=keys)


def issue(
    record: Record, plan: Plan, now: int, *, lock_time: int | None = None
) -> tuple[Record, int, int]:
    """Return the record with the next frame time and tag taken, the tag and the time.

    Raises 5003 while the time would lie more than 60 s ahead of the clock. A lock whose wrong clock
    cannot be set (protocol 9.2, epoch 255) is spoken to in its own time.
    """
    time = max(now if lock_time is None else lock_time, record.device.t_adm + 1)
    if time > now + MAX_AHEAD and lock_time is None:
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


def with_user(
    record: Record,
    uid: int,
    rights: Right,
    *,
    user_id: str | None,
    grant_id: str | None,
    start: int | None = None,
) -> Record:
    """Return the record with a user who has to be written into a free row, or raise 2013.

    `start` is Unix time: the lock knows the user from the beginning of that day on (UTC).
    """
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
        not_before=start,
    )
    return replace(record, users=(*record.users, user))


def without_user(record: Record, uid: int) -> Record:
    """Return the record with a user who has to be deleted, whether he was ever confirmed or not."""
    users = (
        replace(user, wanted=0, synced=0) if user.uid == uid else user for user in record.users
    )
    return replace(record, users=tuple(users))


def owner_user(record: Record, uid: int, owner: str) -> Record:
    """Return the record with its owner as the only user, in the first row.

    The lock has neither codes nor configuration of an earlier owner.
    """
    user = LockUser(
        device_id=record.device.device_id,
        uid=uid,
        lock_row=OWNER_ROW,
        rights=ALL_RIGHTS,
        user_id=owner,
        grant_id=None,
    )
    return replace(record, users=(user,), codes=(), config=())
