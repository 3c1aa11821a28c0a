"""What an authentic answer of a lock changes in its record (protocol 9, 10, 12).

Pure functions on the stored record of a device.
"""

from dataclasses import replace
from typing import Final

from igrs_codec.bsld import admin
from igrs_codec.bsld.codes import ONCE
from igrs_codec.bsld.frame import Status

from ..errors import Code
from ..store.devices import KeypadCode, Record, StoredFrame
from .agenda import SCHEDULE, Purpose, code_number, current_key, newest_key
from .ownership import PENDING, Phase, State, Step, advance

NEW_CODE_KEY: Final = "new"
"""Stands for a K_code that has to be derived from the present key."""

CODE_OF: Final = {
    Status.OK: Code.OK,
    Status.FAILED: Code.FAILED,
    Status.DENIED: Code.NOT_PERMITTED,
    Status.EXPIRED: Code.EXPIRED,
    Status.NO_USER: Code.NOT_PERMITTED,
    Status.WRONG_EPOCH: Code.FRAME_REJECTED,
    Status.CLOCK_UNSET: Code.CLOCK_UNSET,
    Status.JAMMED: Code.JAMMED,
    Status.BUSY: Code.BUSY,
    Status.BAD_ARGUMENT: Code.NOT_SUPPORTED,
    Status.FULL: Code.MEMORY_FULL,
}
"""What the status of a lock is in the interface (API 2.3)."""

_ROTATE_AT_EPOCH: Final = 200
_BACK: Final = 120
"""A clock that is set more seconds below the lock's time goes back."""
_BACK_OF_T_ADM: Final = 240
"""The same below T_adm."""


def answered(record: Record, answer: admin.AdminAnswer) -> Record | None:
    """Return the record after an authentic answer to its frame, or None if the lock is wiped.

    The caller has compared the key check value of command 11.
    """
    frame = record.frame
    if frame is None:
        return record
    purpose = Purpose(frame.purpose)
    record = committed(replace(record, frame=None), frame.key_id)
    if purpose is Purpose.PROBE and newest_key(record, Phase.SENT) is not None:
        record = advance(record, Step.REVERT)
    match answer:
        case admin.UserAnswer():
            record = _user_answered(learnt(record, answer.epoch), frame, answer.status)
        case admin.EpochAnswer():
            record = learnt(record, answer.epoch)
        case admin.PrepareAnswer() if answer.status is Status.OK:
            record = _prepared(record)
        case admin.CodesAnswer() | admin.ConfigAnswer() if answer.status is Status.WRONG_EPOCH:
            # The lock's epoch is higher than the known one, so this raises nothing.
            device = replace(record.device, epoch_wanted=record.device.epoch + 1)
            record = replace(record, device=device)
        case admin.ConfigAnswer():
            record = _configured(record, frame, answer)
        case admin.CodesAnswer():
            record = _codes_answered(record, frame, answer)
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
        code_key=record.device.code_key if followed else NEW_CODE_KEY,
        rekey="" if key.private is not None and not key.exposed else _left(record.device.rekey),
    )
    key = replace(key, phase=Phase.CURRENT, private=None, exposed=0)
    return advance(replace(record, device=device), Step.COMMIT, key)


def _left(reason: str) -> str:
    """Return the re-key that is still wanted after one that shuts nobody out."""
    return "" if reason == SCHEDULE else reason


def learnt(record: Record, epoch: int) -> Record:
    """Return the record with an epoch from an authentic answer, if it is higher.

    A raised epoch has deleted the pending generation: it is prepared anew.
    """
    if epoch <= record.device.epoch:
        return record
    return reverted(_with_epoch(record, epoch))


def reverted(record: Record) -> Record:
    """Return the record without a pending generation, which the lock has lost."""
    if newest_key(record, *PENDING) is None:
        return record
    return advance(record, Step.REVERT)


def time_set(record: Record, answer: admin.TimeAnswer, time: int) -> Record:
    """Return the record after an authentic answer to command 10.

    Only a clock that went back takes T_adm back with it. The pending generation is left alone.
    """
    if answer.status is not Status.OK:
        return learnt(record, answer.epoch)
    device = record.device
    if time + _BACK < answer.old_time or time + _BACK_OF_T_ADM < device.t_adm:
        record = replace(record, device=replace(device, t_adm=time))
    record = replace(record, device=replace(record.device, clock_due=0))
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
    stored = newest_key(record, Phase.STORED)
    if stored is None:
        return record
    return advance(record, Step.PREPARED, replace(stored, phase=Phase.READY))


def _configured(record: Record, frame: StoredFrame, answer: admin.ConfigAnswer) -> Record:
    """Note what is in force; a value that the lock refuses is not sent again."""
    refused = 0 if answer.status is Status.OK else CODE_OF[answer.status]
    config = (
        replace(each, reported=answer.value, synced=1, code=int(refused))
        if each.parameter == frame.subject and each.wanted == _sent(frame)
        else each
        for each in record.config
    )
    return replace(record, config=tuple(config))


def _sent(frame: StoredFrame) -> int:
    return admin.Config.from_bytes(frame.value).value


def _codes_answered(record: Record, frame: StoredFrame, answer: admin.CodesAnswer) -> Record:
    device = record.device
    if frame.purpose == Purpose.CODE_KEY:
        if answer.status is not Status.OK:
            return record
        device = replace(
            device,
            code_key_due=0,
            code_time=frame.time,
            code_key=NEW_CODE_KEY,
        )
        return replace(record, device=device)
    if answer.status is Status.FULL:
        # The lock can keep no more cancelled codes: it gets a new code key, and all codes die.
        return replace(record, device=replace(device, code_key_due=1))
    codes = (_code_after(code, record, frame, answer) for code in record.codes)
    return replace(record, codes=tuple(codes))


def _code_after(
    code: KeypadCode, record: Record, frame: StoredFrame, answer: admin.CodesAnswer
) -> KeypadCode:
    if code.code_key != record.device.code_key:
        return code
    if code.code_class == ONCE and code.start < answer.once_next:
        return replace(code, used=1, synced=code.cancelled)
    if frame.purpose == Purpose.CANCEL_CODE and code_number(code) == frame.subject:
        return replace(code, synced=1)
    return code
