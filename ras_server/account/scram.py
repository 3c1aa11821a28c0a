"""The verifier of a password (RFC 5802, RFC 7677): the server never knows the password."""

from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
import hmac
from typing import Final

import orjson
import probatio

from .. import fields
from ..vault import Vault

MECHANISM: Final = "SCRAM-SHA-256"
DEFAULT_ITERATIONS: Final = 600_000
MINIMUM_ITERATIONS: Final = 100_000
MAXIMUM_ITERATIONS: Final = 10_000_000
KEY_SIZE: Final = 32  # bytes
_SALT_SIZE: Final = 16, 64  # bytes

VERIFIER: Final = {
    probatio.Required("mechanism"): MECHANISM,
    probatio.Required("salt"): fields.base64(*_SALT_SIZE),
    probatio.Required("iterations"): fields.integer(MINIMUM_ITERATIONS, MAXIMUM_ITERATIONS),
    probatio.Required("stored_key"): fields.base64(KEY_SIZE, KEY_SIZE),
    probatio.Required("server_key"): fields.base64(KEY_SIZE, KEY_SIZE),
}
"""The field `scram` of a body."""


class ScramError(Exception):
    """A message of the client is malformed, or its proof is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """What the server knows of a password: salt, iterations, StoredKey and ServerKey (32 bytes)."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes

    @classmethod
    def unknown(cls, vault: Vault, name: str) -> Verifier:
        """Return the verifier of an account that does not exist: a long salt, no password."""
        salt = hmac.digest(vault.derive("scram salt"), name.encode(), "sha512")
        key = vault.derive("scram key")
        return cls(salt=salt, iterations=DEFAULT_ITERATIONS, stored_key=key, server_key=key)

    def shaped_like(self, other: Verifier) -> Verifier:
        """Return this verifier, with the iterations and the length of salt of another one."""
        return replace(self, salt=self.salt[: len(other.salt)], iterations=other.iterations)

    def sealed(self, vault: Vault, user_id: str) -> bytes:
        """Return the verifier as it is stored with its user."""
        text = orjson.dumps(
            {
                "salt": b64encode(self.salt).decode(),
                "iterations": self.iterations,
                "stored_key": b64encode(self.stored_key).decode(),
                "server_key": b64encode(self.server_key).decode(),
            }
        )
        return vault.seal(text, table="user", row=user_id, column="scram")

    @classmethod
    def unsealed(cls, vault: Vault, user_id: str, sealed: bytes) -> Verifier:
        """Return the stored verifier of a user."""
        text = orjson.loads(vault.open(sealed, table="user", row=user_id, column="scram"))
        return cls(
            salt=b64decode(text["salt"]),
            iterations=text["iterations"],
            stored_key=b64decode(text["stored_key"]),
            server_key=b64decode(text["server_key"]),
        )
