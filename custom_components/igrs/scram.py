"""The client side of SCRAM-SHA-256 without channel binding: RFC 5802 and RFC 7677.

Three messages are text; the password stays here. `client_final` derives the salted password
and takes a noticeable part of a second: call it outside the event loop.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
import hashlib
import hmac
import stringprep
from typing import Final
import unicodedata

MIN_ITERATIONS: Final = 100_000  # a server that asks for fewer helps somebody to guess
MAX_ITERATIONS: Final = 10_000_000  # a server that asks for more wastes our time
NONCE_SIZE: Final = 18  # random bytes of the client's nonce

_GS2_HEADER: Final = "n,,"  # no channel binding, no other identity
_CHANNEL: Final = b64encode(_GS2_HEADER.encode()).decode()
_PROHIBITED: Final = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


class ScramError(Exception):
    """The server does not behave as one that knows the account."""


class ScramTextError(ScramError):
    """An account or a password has characters that RFC 4013 does not allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFinal:
    """The client's last message, and the signature that proves the server (32 bytes)."""

    message: str = field(repr=False)
    server_signature: bytes = field(repr=False)


def saslprep(text: str) -> str:
    """Return the text as RFC 4013 prepares it, or raise ScramTextError."""
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char
        for char in text
        if not stringprep.in_table_b1(char)
    )
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if any(
        forbidden(char) or stringprep.in_table_a1(char)
        for char in prepared
        for forbidden in _PROHIBITED
    ):
        raise ScramTextError("a character that is not allowed")
    if any(map(stringprep.in_table_d1, prepared)) and (
        any(map(stringprep.in_table_d2, prepared))
        or not stringprep.in_table_d1(prepared[0])
        or not stringprep.in_table_d1(prepared[-1])
    ):
        raise ScramTextError("text of both directions")
    return prepared


def client_first(name: str, nonce: bytes) -> str:
    """Return the client's first message; the nonce is NONCE_SIZE random bytes."""
    return _GS2_HEADER + _first_bare(name, b64encode(nonce).decode())


def _first_bare(name: str, nonce: str) -> str:
    escaped = saslprep(name).replace("=", "=3D").replace(",", "=2C")
    return f"n={escaped},r={nonce}"


def client_final(
    first: str, password: str, server_first: str, *, least: int = MIN_ITERATIONS
) -> ClientFinal:
    """Answer the server's first message with the proof of the password, or raise ScramError."""
    nonce, salt, iterations = _challenge(server_first)
    first_bare = first.removeprefix(_GS2_HEADER)
    own_nonce = first_bare.rpartition(",r=")[2]
    if not nonce.startswith(own_nonce) or nonce == own_nonce:
        raise ScramError("the server did not add to the nonce")
    if not least <= iterations <= MAX_ITERATIONS:
        raise ScramError("an unreasonable number of iterations")

    salted = hashlib.pbkdf2_hmac("sha256", saslprep(password).encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    without_proof = f"c={_CHANNEL},r={nonce}"
    signed = f"{first_bare},{server_first},{without_proof}".encode()
    signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return ClientFinal(
        message=f"{without_proof},p={b64encode(proof).decode()}",
        server_signature=hmac.digest(server_key, signed, "sha256"),
    )


def _challenge(server_first: str) -> tuple[str, bytes, int]:
    """Return nonce, salt and iterations; an extension we do not know is refused."""
    try:
        nonce, salt, iterations = server_first.split(",")[:3]
        return (
            _value("r", nonce),
            b64decode(_value("s", salt), validate=True),
            int(_value("i", iterations)),
        )
    except ValueError:
        raise ScramError("not a challenge") from None


def verify_server(final: ClientFinal, server_final: str) -> None:
    """Accept the server's last message, or raise ScramError."""
    try:
        signature = b64decode(_value("v", server_final.split(",", maxsplit=1)[0]), validate=True)
    except ValueError:
        raise ScramError("not a signature") from None
    if not hmac.compare_digest(signature, final.server_signature):
        raise ScramError("the server does not know the account")


def _value(name: str, attribute: str) -> str:
    if not attribute.startswith(f"{name}="):
        raise ValueError
    return attribute[2:]
