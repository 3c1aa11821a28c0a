"""The 16-byte frame: ISO/IEC 14543-5-104, clause 8 (contents: project profile).

Known from the published summary: Command ID 1, Type 1, Value 9, Check 1 (XOR),
Timestamp 4 (Unix). Defined by this project: big-endian order, the range of the XOR
(bytes 0 to 10), all commands but 01 to 03, and every Value.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import reduce
from operator import xor
import struct
from struct import Struct
from typing import Any, Final, Self

from ..errors import FrameError

FRAME_SIZE: Final = 16
VALUE_SIZE: Final = 9
MAX_U8: Final = 0xFF
MAX_U16: Final = 0xFFFF
MAX_TIME: Final = 0xFFFF_FFFF

_LAYOUT: Final = Struct(">BB9sBI")
_HEAD: Final = Struct(">BB9s")
_TAIL: Final = Struct(">BI")
_RECORD: Final = Struct(">HIBBB")
_BOOT_TIME: Final = 0x80
_MAX_BATTERY: Final = 100


class Command(IntEnum):
    """Command ID, byte 0. 01 to 03 are known, the others are project profile."""

    WRITE_USER = 0x01
    """Write user account ID (Tables 3 and 4)."""
    AUTHENTICATE = 0x02
    """Authenticate user account ID (Tables 5 and 6)."""
    OPERATE = 0x03
    """Lock and unlock operation (Tables 7 and 8)."""
    TIME = 0x10
    PREPARE = 0x11
    EPOCH = 0x12
    CONFIG = 0x13
    CODES = 0x14
    REMOVE = 0x15
    STATUS = 0x20
    VERSION = 0x21
    LOG = 0x22
    EVENT = 0x23
    CLOSE = 0x2F


class FrameType(IntEnum):
    """Type, byte 1."""

    REQUEST = 1
    RESPONSE = 2
    INDICATION = 3


class Status(IntEnum):
    """First byte of a response's Value; 0 and 1 are known (protocol 8.3)."""

    OK = 0
    FAILED = 1
    DENIED = 2
    """The right is missing."""
    EXPIRED = 3
    """Expired, not yet valid, or overtaken by a newer operation."""
    NO_USER = 4
    WRONG_EPOCH = 5
    CLOCK_UNSET = 6
    JAMMED = 7
    BUSY = 8
    BAD_ARGUMENT = 9
    FULL = 10


class Operation(IntEnum):
    """Operation code of command 03."""

    LOCK = 0
    UNLOCK = 1
    OPEN = 2


class Right(IntFlag):
    """What a user may do; granted is ticket and row and 5F (protocol 7.1)."""

    LOCK = 0x01
    UNLOCK = 0x02
    OPEN = 0x04
    LOG = 0x08
    HOLD = 0x10
    """May set the auto-relock argument."""
    OWNER = 0x40


ALL_RIGHTS: Final = Right(0x5F)


class Capability(IntFlag):
    """What a lock can do (protocol 8.1, command 21)."""

    OPEN = 0x01
    DOOR_SENSOR = 0x02
    KEYPAD = 0x04
    SEVERAL_LINKS = 0x10
    AUTO_RELOCK = 0x20


class Bolt(IntEnum):
    """State, bits 2 to 0; 7 does not exist."""

    UNKNOWN = 0
    LOCKED = 1
    UNLOCKED = 2
    JAMMED = 3
    LOCKING = 4
    UNLOCKING = 5
    OPEN = 6


class Door(IntEnum):
    """State, bits 4 and 3."""

    NO_SENSOR = 0
    CLOSED = 1
    OPEN = 2
    AJAR = 3
    """Open too long."""


class Method(IntEnum):
    """How an event came about (protocol 8.2)."""

    HAND = 0
    GATEWAY = 1
    PHONE = 2
    FIXED_CODE = 3
    TIMED_CODE = 4
    ONE_TIME_CODE = 5
    FINGERPRINT = 6
    CARD = 7
    KEY = 8
    INSIDE_BUTTON = 9
    AUTO_LOCK = 10
    RAS = 11


class Event(IntEnum):
    """What a record of the log says (protocol 8.2)."""

    LOCK = 0x00
    UNLOCK = 0x01
    OPEN = 0x02
    DOOR_OPENED = 0x03
    DOOR_CLOSED = 0x04
    TAMPER = 0x10
    LOW_BATTERY = 0x11
    WRONG_CODES = 0x12
    JAM = 0x13
    DURESS = 0x14
    FORCED = 0x15
    AJAR = 0x16
    ALARM_CLEARED = 0x17
    USER_WRITTEN = 0x20
    USER_DELETED = 0x21
    EPOCH = 0x22
    PREPARED = 0x23
    CLOCK_SET = 0x24
    BOOT = 0x25
    BAD_PACKETS = 0x26
    NONE = 0xFF
    """There is no record; detail says why."""


def pack(layout: Struct, *fields: int | bytes) -> bytes:
    """Return fields as bytes, or raise FrameError if one does not fit."""
    try:
        return layout.pack(*fields)
    except struct.error:
        raise FrameError("a field is out of range") from None


def unpack(layout: Struct, value: bytes) -> tuple[Any, ...]:
    """Return the fields of bytes, or raise FrameError for another number of bytes."""
    if len(value) != layout.size:
        raise FrameError(f"{len(value)} bytes, expected {layout.size}")
    return layout.unpack(value)


def check_byte(data: bytes) -> int:
    """Return the XOR of bytes 0 to 10. It detects noise and protects nothing."""
    return reduce(xor, data[: _HEAD.size], 0)


def frame_bytes(command: int, type_: FrameType, value: bytes, time: int) -> bytes:
    """Return the 16 bytes of a frame, or raise FrameError; without the object, for the hurried."""
    if len(value) != VALUE_SIZE:
        raise FrameError(f"Value has {len(value)} bytes, not {VALUE_SIZE}")
    head = pack(_HEAD, command, type_, value)
    return head + pack(_TAIL, check_byte(head), time)


@dataclass(frozen=True, slots=True)
class Frame:
    """One request, response or indication, in clear (16 bytes).

    Raises FrameError if a field does not fit: command u8, value 9 bytes, time u32.
    The command is a plain number because a lock answers unknown ones too.
    """

    command: int
    type: FrameType
    value: bytes
    time: int

    def __post_init__(self) -> None:
        """Refuse fields that do not fit."""
        if len(self.value) != VALUE_SIZE:
            raise FrameError(f"Value has {len(self.value)} bytes, not {VALUE_SIZE}")
        if not 0 <= self.time <= MAX_TIME:
            raise FrameError("time is not a u32")
        if not 0 <= self.command <= MAX_U8:
            raise FrameError("command is not one byte")

    def __bytes__(self) -> bytes:
        """Return the 16 bytes, check byte included."""
        return frame_bytes(self.command, self.type, self.value, self.time)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse 16 plain bytes, or raise FrameError."""
        if len(data) != FRAME_SIZE:
            raise FrameError(f"{len(data)} bytes, expected {FRAME_SIZE}")
        command, type_, value, check, time = _LAYOUT.unpack(data)
        if check != check_byte(data):
            raise FrameError("wrong check byte")
        try:
            return cls(command, FrameType(type_), value, time)
        except ValueError:
            raise FrameError("unknown type") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockState:
    """The state byte (protocol 8.2)."""

    bolt: Bolt
    door: Door = Door.NO_SENSOR
    battery_low: bool = False
    alarm: bool = False
    clock_unset: bool = False

    def to_byte(self) -> int:
        """Return the state as 0 to 255."""
        return (
            self.bolt
            | self.door << 3
            | self.battery_low << 5
            | self.alarm << 6
            | self.clock_unset << 7
        )

    @classmethod
    def from_byte(cls, byte: int) -> Self:
        """Read a state byte, or raise FrameError for bolt 7."""
        try:
            bolt = Bolt(byte & 7)
        except ValueError:
            raise FrameError("no such bolt state") from None
        return cls(
            bolt=bolt,
            door=Door(byte >> 3 & 3),
            battery_low=bool(byte & 0x20),
            alarm=bool(byte & 0x40),
            clock_unset=bool(byte & 0x80),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One entry of the lock's log (protocol 8.2).

    number is a u16 that wraps; uid a u32, 0 if nobody is known; time is in Unix
    seconds, or in seconds since boot if boot_time.
    """

    number: int
    uid: int
    method: Method
    event: Event
    detail: int
    time: int
    boot_time: bool = False

    def to_frame(self, command: Command, type_: FrameType) -> Frame:
        """Return the frame that carries this record."""
        method = self.method | (_BOOT_TIME if self.boot_time else 0)
        value = pack(_RECORD, self.number, self.uid, method, self.event, self.detail)
        return Frame(command, type_, value, self.time)

    @classmethod
    def from_frame(cls, frame: Frame) -> Self:
        """Read the record in a frame, or raise FrameError."""
        number, uid, method, event, detail = unpack(_RECORD, frame.value)
        try:
            return cls(
                number=number,
                uid=uid,
                method=Method(method & ~_BOOT_TIME),
                event=Event(event),
                detail=detail,
                time=frame.time,
                boot_time=bool(method & _BOOT_TIME),
            )
        except ValueError:
            raise FrameError("unknown method or event") from None


def is_battery(percent: int) -> bool:
    """Return whether a battery byte is plausible."""
    return 0 <= percent <= _MAX_BATTERY


def is_older(number: int, than: int) -> bool:
    """Compare two event counters (u16, serial: protocol 8.2)."""
    return (number - than) & 0x8000 != 0
