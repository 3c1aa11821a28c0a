"""Tickets: the RAS mints, a gateway carries, the lock checks (project profile).

Stage 1 of the key negotiation (clause 8 a, Tables 5 and 6; protocol 7.2). A ticket is
an AUTH packet; its key K_T goes to the holder beside it and never over the air.
"""

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

from ..errors import DeviceIdError, TicketError
from .frame import MAX_U8, Command, Frame, FrameType, Right, frame_bytes
from .keys import DEVICE_ID_SIZE, TicketKeys, admin_key
from .packet import (
    KEY_SIZE,
    MAX_GENERATION,
    PACKET_SIZE,
    BlockKey,
    Kind,
    header,
    parse_header,
)
from .values import TicketFields, ticket_value

MIN_TTL: Final = 60  # seconds

_UNITS: Final = (60, 900, 21600, 86400)  # seconds, bits 7-6 of the code
_MAX_COUNT: Final = 64
_NO_RIGHTS: Final = Right(0)


def encode_ttl(seconds: int) -> int:
    """Return the code of the longest lifetime not above seconds (ties: finer unit).

    Raises TicketError below 60 s.
    """
    if seconds < MIN_TTL:
        raise TicketError(f"a ticket lives at least {MIN_TTL} s")
    counts = (min(seconds // unit, _MAX_COUNT) for unit in _UNITS)
    codes = [index << 6 | count - 1 for index, count in enumerate(counts) if count]
    return max(codes, key=ttl_seconds)


def ttl_seconds(code: int) -> int:
    """Return the lifetime that a code (one byte) stands for."""
    if not 0 <= code <= MAX_U8:
        raise TicketError("a lifetime code is one byte")
    return _UNITS[code >> 6] * ((code & 0x3F) + 1)


class MintedTicket(NamedTuple):
    """What the RAS makes: plain frame (16 bytes), packet (20), K_T (16), end (Unix)."""

    frame: bytes
    packet: bytes
    k_t: bytes
    expires: int

    def __repr__(self) -> str:
        """Hide everything but the end."""
        return f"MintedTicket(expires={self.expires})"


class Mint:
    """Makes the tickets of one generation of a lock, with the contexts of its keys kept."""

    __slots__ = ("_admin", "_gen", "_ticket_keys")

    def __init__(
        self, k_d: bytes, device: bytes, gen: int, *, admin: BlockKey | None = None
    ) -> None:
        """Take K_D (16 bytes) and the device id (6 bytes); TicketError for generation 0.

        admin is admin_key(k_d, device, gen), if the caller has it.
        """
        if not 1 <= gen <= MAX_GENERATION:
            raise TicketError("only an owned lock takes tickets")
        self._gen = gen
        self._admin = admin or admin_key(k_d, device, gen)
        self._ticket_keys = TicketKeys(k_d, device, gen)

    def make(
        self, *, tag: int, uid: int, tid: int, rights: Right, ttl: int, epoch: int, time: int
    ) -> MintedTicket:
        """Make a ticket: ttl is a code of encode_ttl, time the issue time in Unix seconds.

        Raises FrameError for a field that does not fit.
        """
        value = ticket_value(uid, tid, rights, ttl, epoch)
        frame = frame_bytes(Command.AUTHENTICATE, FrameType.REQUEST, value, time)
        packet = self._admin.seal(header(Kind.AUTH, self._gen, tag), frame)
        return MintedTicket(frame, packet, self._ticket_keys.of(frame), time + ttl_seconds(ttl))


def mint(
    k_d: bytes,
    device: bytes,
    gen: int,
    *,
    tag: int,
    uid: int,
    tid: int,
    rights: Right,
    ttl: int,
    epoch: int,
    time: int,
) -> MintedTicket:
    """Make one ticket, as Mint does."""
    return Mint(k_d, device, gen).make(
        tag=tag, uid=uid, tid=tid, rights=rights, ttl=ttl, epoch=epoch, time=time
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket as its holder keeps it. Opaque but for what the RAS says about it.

    device 6 bytes, gen 1..15, packet 20 bytes, k_t 16 bytes (both secret), expires in
    Unix seconds. The other fields are for choosing and listing. Raises TicketError.
    """

    device: bytes
    gen: int
    packet: bytes = field(repr=False)
    k_t: bytes = field(repr=False)
    expires: int
    tid: int = 0
    uid: int = 0
    rights: Right = _NO_RIGHTS
    issued: int = 0
    epoch: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be a ticket."""
        if len(self.device) != DEVICE_ID_SIZE:
            raise DeviceIdError(f"a device id has {DEVICE_ID_SIZE} bytes")
        if len(self.packet) != PACKET_SIZE or len(self.k_t) != KEY_SIZE:
            raise TicketError("a ticket has 20 bytes, its key 16")
        if (
            not 1 <= self.gen <= MAX_GENERATION
            or self.packet[:2] != header(Kind.AUTH, self.gen, 0)[:2]
        ):
            raise TicketError("not a ticket of this generation")

    @property
    def tag(self) -> int:
        """The tag that the lock's answer repeats."""
        return parse_header(self.packet).number

    @classmethod
    def from_minted(cls, minted: MintedTicket, device: bytes, gen: int) -> Self:
        """Return what the holder gets of a minted ticket."""
        frame = Frame.from_bytes(minted.frame)
        fields = TicketFields.from_bytes(frame.value)
        return cls(
            device=device,
            gen=gen,
            packet=minted.packet,
            k_t=minted.k_t,
            expires=minted.expires,
            tid=fields.tid,
            uid=fields.uid,
            rights=fields.rights,
            issued=frame.time,
            epoch=fields.epoch,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of RAS API 5.2 (it holds the secrets)."""
        return {
            "gen": self.gen,
            "packet": self.packet.hex(),
            "k_t": self.k_t.hex(),
            "tid": self.tid,
            "uid": self.uid,
            "rights": rights_to_names(self.rights),
            "issued": self.issued,
            "expires": self.expires,
            "epoch": self.epoch,
        }

    @classmethod
    def from_json(cls, device: bytes, data: dict[str, Any]) -> Self:
        """Read the JSON object of RAS API 5.2, or raise TicketError."""
        try:
            return cls(
                device=device,
                gen=_integer(data["gen"]),
                packet=bytes.fromhex(data["packet"]),
                k_t=bytes.fromhex(data["k_t"]),
                expires=_integer(data["expires"]),
                tid=_integer(data["tid"]),
                uid=_integer(data["uid"]),
                rights=rights_from_names(data["rights"]),
                issued=_integer(data["issued"]),
                epoch=_integer(data["epoch"]),
            )
        except KeyError, TypeError, ValueError:
            raise TicketError("not the JSON form of a ticket") from None


def rights_to_names(rights: Right) -> list[str]:
    """Return rights as the RAS API names them: lock, unlock, open, log, hold, owner."""
    return [str(right.name).lower() for right in Right if right in rights]


def rights_from_names(names: list[str]) -> Right:
    """Return the rights of a list of names, or raise TicketError."""
    rights = Right(0)
    for name in names:
        try:
            rights |= Right[name.upper()]
        except KeyError, AttributeError:
            raise TicketError("unknown right") from None
    return rights


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value
