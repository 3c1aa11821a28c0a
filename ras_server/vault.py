"""Secrets at rest: AES-256-GCM under a key that is not in the database (project profile, 13)."""

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
_ID_SIZE: Final = 4
_NONCE_SIZE: Final = 12


class VaultError(OperatorError):
    """A sealed value does not open: other master key, other place, or changed."""


class Vault:
    """The master key in use.

    A sealed value is the key's identifier (4 bytes), a random nonce (12), the ciphertext and its
    tag (16). It opens only at its own place: table, row and column are authenticated with it.
    """

    def __init__(self, key: bytes, random: Callable[[int], bytes] = os.urandom) -> None:
        """Take the master key, 32 bytes."""
        if len(key) != KEY_SIZE:
            raise VaultError(f"The master key has {len(key)} bytes, expected {KEY_SIZE}")
        self._key = key
        self._id = hashlib.sha256(b"ras master key id" + key).digest()[:_ID_SIZE]
        self._cipher = AESGCM(key)
        self._random = random

    @classmethod
    def from_file(cls, path: Path) -> Vault:
        """Read the master key from a file: 64 hexadecimal characters."""
        try:
            return cls(bytes.fromhex(path.read_text(encoding="ascii")))
        except ValueError:
            raise VaultError(f"{path} does not contain a master key") from None

    def seal(self, plain: bytes, *, table: str, row: str, column: str) -> bytes:
        """Encrypt a value for its place in the database."""
        nonce = self._random(_NONCE_SIZE)
        place = self._place(table, row, column)
        return self._id + nonce + self._cipher.encrypt(nonce, plain, place)

    def open(self, sealed: bytes, *, table: str, row: str, column: str) -> bytes:
        """Decrypt a value from its place in the database, or raise VaultError."""
        if sealed[:_ID_SIZE] != self._id:
            raise VaultError("Sealed under another master key")
        nonce, text = sealed[_ID_SIZE:][:_NONCE_SIZE], sealed[_ID_SIZE + _NONCE_SIZE :]
        try:
            return self._cipher.decrypt(nonce, text, self._place(table, row, column))
        except InvalidTag, ValueError:
            raise VaultError(f"A value of {table}.{column} does not open") from None

    def derive(self, purpose: str) -> bytes:
        """Return a 32-byte key for one purpose, always the same under the same master key."""
        return hmac.digest(self._key, b"ras derive " + purpose.encode(), "sha256")

    def _place(self, table: str, row: str, column: str) -> bytes:
        return f"{table}\0{row}\0{column}\0".encode() + self._id
