"""SCRAM-SHA-256 (RFC 5802, RFC 7677): the server knows a verifier, never the password."""

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
import hmac
from typing import Any, Final

import orjson
import probatio
from scramp import ScramException, ScramMechanism
from scramp.utils import ServerError

from .. import fields
from ..vault import Vault

MECHANISM: Final = "SCRAM-SHA-256"
DEFAULT_ITERATIONS: Final = 600_000
MINIMUM_ITERATIONS: Final = 100_000
MAXIMUM_ITERATIONS: Final = 10_000_000
KEY_SIZE: Final = 32  # bytes

VERIFIER: Final = {
    probatio.Required("mechanism"): MECHANISM,
    probatio.Required("salt"): fields.base64(16, 64),
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
        """Return the verifier of an account that does not exist: its own salt, no password."""
        salt = hmac.digest(vault.derive("scram salt"), name.encode(), "sha256")[:16]
        key = vault.derive("scram key")
        return cls(salt=salt, iterations=DEFAULT_ITERATIONS, stored_key=key, server_key=key)

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


def verifier_of(password: str) -> dict[str, Any]:
    """Return the field `scram` for a password; takes some tenths of a second."""
    salt, stored_key, server_key, iterations = ScramMechanism(MECHANISM).make_auth_info(
        password, iteration_count=DEFAULT_ITERATIONS
    )
    return {
        "mechanism": MECHANISM,
        "salt": b64encode(salt).decode(),
        "iterations": iterations,
        "stored_key": b64encode(stored_key).decode(),
        "server_key": b64encode(server_key).decode(),
    }


class Exchange:
    """One try: four messages, one answer, right or wrong."""

    def __init__(
        self, client_first: str, verifier: Callable[[str], Verifier], nonce: str | None = None
    ) -> None:
        """Take the client's first message, or raise ScramError.

        `verifier` is asked for the verifier of the name in it; `nonce` is given by a test.
        """

        def find(name: str) -> tuple[bytes, bytes, bytes, int]:
            found = verifier(name)
            return found.salt, found.stored_key, found.server_key, found.iterations

        self._server = ScramMechanism(MECHANISM).make_server(find, s_nonce=nonce)
        try:
            self._server.set_client_first(client_first)
            self.challenge: str = self._server.get_server_first()
        except ScramException as err:
            if err.server_error is ServerError.NO_RESOURCES and err.__cause__ is not None:
                raise err.__cause__ from None  # what the verifier's finder raised
            raise ScramError("The first message is malformed") from err

    def prove(self, client_final: str) -> str:
        """Return the server's final message to a right proof, or raise ScramError."""
        try:
            self._server.set_client_final(client_final)
            final: str = self._server.get_server_final()
        except ScramException as err:
            raise ScramError("The proof is wrong") from err
        return final
