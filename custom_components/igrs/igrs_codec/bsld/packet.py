"""The 20-byte packet and its secret IV (project profile, protocol 5 and 6).

packet = header(4) | AES-128-CBC(K, IV, frame), exactly one block, where
IV = AES-128-ECB(K_iv, header | 00*12). The IV is never transmitted, stored or chosen.
A second block must not be chained. HELLO, ERR and PROV are plain.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from struct import Struct
from typing import Final, NamedTuple, Self

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import ECB

from ..errors import FrameError, HelloError, KeyMaterialError, PacketError
from .frame import FRAME_SIZE, MAX_TIME, MAX_U8, MAX_U16

PACKET_SIZE: Final = 20
HEADER_SIZE: Final = 4
NONCE_SIZE: Final = 12
KEY_SIZE: Final = 16
PUBLIC_KEY_SIZE: Final = 32
MAX_GENERATION: Final = 15

_VERSION: Final = 0x40
_VERSION_MASK: Final = 0xC0
_FROM_LOCK: Final = 0x20
_FLAG: Final = 0x10
_KIND_MASK: Final = 0x0F
_HEADER: Final = Struct(">BBH")
_HELLO: Final = Struct(">BBBB12sI")
_PROV: Final = Struct(">BBH16s")
_PAD: Final = bytes(KEY_SIZE - HEADER_SIZE)


class Kind(IntEnum):
    """Header byte 0, bits 3 to 0."""

    ERR = 0
    ADMIN = 1
    AUTH = 2
    HELLO = 3
    SESS = 4
    PROV = 5


class HelloFlag(IntFlag):
    """Flags of HELLO; receivers ignore the others."""

    PAIRING_WINDOW = 0x01
    PENDING_GENERATION = 0x04


class Header(NamedTuple):
    """The four bytes before the block.

    second is gen (ADMIN, AUTH to the lock), link (AUTH from the lock, SESS, HELLO) or
    index (PROV); number is tag (ADMIN, AUTH) or counter (SESS). flag is "more" for
    SESS from the lock, "clock unset" for HELLO.
    """

    kind: Kind
    from_lock: bool
    flag: bool
    second: int
    number: int


def header(
    kind: Kind,
    second: int,
    number: int,
    *,
    from_lock: bool = False,
    flag: bool = False,
) -> bytes:
    """Return the four header bytes, or raise PacketError if a field does not fit."""
    first = _VERSION | kind | (_FROM_LOCK if from_lock else 0) | (_FLAG if flag else 0)
    if not (0 <= second <= MAX_U8 and 0 <= number <= MAX_U16):
        raise PacketError("header field out of range")
    return _HEADER.pack(first, second, number)


def parse_header(packet: bytes) -> Header:
    """Read the header of a 20-byte packet, or raise PacketError."""
    if len(packet) != PACKET_SIZE:
        raise PacketError(f"{len(packet)} bytes, expected {PACKET_SIZE}")
    first, second, number = _HEADER.unpack_from(packet)
    if first & _VERSION_MASK != _VERSION:
        raise PacketError("unknown version")
    try:
        kind = Kind(first & _KIND_MASK)
    except ValueError:
        raise PacketError("unknown kind") from None
    return Header(kind, bool(first & _FROM_LOCK), bool(first & _FLAG), second, number)


class BlockKey:
    """A key and its IV key, 16 bytes each, with their AES contexts kept.

    One block of CBC is ECB(block xor IV); an ECB context never changes, so it is made
    once. Not thread-safe.
    """

    __slots__ = ("_decrypt", "_encrypt", "_iv")

    def __init__(self, key: bytes, key_iv: bytes) -> None:
        """Set both keys up, or raise KeyMaterialError."""
        if len(key) != KEY_SIZE or len(key_iv) != KEY_SIZE:
            raise KeyMaterialError(f"a key has {KEY_SIZE} bytes")
        block = Cipher(AES128(key), ECB())  # noqa: S305 - one block under a secret IV
        self._encrypt = block.encryptor().update
        self._decrypt = block.decryptor().update
        self._iv = Cipher(AES128(key_iv), ECB()).encryptor().update  # noqa: S305

    def seal(self, header: bytes, frame: bytes) -> bytes:
        """Return the packet of a 4-byte header and a 16-byte frame."""
        if len(header) != HEADER_SIZE:
            raise PacketError(f"a header has {HEADER_SIZE} bytes")
        if len(frame) != FRAME_SIZE:
            raise FrameError(f"a frame has {FRAME_SIZE} bytes")
        return header + self._encrypt(_xor(frame, self._iv(header + _PAD)))

    def open(self, packet: bytes) -> bytes:
        """Return the 16 plain bytes of a packet, which may be noise.

        Only a caller that compares command, type, check, echo and time may believe it.
        """
        if len(packet) != PACKET_SIZE:
            raise PacketError(f"{len(packet)} bytes, expected {PACKET_SIZE}")
        iv = self._iv(packet[:HEADER_SIZE] + _PAD)
        return _xor(self._decrypt(packet[HEADER_SIZE:]), iv)


def _xor(a: bytes, b: bytes) -> bytes:
    return (int.from_bytes(a) ^ int.from_bytes(b)).to_bytes(FRAME_SIZE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """What a lock says first on a link (20 bytes, plain: every field is a hint).

    link 1..255; gen 0..15; flags u8; nonce N_L 12 bytes; time u32, Unix seconds or,
    with the clock unset, seconds since boot.
    """

    link: int
    gen: int
    flags: int
    nonce: bytes
    time: int
    clock_set: bool

    def __post_init__(self) -> None:
        """Refuse what is not a HELLO."""
        if not (
            1 <= self.link <= MAX_U8
            and 0 <= self.gen <= MAX_GENERATION
            and 0 <= self.flags <= MAX_U8
            and len(self.nonce) == NONCE_SIZE
            and 0 <= self.time <= MAX_TIME
        ):
            raise HelloError("field out of range")

    @property
    def pairing_window(self) -> bool:
        """Whether the pairing window is open."""
        return bool(self.flags & HelloFlag.PAIRING_WINDOW)

    @property
    def pending(self) -> bool:
        """Whether a prepared generation waits for its commit."""
        return bool(self.flags & HelloFlag.PENDING_GENERATION)

    @property
    def echo(self) -> bytes:
        """The 3 bytes of the nonce that every request of the session repeats."""
        return self.nonce[:3]

    def __bytes__(self) -> bytes:
        """Return the packet."""
        first = _VERSION | _FROM_LOCK | Kind.HELLO | (0 if self.clock_set else _FLAG)
        return _HELLO.pack(first, self.link, self.gen, self.flags, self.nonce, self.time)

    @classmethod
    def from_bytes(cls, packet: bytes) -> Self:
        """Parse a packet, or raise HelloError."""
        if len(packet) != PACKET_SIZE:
            raise HelloError(f"{len(packet)} bytes, expected {PACKET_SIZE}")
        first, link, gen, flags, nonce, time = _HELLO.unpack(packet)
        if first & ~_FLAG != _VERSION | _FROM_LOCK | Kind.HELLO:
            raise HelloError("not a HELLO header")
        return cls(
            link=link,
            gen=gen,
            flags=flags,
            nonce=nonce,
            time=time,
            clock_set=not first & _FLAG,
        )


def error_packet(offending: bytes) -> bytes:
    """Return the ERR packet for a packet of any length: a hint that proves nothing."""
    number = offending[2:4] if len(offending) >= HEADER_SIZE else bytes(2)
    return bytes((_VERSION | _FROM_LOCK | Kind.ERR, 0)) + number + bytes(FRAME_SIZE)


def prov_packets(public_key: bytes, *, from_lock: bool = False) -> tuple[bytes, bytes]:
    """Return the two PROV packets of a 32-byte X25519 public key."""
    if len(public_key) != PUBLIC_KEY_SIZE:
        raise KeyMaterialError(f"a public key has {PUBLIC_KEY_SIZE} bytes")
    low, high = (header(Kind.PROV, i, 0, from_lock=from_lock) for i in range(2))
    return low + public_key[:FRAME_SIZE], high + public_key[FRAME_SIZE:]


def parse_prov(packet: bytes, *, from_lock: bool = False) -> tuple[int, bytes]:
    """Return index (0 or 1) and 16-byte half of a PROV packet, or raise PacketError."""
    if len(packet) != PACKET_SIZE:
        raise PacketError(f"{len(packet)} bytes, expected {PACKET_SIZE}")
    first, index, zero, half = _PROV.unpack(packet)
    expected = _VERSION | Kind.PROV | (_FROM_LOCK if from_lock else 0)
    if first != expected or index > 1 or zero:
        raise PacketError("not a PROV header")
    return index, half
