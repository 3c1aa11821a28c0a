"""Tickets and sessions as the lock judges them (project profile, protocol 7.2, 8, 13).

The conditions stand in the order of section 13: the first that fails decides.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final, NamedTuple

from .admin import FIRST_DAY, NO_START
from .frame import (
    ALL_RIGHTS,
    VALUE_SIZE,
    Capability,
    Command,
    Event,
    Frame,
    FrameType,
    Method,
    Operation,
    Record,
    Right,
    Status,
)
from .lock_clock import LockClock
from .lock_door import Body, Cause
from .lock_link import Session
from .lock_log import Log
from .lock_state import OWNER_WITHOUT_CLOCK, Identity, Ownership, User
from .ticket import ttl_seconds
from .values import SessionRequest, StateAnswer, TicketFields, Version

ISSUE_SLACK: Final = 120  # seconds by which a ticket may be ahead of the lock
TIME_WINDOW: Final = 10  # seconds
PROTOCOL_VERSION: Final = 1

_DAY: Final = 86400
_RELOCK_UNIT: Final = 5  # seconds
_WITHOUT_CLOCK: Final = Right.LOCK | Right.LOG
_NO_RIGHTS: Final = Right(0)
_NEEDED: Final = MappingProxyType(
    {
        Operation.LOCK: Right.LOCK,
        Operation.UNLOCK: Right.UNLOCK,
        Operation.OPEN: Right.OPEN,
    }
)


class Grant(NamedTuple):
    """The lock's word on a ticket: granted by ticket and row, rights as of now."""

    status: Status
    granted: Right = _NO_RIGHTS
    rights: Right = _NO_RIGHTS


class _Claim(NamedTuple):
    fields: TicketFields
    expires: int
    issued: int
    user: User | None
    own: Ownership
    clock: LockClock

    @property
    def granted(self) -> Right:
        return self.fields.rights & self.user.rights & ALL_RIGHTS if self.user else _NO_RIGHTS

    @property
    def in_time(self) -> bool:
        if self.clock.is_set:
            return self.issued <= self.clock.time + ISSUE_SLACK and not self.ended
        return not self.ended

    @property
    def ended(self) -> bool:
        return self.clock.lower_bound > self.expires

    @property
    def begun(self) -> bool:
        day = self.user.not_before if self.user else NO_START
        return day == NO_START or self.clock.lower_bound >= (day + FIRST_DAY) * _DAY

    @property
    def timely(self) -> bool:
        """Whether all that is granted may be used now."""
        without_clock = Right.OWNER in self.granted and self.own.has_flag(OWNER_WITHOUT_CLOCK)
        return self.clock.is_set or without_clock


_CONDITIONS: Final[tuple[tuple[Callable[[_Claim], bool], Status], ...]] = (
    (lambda claim: claim.fields.epoch == claim.own.epoch, Status.WRONG_EPOCH),
    (lambda claim: claim.user is not None, Status.NO_USER),
    (lambda claim: claim.in_time, Status.EXPIRED),
    (lambda claim: claim.begun, Status.EXPIRED),
    (lambda claim: bool(claim.granted), Status.DENIED),
)


def expiry(ticket: Frame) -> int:
    """Return the end of a ticket in Unix seconds (may exceed a u32)."""
    return ticket.time + ttl_seconds(TicketFields.from_bytes(ticket.value).ttl)


def judge(ticket: Frame, own: Ownership, clock: LockClock) -> Grant:
    """Return what a well-formed ticket is worth now."""
    fields = TicketFields.from_bytes(ticket.value)
    row = own.row_of(fields.uid)
    user = None if row is None else own.users[row]
    claim = _Claim(fields, expiry(ticket), ticket.time, user, own, clock)
    for holds, status in _CONDITIONS:
        if not holds(claim):
            return Grant(status)
    if claim.timely:
        return Grant(Status.OK, claim.granted, claim.granted)
    return Grant(Status.CLOCK_UNSET, claim.granted, claim.granted & _WITHOUT_CLOCK)


class Requests:
    """Answers the accepted requests of all sessions."""

    def __init__(self, identity: Identity, clock: LockClock, log: Log, body: Body) -> None:
        self._identity = identity
        self._clock = clock
        self._log = log
        self._body = body
        self._latest = 0
        """Frame time of the last executed operation of any session."""

    def clock_was_set(self) -> None:
        """Forget the order of operations: their times meant another clock."""
        self._latest = 0

    def ended(self, session: Session) -> bool:
        """Return whether the ticket of a session has ended."""
        return self._clock.is_set and self._clock.time > session.expires

    def answer(self, session: Session, frame: Frame) -> list[Frame]:
        """Return the answers to an accepted request, oldest first."""
        request = SessionRequest.from_bytes(frame.value)
        answer = _ANSWERS.get(frame.command, Requests._unknown)
        return answer(self, session, frame, request)

    def moved(self, rnd: bytes) -> Frame:
        """Return the indication of the final state after a movement."""
        value = bytes(self._state(self._body.status, rnd))
        return Frame(Command.STATUS, FrameType.INDICATION, value, self._clock.time)

    def _operate(self, session: Session, frame: Frame, request: SessionRequest) -> list[Frame]:
        status = self._refusal(session, frame, request)
        if status is None:
            self._latest = frame.time
            session.executed = request
            cause = Cause(
                method=Method.GATEWAY,
                uid=session.uid,
                relock=request.b * _RELOCK_UNIT,
                origin=session,
                rnd=request.rnd,
            )
            status = self._body.operate(Operation(request.a), cause)
        return [self._answer(frame, bytes(self._state(status, request.rnd)))]

    def _refusal(self, session: Session, frame: Frame, request: SessionRequest) -> Status | None:
        """Return why an operation is not executed, or None."""
        needed = _NEEDED.get(Operation(min(request.a, Operation.OPEN)), _NO_RIGHTS)
        if request.b:
            needed |= Right.HOLD
        impossible = request.a > Operation.OPEN or (
            request.a == Operation.OPEN and not self._identity.capabilities & Capability.OPEN
        )
        kept_by_clock = needed in session.granted
        conditions = (
            (impossible, Status.BAD_ARGUMENT),
            (self.ended(session), Status.EXPIRED),
            (session.has_executed(request), self._body.status),
            (
                needed not in session.rights,
                Status.CLOCK_UNSET if kept_by_clock else Status.DENIED,
            ),
            (frame.time < self._latest, Status.EXPIRED),
            (self._body.moving, Status.BUSY),
        )
        return next((status for applies, status in conditions if applies), None)

    def _status(self, session: Session, frame: Frame, request: SessionRequest) -> list[Frame]:
        status = Status.EXPIRED if self.ended(session) else self._body.status
        return [self._answer(frame, bytes(self._state(status, request.rnd)))]

    def _version(self, _session: Session, frame: Frame, _request: SessionRequest) -> list[Frame]:
        identity = self._identity
        version = Version(
            PROTOCOL_VERSION,
            *identity.firmware,
            identity.hardware,
            identity.model,
            identity.capabilities,
        )
        return [self._answer(frame, bytes(version))]

    def _records(self, session: Session, _frame: Frame, request: SessionRequest) -> list[Frame]:
        none = Status.OK
        if self.ended(session):
            none = Status.EXPIRED
        elif Right.LOG not in session.rights:
            none = Status.DENIED
        records = [] if none else self._log.since(request.a << 8 | request.b)
        return [
            record.to_frame(Command.LOG, FrameType.RESPONSE)
            for record in records or [self._no_record(none)]
        ]

    def _close(self, _session: Session, frame: Frame, _request: SessionRequest) -> list[Frame]:
        return [self._answer(frame, bytes(VALUE_SIZE))]

    def _unknown(self, _session: Session, frame: Frame, _request: SessionRequest) -> list[Frame]:
        value = bytes((Status.BAD_ARGUMENT,)).ljust(VALUE_SIZE, b"\0")
        return [self._answer(frame, value)]

    def _answer(self, frame: Frame, value: bytes) -> Frame:
        return Frame(frame.command, FrameType.RESPONSE, value, self._clock.time)

    def _state(self, status: Status, rnd: bytes) -> StateAnswer:
        if status is Status.EXPIRED:
            return StateAnswer(status, None, 0, 0, rnd)
        body = self._body
        return StateAnswer(status, body.state, body.battery, self._log.counter, rnd)

    def _no_record(self, why: Status) -> Record:
        return Record(
            number=0,
            uid=0,
            method=Method.HAND,
            event=Event.NONE,
            detail=why,
            time=self._clock.time,
            boot_time=not self._clock.is_set,
        )


type _Answer = Callable[[Requests, Session, Frame, SessionRequest], list[Frame]]

_ANSWERS: Final = MappingProxyType[int, _Answer](
    {
        Command.OPERATE: Requests._operate,  # noqa: SLF001 - the table of this class
        Command.STATUS: Requests._status,  # noqa: SLF001
        Command.VERSION: Requests._version,  # noqa: SLF001
        Command.LOG: Requests._records,  # noqa: SLF001
        Command.CLOSE: Requests._close,  # noqa: SLF001
    }
)
