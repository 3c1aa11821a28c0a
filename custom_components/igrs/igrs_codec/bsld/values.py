"""What the nine bytes of Value mean, for tickets and sessions (project profile).

Layouts of protocol 7.2 and 8.1, for both ends: bytes(x) and X.from_bytes(value). All
raise FrameError for fields or bytes that mean nothing.
"""

from struct import Struct
from typing import Final, NamedTuple, Self

from ..errors import FrameError
from .frame import Capability, LockState, Right, Status, is_battery, pack, unpack

_TICKET: Final = Struct(">IHBBB")
_AUTH_ANSWER: Final = Struct(">BBHIB")
_REQUEST: Final = Struct(">BB3s4s")
_STATE: Final = Struct(">BBBH4s")
_VERSION: Final = Struct(">BBBBBHH")


def status_of(byte: int) -> Status:
    """Return the status of a byte, or raise FrameError."""
    try:
        return Status(byte)
    except ValueError:
        raise FrameError("unknown status") from None


def ticket_value(uid: int, tid: int, rights: Right, ttl: int, epoch: int) -> bytes:
    """Return the Value of TicketFields, without the object, or raise FrameError."""
    return pack(_TICKET, uid, tid, rights, ttl, epoch)


class TicketFields(NamedTuple):
    """Authenticate user account ID, request (Table 5; 9 bytes).

    uid u32, tid u16, rights u8, ttl one byte (see ticket.ttl_seconds), epoch u8.
    """

    uid: int
    tid: int
    rights: Right
    ttl: int
    epoch: int

    def __bytes__(self) -> bytes:
        """Return the Value."""
        return ticket_value(*self)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a Value; nothing in it can be meaningless."""
        uid, tid, rights, ttl, epoch = unpack(_TICKET, value)
        return cls(uid, tid, Right(rights), ttl, epoch)


class AuthAnswer(NamedTuple):
    """Authenticate user account ID, response (Table 6; 9 bytes).

    minutes u16: time left of the ticket, at most FFFF, 0 without a session or a clock.
    """

    status: Status
    rights: Right
    minutes: int
    uid: int
    epoch: int

    def __bytes__(self) -> bytes:
        """Return the Value."""
        return pack(_AUTH_ANSWER, *self)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a Value."""
        status, rights, minutes, uid, epoch = unpack(_AUTH_ANSWER, value)
        return cls(status_of(status), Right(rights), minutes, uid, epoch)


class SessionRequest(NamedTuple):
    """Any request of a session (9 bytes): two arguments, echo 3 bytes, rnd 4 bytes."""

    a: int
    b: int
    echo: bytes
    rnd: bytes

    def __bytes__(self) -> bytes:
        """Return the Value."""
        return pack(_REQUEST, *self)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a Value; nothing in it can be meaningless."""
        return cls(*unpack(_REQUEST, value))


class StateAnswer(NamedTuple):
    """Answer to operate and status, and the final state of a movement (9 bytes).

    battery 0..100, counter u16 (number of the newest record), rnd 4 bytes. A refusal
    with status 03 carries no state: then state is None and battery and counter are 0.
    """

    status: Status
    state: LockState | None
    battery: int
    counter: int
    rnd: bytes

    def __bytes__(self) -> bytes:
        """Return the Value."""
        byte = 0 if self.state is None else self.state.to_byte()
        return pack(_STATE, self.status, byte, self.battery, self.counter, self.rnd)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a Value."""
        byte, state, battery, counter, rnd = unpack(_STATE, value)
        status = status_of(byte)
        if status is Status.EXPIRED:
            if state or battery or counter:
                raise FrameError("a refusal that carries a state")
            return cls(status, None, 0, 0, rnd)
        if not is_battery(battery):
            raise FrameError("battery above 100")
        return cls(status, LockState.from_byte(state), battery, counter, rnd)


class Version(NamedTuple):
    """Answer to the version query (9 bytes)."""

    protocol: int
    major: int
    minor: int
    patch: int
    hardware: int
    model: int
    capabilities: Capability

    def __bytes__(self) -> bytes:
        """Return the Value."""
        return pack(_VERSION, *self)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a Value; nothing in it can be meaningless."""
        protocol, major, minor, patch, hardware, model, flags = unpack(_VERSION, value)
        return cls(protocol, major, minor, patch, hardware, model, Capability(flags))

    @property
    def firmware(self) -> str:
        """The firmware version as text."""
        return f"{self.major}.{self.minor}.{self.patch}"
