"""The four messages of SCRAM-SHA-256 (RFC 5802, RFC 7677).

Its library takes 12 MiB, so this module is loaded by the first login.
"""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from scramp import ScramException, ScramMechanism
from scramp.utils import ServerError

from .scram import DEFAULT_ITERATIONS, MECHANISM, ScramError, Verifier


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
