"""The Values of the administration commands, for both ends (project profile, protocol 9.1).

A request class and an answer class per command, with bytes(x) and X.from_bytes(value).
from_bytes of a request raises FrameError where the lock must answer ERR (fixed bytes);
everything else is for the lock to judge. Answers have a status.
"""

from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple, Self

from ..errors import FrameError
from .frame import Right, Status, pack, unpack
from .values import status_of

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
DELETE: Final = 0x80
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
        return bool(self.action & DELETE)

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
