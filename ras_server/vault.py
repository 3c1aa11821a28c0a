"""Secrets at rest: AES-256-GCM under keys that are not in the database (project profile, 13)."""

import hashlib
import hmac
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_SIZE: Final = 32
ID_SIZE: Final = 4
_NONCE_SIZE: Final = 12
_ROOT: Final = "root "


class VaultError(OperatorError):
    """A sealed value does not open: other master key, other place, or changed."""


class Vault:
    """The ring of master keys: the newest seals, all of them open.

    A sealed value is the key's identifier (4 bytes), a random nonce (12), the ciphertext and its
    tag (16). It opens only at its own place: table, row and column are authenticated with it.
    """

    def __init__(
        self,
        key: bytes,
        random: Callable[[int], bytes] = os.urandom,
        *,
        older: tuple[bytes, ...] = (),
        root: bytes | None = None,
    ) -> None:
        """Take the master key and older ones, 32 bytes each, and the root of what is derived."""
        self._random = random
        self._root = _sized(root or key)
        self._ring = {_identifier(each): _sized(each) for each in (*reversed(older), key)}
        self._ciphers = {name: AESGCM(each) for name, each in self._ring.items()}

    @classmethod
    def from_file(cls, path: Path) -> Vault:
        """Read a key file: a line of 64 hexadecimal characters for each key, the newest first.

        After a rotation a line `root` says from which key other ones are derived.
        """
        try:
            lines = path.read_text(encoding="ascii").splitlines()
            keys = [bytes.fromhex(line) for line in lines if not line.startswith(_ROOT)]
            roots = [bytes.fromhex(line[len(_ROOT) :]) for line in lines if line.startswith(_ROOT)]
            return cls(keys[0], older=tuple(keys[1:]), root=roots[0] if roots else None)
        except ValueError, IndexError:
            raise VaultError(f"{path} does not contain a master key") from None

    def to_file(self, path: Path) -> None:
        """Replace a key file (0400); it is on the disk when this returns."""
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        lines = [*(key.hex() for key in reversed(self._ring.values())), _ROOT + self._root.hex()]
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @property
    def key_id(self) -> bytes:
        """Return the identifier (4 bytes) of the key that seals."""
        return next(reversed(self._ring))

    @property
    def older(self) -> tuple[bytes, ...]:
        """Return the identifiers of the keys that only open."""
        return tuple(self._ring)[:-1]

    def add_key(self) -> None:
        """Make a new key, which seals from now on."""
        key = self._random(KEY_SIZE)
        self._ring[_identifier(key)] = key
        self._ciphers[_identifier(key)] = AESGCM(key)

    def drop_older(self) -> None:
        """Forget the keys that only open: nothing must be sealed under them any more."""
        for name in self.older:
            del self._ring[name], self._ciphers[name]

    def seal(self, plain: bytes, *, table: str, row: str, column: str) -> bytes:
        """Encrypt a value for its place in the database."""
        nonce, name = self._random(_NONCE_SIZE), self.key_id
        place = _place(table, row, column) + name
        return name + nonce + self._ciphers[name].encrypt(nonce, plain, place)

    def open(self, sealed: bytes, *, table: str, row: str, column: str) -> bytes:
        """Decrypt a value from its place in the database, or raise VaultError."""
        name, nonce = sealed[:ID_SIZE], sealed[ID_SIZE:][:_NONCE_SIZE]
        if (cipher := self._ciphers.get(name)) is None:
            raise VaultError("Sealed under another master key")
        try:
            return cipher.decrypt(
                nonce, sealed[ID_SIZE + _NONCE_SIZE :], _place(table, row, column) + name
            )
        except InvalidTag, ValueError:
            raise VaultError(f"A value of {table}.{column} does not open") from None

    def derive(self, purpose: str) -> bytes:
        """Return a 32-byte key for one purpose; a rotation does not change it."""
        return hmac.digest(self._root, b"ras derive " + purpose.encode(), "sha256")


def _identifier(key: bytes) -> bytes:
    return hashlib.sha256(b"ras master key id" + key).digest()[:ID_SIZE]


def _sized(key: bytes) -> bytes:
    if len(key) != KEY_SIZE:
        raise VaultError(f"A master key has {len(key)} bytes, expected {KEY_SIZE}")
    return key


def _place(table: str, row: str, column: str) -> bytes:
    return f"{table}\0{row}\0{column}\0".encode()
