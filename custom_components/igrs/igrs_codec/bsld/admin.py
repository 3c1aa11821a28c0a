"""Administration frames, kind ADMIN: made by the RAS, carried by any gateway.

Project profile (protocol 7.1 and 9); command 01 has the place of Tables 3 and 4. For
both ends: a request class and an answer class per command, with bytes(x) and
X.from_bytes(value). from_bytes of a request raises FrameError where the lock must
answer ERR (fixed bytes); everything else is for the lock to judge.
"""

from collections.abc import Mapping
from enum import IntEnum
from struct import Struct
from types import MappingProxyType
from typing import Final, NamedTuple, Self

from ..errors import DeviceIdError, FrameError, ProtocolError, Reason, RefusedError
from .frame import Command, Frame, FrameType, Right, Status, pack, unpack
from .keys import DEVICE_ID_SIZE, RE_KEY_NONCE_SIZE
from .packet import BlockKey, Hello, Kind, header
from .values import status_of

NO_START: Final = 0xFFFF
"""not_before of a user without a first day."""
FIRST_DAY: Final = 18262
"""2020-01-01 UTC in days since 1970: day 0 of not_before."""
TIME_NONCE_SIZE: Final = 9
ROWS: Final = 64

_WRITE_USER: Final = Struct(">IBBHB")
_PREPARE: Final = Struct(">8sB")
_EPOCH: Final = Struct(">B8s")
_CONFIG: Final = Struct(">BIB3s")
_CODES: Final = Struct(">BBBIBB")
_USER_ANSWER: Final = Struct(">BIBBBB")
_TIME_ANSWER: Final = Struct(">BBI3x")
_PREPARE_ANSWER: Final = Struct(">BB4s3x")
_EPOCH_ANSWER: Final = Struct(">BB7x")
_CONFIG_ANSWER: Final = Struct(">BBI3x")
_CODES_ANSWER: Final = Struct(">BBBI2x")
_REMOVE_ANSWER: Final = Struct(">B8x")
_REMOVE: Final = b"RMV"
_DELETE: Final = 0x80
_ACTION_ZERO: Final = 0x40
_ROW: Final = 0x3F
_X25519: Final = 0x80
_PREPARE_ZERO: Final = 0x70
_GENERATION: Final = 0x0F


class Parameter(IntEnum):
    """Parameters of command 13."""

    AUTO_RELOCK = 1
    """Seconds, 0..3600."""
    RELOCK_NEEDS_DOOR = 2
    """Auto-relock only with the door not open, 0 or 1."""
    ADVERT_INTERVAL = 3
    """Milliseconds, 100..2000."""
    FLAGS = 4
    """b0 owner tickets without clock, b1 keypad off."""
    CODE_FORMAT = 5
    """00, length, base, first (see codes.CodeFormat)."""
    CLEAR_ALARM = 6
    """Value 0."""


class CodeOperation(IntEnum):
    """Operations of command 14."""

    CANCEL = 0
    NEW_KEY = 3
    MOVE_BASE = 4


class WriteUser(NamedTuple):
    """Command 01: uid u32, action (b7 delete, b6 zero, b5-0 row), rights, day, epoch."""

    uid: int
    action: int
    rights: Right
    not_before: int
    epoch: int

    def __bytes__(self) -> bytes:
        """Return the Value."""
        return pack(_WRITE_USER, *self)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a Value."""
        uid, action, rights, not_before, epoch = unpack(_WRITE_USER, value)
        return cls(uid, action, Right(rights), not_before, epoch)

    @property
    def delete(self) -> bool:
        """Whether the user is deleted; the row then means nothing."""
        return bool(self.action & _DELETE)

    @property
    def row(self) -> int:
        """The row, 0..63."""
        return self.action & _ROW

    @property
    def valid(self) -> bool:
        """Whether the arguments mean something (else status 09)."""
        return self.uid != 0 and not self.action & _ACTION_ZERO


class Prepare(NamedTuple):
    """Command 11: N_R 8 bytes, X25519 or not, and the generation that follows."""

    n_r: bytes
    x25519: bool
    gen: int

    def __bytes__(self) -> bytes:
        """Return the Value."""
        return pack(_PREPARE, self.n_r, (_X25519 if self.x25519 else 0) | self.gen)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a Value."""
        n_r, mode = unpack(_PREPARE, value)
        if mode & _PREPARE_ZERO:
            raise FrameError("bits of 11 that must be zero")
        return cls(n_r, bool(mode & _X25519), mode & _GENERATION)


class Epoch(NamedTuple):
    """Command 12: the epoch to raise to."""

    epoch: int

    def __bytes__(self) -> bytes:
        """Return the Value."""
        return pack(_EPOCH, self.epoch, bytes(8))

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a Value."""
        epoch, zero = unpack(_EPOCH, value)
        if any(zero):
            raise FrameError("bytes of 12 that must be zero")
        return cls(epoch)


class Config(NamedTuple):
    """Command 13: parameter u8, value u32, epoch u8."""

    parameter: int
    value: int
    epoch: int

    def __bytes__(self) -> bytes:
        """Return the Value."""
        return pack(_CONFIG, *self, bytes(3))

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a Value."""
        parameter, number, epoch, zero = unpack(_CONFIG, value)
        if any(zero):
            raise FrameError("bytes of 13 that must be zero")
        return cls(parameter, number, epoch)


class Codes(NamedTuple):
    """Command 14: operation, code_class, code_index u8, start u32 (or a number), epoch u8."""

    operation: int
    code_class: int
    code_index: int
    start: int
    epoch: int

    def __bytes__(self) -> bytes:
        """Return the Value."""
        return pack(_CODES, *self, 0)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a Value."""
        *fields, zero = unpack(_CODES, value)
        if zero:
            raise FrameError("byte of 14 that must be zero")
        return cls(*fields)


class UserAnswer(NamedTuple):
    """Answer to 01 (Table 4): row, number of users, epoch and battery with the uid."""

    status: Status
    uid: int
    row: int
    users: int
    epoch: int
    battery: int

    def __bytes__(self) -> bytes:
        """Return the Value."""
        return pack(_USER_ANSWER, *self)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a Value."""
        status, *fields = unpack(_USER_ANSWER, value)
        return cls(status_of(status), *fields)


class TimeAnswer(NamedTuple):
    """Answer to 10: epoch now, and the lock time before (u32)."""

    status: Status
    epoch: int
    old_time: int

    def __bytes__(self) -> bytes:
        """Return the Value."""
        return pack(_TIME_ANSWER, *self)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a Value."""
        status, *fields = unpack(_TIME_ANSWER, value)
        return cls(status_of(status), *fields)


class PrepareAnswer(NamedTuple):
    """Answer to 11: generation and the 4-byte key check value."""

    status: Status
    gen: int
    kcv: bytes

    def __bytes__(self) -> bytes:
        """Return the Value."""
        return pack(_PREPARE_ANSWER, *self)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a Value."""
        status, gen, kcv = unpack(_PREPARE_ANSWER, value)
        return cls(status_of(status), gen, kcv)


class EpochAnswer(NamedTuple):
    """Answer to 12: epoch now."""

    status: Status
    epoch: int

    def __bytes__(self) -> bytes:
        """Return the Value."""
        return pack(_EPOCH_ANSWER, *self)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a Value."""
        status, epoch = unpack(_EPOCH_ANSWER, value)
        return cls(status_of(status), epoch)


class ConfigAnswer(NamedTuple):
    """Answer to 13: the value in force (u32)."""

    status: Status
    parameter: int
    value: int

    def __bytes__(self) -> bytes:
        """Return the Value."""
        return pack(_CONFIG_ANSWER, *self)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a Value."""
        status, *fields = unpack(_CONFIG_ANSWER, value)
        return cls(status_of(status), *fields)


class CodesAnswer(NamedTuple):
    """Answer to 14: cancelled codes stored, and the next one-time number (u32)."""

    status: Status
    operation: int
    cancelled: int
    once_next: int

    def __bytes__(self) -> bytes:
        """Return the Value."""
        return pack(_CODES_ANSWER, *self)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a Value."""
        status, *fields = unpack(_CODES_ANSWER, value)
        return cls(status_of(status), *fields)


class RemoveAnswer(NamedTuple):
    """Answer to 15."""

    status: Status

    def __bytes__(self) -> bytes:
        """Return the Value."""
        return pack(_REMOVE_ANSWER, *self)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a Value."""
        return cls(*map(status_of, unpack(_REMOVE_ANSWER, value)))


type AdminAnswer = (
    UserAnswer
    | TimeAnswer
    | PrepareAnswer
    | EpochAnswer
    | ConfigAnswer
    | CodesAnswer
    | RemoveAnswer
)

ANSWERS: Final[Mapping[Command, type[AdminAnswer]]] = MappingProxyType(
    {
        Command.WRITE_USER: UserAnswer,
        Command.TIME: TimeAnswer,
        Command.PREPARE: PrepareAnswer,
        Command.EPOCH: EpochAnswer,
        Command.CONFIG: ConfigAnswer,
        Command.CODES: CodesAnswer,
        Command.REMOVE: RemoveAnswer,
    }
)


def write_user(
    uid: int, row: int, rights: Right, *, epoch: int, not_before: int | None = None
) -> bytes:
    """Return the Value that writes a user; not_before in days since 2020-01-01 UTC."""
    if uid == 0 or not 0 <= row < ROWS:
        raise FrameError("uid 0, or a row out of 0..63")
    day = NO_START if not_before is None else not_before
    return bytes(WriteUser(uid, row, rights, day, epoch))


def delete_user(uid: int, *, epoch: int) -> bytes:
    """Return the Value that deletes a user, in whatever row."""
    if uid == 0:
        raise FrameError("uid 0")
    return bytes(WriteUser(uid, _DELETE, Right(0), NO_START, epoch))


def set_time(hello: Hello) -> bytes:
    """Return the Value of command 10; the time to set is the frame's time."""
    return hello.nonce[:TIME_NONCE_SIZE]


def prepare(n_r: bytes, gen: int, *, x25519: bool) -> bytes:
    """Return the Value that prepares generation gen (n_r: 8 bytes)."""
    if len(n_r) != RE_KEY_NONCE_SIZE or not 1 <= gen <= _GENERATION:
        raise FrameError("N_R has 8 bytes, a new generation is 1..15")
    return bytes(Prepare(n_r, x25519, gen))


def raise_epoch(epoch: int) -> bytes:
    """Return the Value of command 12."""
    return bytes(Epoch(epoch))


def config(parameter: Parameter, value: int, *, epoch: int) -> bytes:
    """Return the Value of command 13."""
    return bytes(Config(parameter, value, epoch))


def codes(
    operation: CodeOperation,
    *,
    epoch: int,
    code_class: int = 0,
    code_index: int = 0,
    start: int = 0,
) -> bytes:
    """Return the Value of command 14 (class, index and start as in protocol 9.1)."""
    return bytes(Codes(operation, code_class, code_index, start, epoch))


def remove(device: bytes) -> bytes:
    """Return the Value of command 15 for a device id (6 bytes)."""
    if len(device) != DEVICE_ID_SIZE:
        raise DeviceIdError(f"a device id has {DEVICE_ID_SIZE} bytes")
    return device + _REMOVE


def request(
    key: BlockKey, gen: int, tag: int, *, command: Command, value: bytes, time: int
) -> bytes:
    """Return the packet of a request under K_adm of gen."""
    frame = Frame(command, FrameType.REQUEST, value, time)
    return key.seal(header(Kind.ADMIN, gen, tag), bytes(frame))


def answer(
    key: BlockKey, gen: int, tag: int, *, command: Command, value: bytes, time: int
) -> bytes:
    """Return the packet of a lock's answer; time is the one of the request."""
    frame = Frame(command, FrameType.RESPONSE, value, time)
    return key.seal(header(Kind.ADMIN, gen, tag, from_lock=True), bytes(frame))


def read_answer(
    key: BlockKey, packet: bytes, *, gen: int, tag: int, command: Command, time: int
) -> AdminAnswer:
    """Return the answer to an outstanding request (protocol 13).

    Raises PacketError or FrameError for what is no answer at all, RefusedError
    (BAD_HEADER, WRONG_TYPE, WRONG_COMMAND, WRONG_TIME) for another one's. In every
    case the request stays outstanding. The caller compares the check value of 11.
    """
    if command not in ANSWERS:
        raise ProtocolError("not a command of the administration")
    plain = key.open(packet)
    if packet[:4] != header(Kind.ADMIN, gen, tag, from_lock=True):
        raise RefusedError(Reason.BAD_HEADER)
    frame = Frame.from_bytes(plain)
    if frame.type is not FrameType.RESPONSE:
        raise RefusedError(Reason.WRONG_TYPE)
    if frame.command != command:
        raise RefusedError(Reason.WRONG_COMMAND)
    if frame.time != time:
        raise RefusedError(Reason.WRONG_TIME)
    return ANSWERS[command].from_bytes(frame.value)
