"""What makes a lock somebody's: one immutable record, replaced as a whole.

Project profile (protocol 7.1, 9, 10 and 14). The bytes of the record are this lock's own
affair; they hold every secret of the lock and leave it never.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
import struct
from struct import Struct
from types import MappingProxyType
from typing import Final, NamedTuple, Self

from ..errors import FormatError
from .admin import Parameter
from .codes import DEFAULT_FORMAT, CodeFormat, CodeId
from .frame import MAX_TIME, Capability, Right
from .keys import code_key
from .packet import KEY_SIZE, MAX_GENERATION

_VERSION: Final = 1
_HEAD: Final = Struct(">BB16sB16sBI16sIBBHBB")
_CONFIG: Final = Struct(">5I")
_USER: Final = Struct(">BIBH")
_CODE: Final = Struct(">BBI")
_NO_KEY: Final = bytes(KEY_SIZE)

DEFAULT_CONFIG: Final[Mapping[Parameter, int]] = MappingProxyType(
    {
        Parameter.AUTO_RELOCK: 0,
        Parameter.RELOCK_NEEDS_DOOR: 0,
        Parameter.ADVERT_INTERVAL: 500,
        Parameter.FLAGS: 0,
        Parameter.CODE_FORMAT: DEFAULT_FORMAT.to_value(),
    }
)
ALL_CAPABILITIES: Final = (
    Capability.OPEN
    | Capability.DOOR_SENSOR
    | Capability.KEYPAD
    | Capability.SEVERAL_LINKS
    | Capability.AUTO_RELOCK
)
OWNER_WITHOUT_CLOCK: Final = 0x01
"""Parameter 4, b0: owner tickets open without a clock."""
KEYPAD_OFF: Final = 0x02
"""Parameter 4, b1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What the factory gave a lock: it never changes.

    device 6 bytes; k_f 16 bytes; firmware three numbers; max_links connections at once.
    """

    device: bytes
    k_f: bytes = field(repr=False)
    model: int = 1
    firmware: tuple[int, int, int] = (1, 0, 0)
    hardware: int = 1
    capabilities: Capability = ALL_CAPABILITIES
    max_links: int = 2


class User(NamedTuple):
    """A row of the lock: uid u32, rights, not_before in days since 2020-01-01."""

    uid: int
    rights: Right
    not_before: int


@dataclass(frozen=True, slots=True)
class Pending:
    """A prepared generation (1..15) and its K_D (16 bytes)."""

    gen: int
    k_d: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """Keys, users, configuration and codes. The default is an unowned lock.

    gen 0..15; k_d and k_code 16 bytes, empty while unowned; epoch 1..255; t_adm the time
    of the newest accepted administration frame; once_used a bit per number from once_base
    on; wrong_codes 0..255; first_record the number (u16) of the first record of the log
    that belongs to this owner.
    """

    gen: int = 0
    k_d: bytes = field(default=b"", repr=False)
    pending: Pending | None = None
    epoch: int = 1
    t_adm: int = 0
    users: Mapping[int, User] = field(default_factory=dict)
    config: Mapping[Parameter, int] = DEFAULT_CONFIG
    k_code: bytes = field(default=b"", repr=False)
    once_base: int = 1
    once_used: int = 0
    cancelled: tuple[CodeId, ...] = ()
    wrong_codes: int = 0
    first_record: int = 1

    @property
    def code_format(self) -> CodeFormat:
        """How codes are typed."""
        return CodeFormat.from_value(self.config[Parameter.CODE_FORMAT])

    def has_flag(self, flag: int) -> bool:
        """Return whether a flag of parameter 4 is set."""
        return bool(self.config[Parameter.FLAGS] & flag)

    def row_of(self, uid: int) -> int | None:
        """Return the row of a user, or None."""
        return next((row for row, user in self.users.items() if user.uid == uid), None)

    def with_once(self, base: int, used: int) -> Self:
        """Return this with another base of one-time numbers, moved over used ones."""
        while used & 1 and base < MAX_TIME:
            base, used = base + 1, used >> 1
        return replace(self, once_base=base, once_used=used)

    def committed(self, device: bytes) -> Self:
        """Return what the first frame under the pending generation makes of this.

        The first owner finds a lock without users, codes and configuration. Raises
        FormatError without a pending generation.
        """
        if self.pending is None:
            raise FormatError("no pending generation")
        gen, k_d = self.pending.gen, self.pending.k_d
        if self.gen:
            return replace(self, gen=gen, k_d=k_d, pending=None, epoch=1, t_adm=0)
        k_code = code_key(k_d, device, gen, 0)
        return type(self)(gen=gen, k_d=k_d, k_code=k_code, first_record=self.first_record)

    def __bytes__(self) -> bytes:
        """Return the record: 86 bytes, 8 per user and 6 per cancelled code."""
        pending = self.pending or Pending(0, _NO_KEY)
        return b"".join(
            (
                _HEAD.pack(
                    _VERSION,
                    self.gen,
                    self.k_d,
                    pending.gen,
                    pending.k_d,
                    self.epoch,
                    self.t_adm,
                    self.k_code,
                    self.once_base,
                    self.once_used,
                    self.wrong_codes,
                    self.first_record,
                    len(self.users),
                    len(self.cancelled),
                ),
                _CONFIG.pack(*(self.config[parameter] for parameter in DEFAULT_CONFIG)),
                *(_USER.pack(row, *user) for row, user in sorted(self.users.items())),
                *(_CODE.pack(*code) for code in self.cancelled),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a record, or raise FormatError: nothing may be guessed from a bad one."""
        try:
            return cls._parse(data)
        except struct.error, ValueError:
            raise FormatError("not an ownership record") from None

    @classmethod
    def _parse(cls, data: bytes) -> Self:
        (
            version,
            gen,
            k_d,
            pending_gen,
            pending_k_d,
            epoch,
            t_adm,
            k_code,
            once_base,
            once_used,
            wrong_codes,
            first_record,
            users,
            codes,
        ) = _HEAD.unpack_from(data)
        config_end = _HEAD.size + _CONFIG.size
        users_end = config_end + users * _USER.size
        if (
            version != _VERSION
            or max(gen, pending_gen) > MAX_GENERATION
            or len(data) != users_end + codes * _CODE.size
        ):
            raise FormatError("not an ownership record")
        return cls(
            gen=gen,
            k_d=k_d if gen else b"",
            pending=Pending(pending_gen, pending_k_d) if pending_gen else None,
            epoch=epoch,
            t_adm=t_adm,
            users={
                row: User(uid, Right(rights), day)
                for row, uid, rights, day in _USER.iter_unpack(data[config_end:users_end])
            },
            config=dict(zip(DEFAULT_CONFIG, _CONFIG.unpack_from(data, _HEAD.size), strict=True)),
            k_code=k_code if gen else b"",
            once_base=once_base,
            once_used=once_used,
            wrong_codes=wrong_codes,
            first_record=first_record,
            cancelled=tuple(CodeId(*code) for code in _CODE.iter_unpack(data[users_end:])),
        )
