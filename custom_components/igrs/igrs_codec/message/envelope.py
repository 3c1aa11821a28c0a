"""The message envelope between RAC, BGW and RAS: clause 7.7, Table 2; RUMP 7.5.

The titles are the standard's; the members are project profile (RAS API 9.2), version 1.
The body belongs to whoever handles the kind of message; here it only has to be a JSON
object.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
import json
import re
from typing import Any, Final, Self

from ..errors import EnvelopeError, KeyMaterialError, UnknownMessageError

VERSION: Final = 1
MAX_SIZE: Final = 64 * 1024  # bytes of JSON text
MAX_DEPTH: Final = 16  # nested objects and arrays, the envelope included
ULID_RANDOM_SIZE: Final = 10  # bytes

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID_LENGTH: Final = 26
_ULID_TIME_BITS: Final = 48
_MID: Final = re.compile(rf"[0-7][{_CROCKFORD}]{{25}}")
_ADDRESS: Final = re.compile(
    r"dev:[0-9A-F]{12}|user:u-[a-z0-9]{1,64}|gw:g-[a-z0-9]{1,64}"
    r"|tpsp:t-[a-z0-9]{1,64}|ras:[A-Za-z0-9._-]{1,64}"
)
_MAX_NUMBER: Final = 2**53 - 1  # what JSON readers agree on


class MessageKind(IntEnum):
    """mi, the message identifier (RUMP Table 3; numbers: project profile)."""

    CONTROL = 1
    RESPONSE = 2
    STATUS = 3
    ALARM = 4
    STATUS_QUERY = 5
    VERSION_QUERY = 6
    VERSION = 7
    REGISTRATION = 8
    EVENT = 9
    PRESENCE = 10


class DeviceType(StrEnum):
    """dt, the type of device (RAS API 14)."""

    LOCK = "lock"
    WATER_HEATER = "water_heater"
    AIR_CONDITIONER = "air_conditioner"
    REFRIGERATOR = "refrigerator"
    MICROWAVE = "microwave"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One message.

    mid and re are ULIDs, re the one that this answers; seq is set by the server and
    rises by one per receiver; ts is Unix seconds; src, dst and via are typed addresses
    (dev:, user:, gw:, tpsp:, ras:); ack asks the receiver for an answer. Raises
    EnvelopeError (with a JSON pointer) if a member is malformed.
    """

    mid: str
    ts: int
    src: str
    dst: str
    mi: MessageKind
    body: Mapping[str, Any] = field(repr=False)
    dt: DeviceType = DeviceType.LOCK
    re: str | None = None
    seq: int | None = None
    via: str | None = None
    ack: bool = False

    def __post_init__(self) -> None:
        """Refuse a malformed member."""
        _check(is_mid(self.mid), "mid", None)
        for name, ok in (
            ("re", self.re is None or is_mid(self.re)),
            ("seq", self.seq is None or _is_number(self.seq)),
            ("ts", _is_number(self.ts)),
            ("src", is_address(self.src)),
            ("dst", is_address(self.dst)),
            ("via", self.via is None or is_address(self.via)),
            ("ack", isinstance(self.ack, bool)),
            ("body", isinstance(self.body, Mapping) and _is_shallow(self.body, MAX_DEPTH - 1)),
        ):
            _check(ok, name, self.mid)

    def to_object(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "v": VERSION,
            "mid": self.mid,
            "re": self.re,
            "seq": self.seq,
            "ts": self.ts,
            "src": self.src,
            "dst": self.dst,
            "via": self.via,
            "dt": self.dt.value,
            "mi": self.mi.value,
            "ack": self.ack,
            "body": self.body,
        }

    def to_json(self) -> str:
        """Return the JSON text, or raise EnvelopeError if the body is not JSON."""
        try:
            return json.dumps(self.to_object(), separators=(",", ":"), allow_nan=False)
        except TypeError, ValueError, RecursionError:
            raise EnvelopeError("the body is not JSON", pointer="/body", mid=self.mid) from None

    @classmethod
    def from_object(cls, data: object) -> Self:
        """Read a JSON object, or raise EnvelopeError.

        UnknownMessageError means that everything but the kind (mi) is known. Members
        that nobody defined are ignored.
        """
        if not isinstance(data, Mapping):
            raise EnvelopeError("a message is a JSON object")
        mid = data.get("mid")
        _check(is_mid(mid), "mid", None)
        _check(_is_number(data.get("v")) and data["v"] == VERSION, "v", mid)
        number, device_type = data.get("mi"), data.get("dt", "")
        _check(_is_number(number), "mi", mid)
        _check(isinstance(device_type, str) and device_type in set(DeviceType), "dt", mid)
        if number not in set(MessageKind):
            raise UnknownMessageError("unknown kind of message", pointer="/mi", mid=mid)
        return cls(
            mid=data["mid"],
            ts=data.get("ts", -1),
            src=data.get("src", ""),
            dst=data.get("dst", ""),
            mi=MessageKind(number),
            body=data.get("body", ()),
            dt=DeviceType(device_type),
            re=data.get("re"),
            seq=data.get("seq"),
            via=data.get("via"),
            ack=data.get("ack", False),
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a JSON text of at most 64 KiB, or raise EnvelopeError."""
        if len(text) > MAX_SIZE:
            raise EnvelopeError(f"a message has at most {MAX_SIZE} bytes")
        try:
            data = json.loads(text, parse_constant=_no_constant)
        except ValueError, RecursionError:
            raise EnvelopeError("not JSON") from None
        return cls.from_object(data)


def is_mid(value: object) -> bool:
    """Return whether a value is a message identifier (ULID, 26 characters)."""
    return isinstance(value, str) and _MID.fullmatch(value) is not None


def is_address(value: object) -> bool:
    """Return whether a value is a typed address."""
    return isinstance(value, str) and _ADDRESS.fullmatch(value) is not None


def ulid(now_ms: int, random_bytes: bytes) -> str:
    """Return a message identifier: Unix time in milliseconds and 10 random bytes."""
    if len(random_bytes) != ULID_RANDOM_SIZE or not 0 <= now_ms < 1 << _ULID_TIME_BITS:
        raise KeyMaterialError(f"a ULID has a time and {ULID_RANDOM_SIZE} random bytes")
    number = now_ms << 8 * ULID_RANDOM_SIZE | int.from_bytes(random_bytes)
    shifts = range(5 * (_ULID_LENGTH - 1), -1, -5)
    return "".join(_CROCKFORD[number >> shift & 0x1F] for shift in shifts)


def _check(ok: bool, name: str, mid: object) -> None:  # noqa: FBT001 - a condition
    if not ok:
        known = mid if isinstance(mid, str) else None
        raise EnvelopeError(f"malformed member {name}", pointer=f"/{name}", mid=known)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_NUMBER


def _is_shallow(value: object, depth: int) -> bool:
    """Whether a JSON value nests at most so deep."""
    match value:
        case Mapping():
            inner: Any = value.values()
        case list() | tuple():
            inner = value
        case _:
            return True
    return depth > 0 and all(_is_shallow(item, depth - 1) for item in inner)


def _no_constant(name: str) -> None:
    raise ValueError(name)
