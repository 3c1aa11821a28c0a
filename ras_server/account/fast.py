"""A client comes back without password and code: the mechanism HT-SHA-256-NONE.

The client proves that it has a token, and the server proves it back; the token itself is sent only
once, when it is made. Both proofs of a token are fixed, so the server keeps the hash of one and the
other, and never the token. The answers carry tokens of their own, so a channel binding would not
protect them; there is none.
"""

import hmac
from typing import Final

MECHANISM: Final = "HT-SHA-256-NONE"
PROOF_SIZE: Final = 32  # bytes


def proofs(token: str) -> tuple[bytes, bytes]:
    """Return the client's proof of a token, and the server's (32 bytes each)."""
    key = token.encode()
    return (
        hmac.digest(key, b"Initiator", "sha256"),
        hmac.digest(key, b"Responder", "sha256"),
    )


def parse(message: bytes) -> tuple[str, bytes] | None:
    """Return the name and the proof in a client's message, or None if it is malformed."""
    name, separator, proof = message.partition(b"\0")
    if not separator or len(proof) != PROOF_SIZE:
        return None
    try:
        return name.decode(), proof
    except UnicodeDecodeError:
        return None
