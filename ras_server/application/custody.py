"""Custody of the locks' keys: the only module that sees one (project profile, 13; protocol 3).

Everybody else holds handles, which mint, seal and derive, but never tell. At rest a key is sealed
for its own row; the database alone opens nothing.
"""

from hmac import compare_digest
from typing import Final

from igrs_codec.bsld import codes, keys, label, ticket
from igrs_codec.bsld.frame import Right
from igrs_codec.bsld.packet import BlockKey, prov_packets

from ..keys import Random
from ..vault import Vault

_PRIVATE_KEY_SIZE: Final = 32
_DEVICE_TABLE: Final = "device"
_KEY_TABLE: Final = "device_key"


class _Root:
    """A key from which the next generation can be derived, and the lock it belongs to."""

    __slots__ = ("_key", "device")

    def __init__(self, device: bytes, key: bytes) -> None:
        """Take the device id (6 bytes) and the key (16 bytes)."""
        self.device = device
        self._key = key

    def __repr__(self) -> str:
        """Hide the key."""
        return f"<{type(self).__name__} of {self.device.hex().upper()}>"


class LabelKey(_Root):
    """K_F of a device: the root of generation 0."""

    __slots__ = ()

    def admin(self, hello_packet: bytes) -> BlockKey:
        """Return K_adm of generation 0 under a HELLO (20 bytes)."""
        return keys.admin_key_unowned(self._key, self.device, hello_packet)

    def equals(self, other: LabelKey) -> bool:
        """Return whether both are the same key, in constant time."""
        return compare_digest(self._key, other._key)


class DeviceKey(_Root):
    """K_D of one generation of a lock (1..15)."""

    __slots__ = ("_admin", "_advert", "_mint", "gen")

    def __init__(self, device: bytes, gen: int, key: bytes) -> None:
        """Take the device id (6 bytes), the generation and the key (16 bytes)."""
        super().__init__(device, key)
        self.gen = gen
        self._admin: BlockKey | None = None
        self._advert: bytes | None = None
        self._mint: ticket.Mint | None = None

    @property
    def admin(self) -> BlockKey:
        """Return K_adm, made once."""
        if self._admin is None:
            self._admin = keys.admin_key(self._key, self.device, self.gen)
        return self._admin

    @property
    def advert(self) -> bytes:
        """Return K_adv (16 bytes), made once: for gateways of the owner's household."""
        if self._advert is None:
            self._advert = keys.advert_key(self._key, self.device, self.gen)
        return self._advert

    def proves(self, check_value: bytes) -> bool:
        """Return whether a lock that tells this check value (4 bytes) has the key."""
        return compare_digest(keys.check_value(self._key), check_value)

    def code_key(self, time: int) -> CodeKey:
        """Return K_code; time is that of its command 14, or 0 for the first owner generation."""
        return CodeKey(keys.code_key(self._key, self.device, self.gen, time))

    def rekeyed(self, n_r: bytes) -> DeviceKey:
        """Return the key of the next generation, symmetric (n_r: 8 bytes)."""
        gen = keys.next_generation(self.gen)
        return DeviceKey(self.device, gen, keys.rekeyed(self._key, self.device, gen, n_r))

    def mint(
        self, *, uid: int, tid: int, rights: Right, ttl: int, epoch: int, time: int
    ) -> ticket.MintedTicket:
        """Make a ticket (fields as in the codec); its tid is its tag too."""
        if self._mint is None:
            self._mint = ticket.Mint(self._key, self.device, self.gen, admin=self.admin)
        return self._mint.make(
            tag=tid, uid=uid, tid=tid, rights=rights, ttl=ttl, epoch=epoch, time=time
        )


class CodeKey:
    """K_code of a lock: the key of its keypad codes."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        """Take the key (16 bytes)."""
        self._key = key

    def __repr__(self) -> str:
        """Hide the key."""
        return "<CodeKey>"

    def digits(self, code: codes.CodeId, form: codes.CodeFormat) -> str:
        """Return the digits of a code: a secret that is shown once and never stored."""
        return codes.digits(self._key, code, form)


class KeyPair:
    """The server's X25519 key of one exchange."""

    __slots__ = ("_private", "public")

    def __init__(self, private: bytes) -> None:
        """Take the private key (32 bytes)."""
        self._private = private
        self.public = keys.public_key(private)

    def __repr__(self) -> str:
        """Hide the private key."""
        return "<KeyPair>"

    @property
    def packets(self) -> tuple[bytes, bytes]:
        """Return the two PROV packets."""
        return prov_packets(self.public)

    def provisioned(self, root: LabelKey | DeviceKey, n_r: bytes, lock_public: bytes) -> DeviceKey:
        """Return the key that both sides derive (lock_public: 32 bytes); RefusedError if weak."""
        gen = keys.next_generation(root.gen if isinstance(root, DeviceKey) else 0)
        key = keys.provisioned(
            root._key,  # noqa: SLF001 - custody is this module
            root.device,
            gen,
            n_r,
            private=self._private,
            peer_public=lock_public,
            ras_public=self.public,
            lock_public=lock_public,
        )
        return DeviceKey(root.device, gen, key)


class Custody:
    """Makes handles out of sealed values and the other way round."""

    def __init__(self, vault: Vault, random: Random) -> None:
        """Use a master key and a source of random bytes."""
        self._vault = vault
        self._random = random

    def new_pair(self) -> KeyPair:
        """Make a new X25519 key pair."""
        return KeyPair(self._random(_PRIVATE_KEY_SIZE))

    def label_key(self, device: bytes, setup_code: str) -> LabelKey:
        """Read K_F from a setup code, or raise SetupCodeError."""
        return LabelKey(device, label.parse_setup_code(device, setup_code))

    def imported(self, device: bytes, k_f: bytes) -> LabelKey:
        """Take K_F (16 bytes) from a batch of the maker."""
        return LabelKey(device, k_f)

    def seal_label(self, key: LabelKey) -> bytes:
        """Seal K_F for its row."""
        return self._vault.seal(
            key._key,  # noqa: SLF001 - custody is this module
            table=_DEVICE_TABLE,
            row=key.device.hex(),
            column="k_f",
        )

    def open_label(self, device: bytes, sealed: bytes) -> LabelKey:
        """Open K_F of a row, or raise VaultError."""
        key = self._vault.open(sealed, table=_DEVICE_TABLE, row=device.hex(), column="k_f")
        return LabelKey(device, key)

    def seal_key(self, key: DeviceKey, key_id: str) -> bytes:
        """Seal K_D for its row."""
        return self._vault.seal(
            key._key,  # noqa: SLF001 - custody is this module
            table=_KEY_TABLE,
            row=_key_row(key.device, key.gen, key_id),
            column="k_d",
        )

    def open_key(self, device: bytes, gen: int, key_id: str, sealed: bytes) -> DeviceKey:
        """Open K_D of a row, or raise VaultError."""
        row = _key_row(device, gen, key_id)
        return DeviceKey(
            device, gen, self._vault.open(sealed, table=_KEY_TABLE, row=row, column="k_d")
        )

    def seal_code_key(self, key: CodeKey, device: bytes, name: str) -> bytes:
        """Seal K_code for the row of its device; its name tells it from its successors."""
        return self._vault.seal(
            key._key,  # noqa: SLF001 - custody is this module
            table=_DEVICE_TABLE,
            row=f"{device.hex()}/{name}",
            column="k_code",
        )

    def open_code_key(self, device: bytes, name: str, sealed: bytes) -> CodeKey:
        """Open K_code of a row, or raise VaultError."""
        row = f"{device.hex()}/{name}"
        return CodeKey(self._vault.open(sealed, table=_DEVICE_TABLE, row=row, column="k_code"))

    def seal_pair(self, pair: KeyPair, device: bytes, gen: int, key_id: str) -> bytes:
        """Seal a private key for the row of the generation it is for."""
        return self._vault.seal(
            pair._private,  # noqa: SLF001 - custody is this module
            table=_KEY_TABLE,
            row=_key_row(device, gen, key_id),
            column="private",
        )


def _key_row(device: bytes, gen: int, key_id: str) -> str:
    return f"{device.hex()}/{gen}/{key_id}"
