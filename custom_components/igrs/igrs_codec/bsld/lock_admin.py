"""Administration as the lock judges and executes it: frames in, a new ownership out.

Project profile (protocol 9, 10 and 13). Pure: nothing is stored or sent here, so that
the caller can make all that a frame changes one atomic write before the answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hmac import compare_digest
from types import MappingProxyType
from typing import Final

from ..errors import CodeFormatError, FrameError
from .admin import (
    TIME_NONCE_SIZE,
    AdminAnswer,
    CodeOperation,
    Codes,
    CodesAnswer,
    Config,
    ConfigAnswer,
    Epoch,
    EpochAnswer,
    Parameter,
    Prepare,
    PrepareAnswer,
    RemoveAnswer,
    TimeAnswer,
    UserAnswer,
    WriteUser,
    remove,
)
from .codes import INDEXES, ONCE, WINDOW_SECONDS, CodeFormat, CodeId
from .frame import Command, Event, Frame, FrameType, Status
from .keys import (
    CHECK_VALUE_SIZE,
    check_value,
    code_key,
    next_generation,
    provisioned,
    rekeyed,
)
from .lock_link import Exchange
from .lock_state import Identity, Ownership, Pending, User

HELLO_LIFE: Final = 30  # seconds in which a HELLO binds time frames and generation 0
FUTURE: Final = 120  # seconds by which a frame may be ahead of the lock
QUEUE_AGE: Final = 31 * 86400  # seconds that a frame may have waited
BACK_BY_CLOCK: Final = 120  # seconds below the lock time from which the clock goes back
BACK_BY_FRAME: Final = 240  # the same below T_adm
SMALL_CORRECTION: Final = 5  # seconds below which setting a set clock is no event
LAST_EPOCH: Final = 255
CANCELLED: Final = 32

_UNOWNED_COMMANDS: Final = frozenset({Command.TIME, Command.PREPARE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What besides the ownership decides on a frame.

    time, lower_bound and clock_set as in LockClock; nonce and hello_age (seconds) of the
    link's HELLO; unowned_time is the time of the last frame of generation 0 under it;
    next_record the number of the next record.
    """

    identity: Identity
    time: int
    lower_bound: int
    clock_set: bool
    nonce: bytes
    hello_age: int
    unowned_time: int
    exchange: Exchange | None
    battery: int
    next_record: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an accepted frame does.

    event is recorded with uid and detail; clock is the time to set; the sessions of the
    users in touched end; renew closes the other links and makes a new HELLO.
    """

    answer: AdminAnswer
    ownership: Ownership
    event: Event | None = None
    uid: int = 0
    detail: int = 0
    clock: int | None = None
    touched: frozenset[int] = frozenset()
    renew: bool = False
    clears_alarm: bool = False


def check(frame: Frame, own: Ownership, now: Situation) -> None:
    """Raise FrameError unless a well-formed frame is accepted under this ownership."""
    if frame.type is not FrameType.REQUEST or frame.command not in _COMMANDS:
        raise FrameError("not an administration request")
    if not own.gen and (
        frame.command not in _UNOWNED_COMMANDS
        or frame.time <= now.unowned_time
        or now.hello_age > HELLO_LIFE
    ):
        raise FrameError("not now in generation 0")
    if frame.command == Command.TIME:
        fresh = now.hello_age <= HELLO_LIFE
    else:
        fresh = not own.gen or (
            now.clock_set
            and own.t_adm < frame.time
            and now.time - QUEUE_AGE <= frame.time <= now.time + FUTURE
        )
    if not fresh:
        raise FrameError("not fresh")
    _check_fixed_bytes(frame, now)


def _check_fixed_bytes(frame: Frame, now: Situation) -> None:
    nonce = now.nonce[:TIME_NONCE_SIZE]
    if frame.command == Command.TIME and not compare_digest(frame.value, nonce):
        raise FrameError("another HELLO")
    if frame.command == Command.REMOVE and frame.value != remove(now.identity.device):
        raise FrameError("not the removal of this device")
    if parse := _REQUESTS.get(frame.command):
        parse(frame.value)


def execute(frame: Frame, own: Ownership, now: Situation) -> Outcome:
    """Return what an accepted frame does; own is already the committed generation."""
    outcome = _COMMANDS[frame.command](frame, own, now)
    after = outcome.ownership
    if after.gen and frame.command != Command.TIME:
        return replace(outcome, ownership=replace(after, t_adm=frame.time))
    return outcome


def _write_user(frame: Frame, own: Ownership, now: Situation) -> Outcome:
    request = WriteUser.from_bytes(frame.value)
    found = own.row_of(request.uid)
    conditions = (
        (request.epoch == own.epoch, Status.WRONG_EPOCH),
        (request.valid, Status.BAD_ARGUMENT),
        (found is not None or not request.delete, Status.NO_USER),
    )
    status = next((status for holds, status in conditions if not holds), Status.OK)
    row = found if request.delete and found is not None else request.row
    users = dict(own.users)
    touched = {request.uid}
    if status is Status.OK:
        rows = {row, row if found is None else found}
        touched |= {users.pop(old).uid for old in rows if old in users}
        if not request.delete:
            users[row] = User(request.uid, request.rights, request.not_before)
    answer = UserAnswer(status, request.uid, row, len(users), own.epoch, now.battery)
    if status is not Status.OK:
        return Outcome(answer=answer, ownership=own)
    return Outcome(
        answer=answer,
        ownership=replace(own, users=users),
        event=Event.USER_DELETED if request.delete else Event.USER_WRITTEN,
        uid=request.uid,
        touched=frozenset(touched),
    )


def _set_time(frame: Frame, own: Ownership, now: Situation) -> Outcome:
    back = bool(own.gen) and (
        frame.time < now.lower_bound - BACK_BY_CLOCK or frame.time < own.t_adm - BACK_BY_FRAME
    )
    if back and own.epoch == LAST_EPOCH:
        answer = TimeAnswer(Status.BAD_ARGUMENT, own.epoch, now.time)
        return Outcome(answer=answer, ownership=own)
    if back:
        own = replace(own, epoch=own.epoch + 1, t_adm=frame.time, pending=None)
    small = now.clock_set and abs(frame.time - now.time) < SMALL_CORRECTION
    return Outcome(
        answer=TimeAnswer(Status.OK, own.epoch, now.time),
        ownership=own,
        event=None if small and not back else Event.CLOCK_SET,
        detail=int(back),
        clock=frame.time,
        renew=bool(own.gen),
    )


def _prepare(frame: Frame, own: Ownership, now: Situation) -> Outcome:
    request = Prepare.from_bytes(frame.value)
    device, exchange = now.identity.device, now.exchange
    possible = exchange is not None if request.x25519 else own.gen
    if request.gen != next_generation(own.gen) or not possible:
        answer = PrepareAnswer(Status.BAD_ARGUMENT, request.gen, bytes(CHECK_VALUE_SIZE))
        return Outcome(answer=answer, ownership=own)
    if request.x25519 and exchange is not None:
        k_d = provisioned(
            own.k_d if own.gen else now.identity.k_f,
            device,
            request.gen,
            request.n_r,
            private=exchange.private,
            peer_public=exchange.ras_public,
            ras_public=exchange.ras_public,
            lock_public=exchange.lock_public,
        )
    else:
        k_d = rekeyed(own.k_d, device, request.gen, request.n_r)
    return Outcome(
        answer=PrepareAnswer(Status.OK, request.gen, check_value(k_d)),
        ownership=replace(own, pending=Pending(request.gen, k_d)),
        event=Event.PREPARED,
    )


def _raise_epoch(frame: Frame, own: Ownership, _now: Situation) -> Outcome:
    epoch = Epoch.from_bytes(frame.value).epoch
    if epoch <= own.epoch:
        status = Status.OK if epoch == own.epoch else Status.BAD_ARGUMENT
        return Outcome(answer=EpochAnswer(status, own.epoch), ownership=own)
    return Outcome(
        answer=EpochAnswer(Status.OK, epoch),
        ownership=replace(own, epoch=epoch, pending=None),
        event=Event.EPOCH,
        renew=True,
    )


def _configure(frame: Frame, own: Ownership, _now: Situation) -> Outcome:
    request = Config.from_bytes(frame.value)
    conditions = (
        (request.epoch == own.epoch, Status.WRONG_EPOCH),
        (_is_setting(request.parameter, request.value), Status.BAD_ARGUMENT),
    )
    status = next((status for holds, status in conditions if not holds), Status.OK)
    stored = next((known for known in own.config if known == request.parameter), None)
    if status is Status.OK and stored is not None:
        own = replace(own, config={**own.config, stored: request.value})
    value = request.value if stored is None else own.config[stored]
    return Outcome(
        answer=ConfigAnswer(status, request.parameter, value),
        ownership=own,
        clears_alarm=status is Status.OK and request.parameter == Parameter.CLEAR_ALARM,
    )


def _is_setting(parameter: int, value: int) -> bool:
    if parameter == Parameter.CODE_FORMAT:
        try:
            CodeFormat.from_value(value)
        except CodeFormatError:
            return False
        return True
    return value in _SETTINGS.get(parameter, ())


def _change_codes(frame: Frame, own: Ownership, now: Situation) -> Outcome:
    request = Codes.from_bytes(frame.value)
    if request.epoch != own.epoch:
        status, after = Status.WRONG_EPOCH, own
    else:
        change = _CODE_CHANGES.get(request.operation, _no_change)
        status, after = change(request, own, frame.time, now)
    answer = CodesAnswer(status, request.operation, len(after.cancelled), after.once_base)
    return Outcome(answer=answer, ownership=after)


type _Change = tuple[Status, Ownership]


def _cancel(request: Codes, own: Ownership, _time: int, now: Situation) -> _Change:
    code = CodeId(request.code_class, request.code_index, request.start)
    if code.code_class >= len(WINDOW_SECONDS) or code.code_index >= (
        1 if code.code_class == ONCE else INDEXES
    ):
        return Status.BAD_ARGUMENT, own
    kept = tuple(old for old in own.cancelled if _can_match(old, own, now))
    if code not in kept:
        if len(kept) >= CANCELLED:
            return Status.FULL, replace(own, cancelled=kept)
        kept += (code,)
    return Status.OK, replace(own, cancelled=kept)


def _can_match(code: CodeId, own: Ownership, now: Situation) -> bool:
    if code.code_class == ONCE:
        return code.start >= own.once_base
    return code.start + WINDOW_SECONDS[code.code_class] > now.time


def _new_key(request: Codes, own: Ownership, time: int, now: Situation) -> _Change:
    if request.code_class or request.code_index or request.start:
        return Status.BAD_ARGUMENT, own
    k_code = code_key(own.k_d, now.identity.device, own.gen, time)
    return Status.OK, replace(own, k_code=k_code, once_base=1, once_used=0, cancelled=())


def _move_base(request: Codes, own: Ownership, _time: int, _now: Situation) -> _Change:
    moved = request.start - own.once_base
    if moved < 0:
        return Status.BAD_ARGUMENT, own
    return Status.OK, own.with_once(request.start, own.once_used >> moved)


def _no_change(_request: Codes, own: Ownership, _time: int, _now: Situation) -> _Change:
    return Status.BAD_ARGUMENT, own


def _remove(_frame: Frame, _own: Ownership, now: Situation) -> Outcome:
    return Outcome(
        answer=RemoveAnswer(Status.OK),
        ownership=Ownership(first_record=now.next_record),
        renew=True,
    )


_SETTINGS: Final = MappingProxyType[int, range](
    {
        Parameter.AUTO_RELOCK: range(3601),
        Parameter.RELOCK_NEEDS_DOOR: range(2),
        Parameter.ADVERT_INTERVAL: range(100, 2001),
        Parameter.FLAGS: range(4),
        Parameter.CLEAR_ALARM: range(1),
    }
)
_CODE_CHANGES: Final = MappingProxyType[int, Callable[[Codes, Ownership, int, Situation], _Change]](
    {
        CodeOperation.CANCEL: _cancel,
        CodeOperation.NEW_KEY: _new_key,
        CodeOperation.MOVE_BASE: _move_base,
    }
)
_REQUESTS: Final = MappingProxyType[int, Callable[[bytes], object]](
    {
        Command.PREPARE: Prepare.from_bytes,
        Command.EPOCH: Epoch.from_bytes,
        Command.CONFIG: Config.from_bytes,
        Command.CODES: Codes.from_bytes,
    }
)
_COMMANDS: Final = MappingProxyType[int, Callable[[Frame, Ownership, Situation], Outcome]](
    {
        Command.WRITE_USER: _write_user,
        Command.TIME: _set_time,
        Command.PREPARE: _prepare,
        Command.EPOCH: _raise_epoch,
        Command.CONFIG: _configure,
        Command.CODES: _change_codes,
        Command.REMOVE: _remove,
    }
)
