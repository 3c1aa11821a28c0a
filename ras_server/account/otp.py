"""Codes of one use: time-based ones (RFC 6238, RFC 4226) and recovery codes."""

from base64 import b32encode
from collections.abc import Callable
import hashlib
import hmac
from typing import Final
from urllib.parse import quote, urlencode

SECRET_SIZE: Final = 20  # bytes
STEP: Final = 30  # seconds
DIGITS: Final = 6
_TOLERANCE: Final = 1  # steps
_RECOVERY_SIZE: Final = 15  # bytes: 24 characters
_GROUP: Final = 4  # characters


def hotp(secret: bytes, counter: int, digits: int = DIGITS, digest: str = "sha1") -> str:
    """Return the code of a counter (RFC 4226, 5.3)."""
    mac = hmac.digest(secret, counter.to_bytes(8), digest)
    offset = mac[-1] & 0xF
    number = int.from_bytes(mac[offset : offset + 4]) & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}}"


def step_of(code: str, secret: bytes, now: int, after: int) -> int | None:
    """Return the step of a right code, one step early or late; None if wrong, or taken before.

    `after` is the step of the last code that was taken.
    """
    current = now // STEP
    steps = range(max(after + 1, current - _TOLERANCE), current + _TOLERANCE + 1)
    right = [
        step for step in steps if hmac.compare_digest(hotp(secret, step).encode(), code.encode())
    ]
    return right[0] if right else None


def encode_secret(secret: bytes) -> str:
    """Return a secret as people type it."""
    return b32encode(secret).decode()


def uri(secret: bytes, issuer: str, account: str) -> str:
    """Return the address that an app reads as a QR code."""
    label = quote(f"{issuer}:{account}", safe="")
    return f"otpauth://totp/{label}?" + urlencode(
        {
            "secret": encode_secret(secret),
            "issuer": issuer,
            "algorithm": "SHA1",
            "digits": DIGITS,
            "period": STEP,
        },
        quote_via=quote,
    )


def new_recovery_code(random: Callable[[int], bytes]) -> str:
    """Return a new recovery code: 120 bits in six groups."""
    text = b32encode(random(_RECOVERY_SIZE)).decode().lower()
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def hash_recovery_code(code: str) -> bytes:
    """Return what is stored of a recovery code; case, hyphens and spaces do not count."""
    text = code.replace("-", "").replace(" ", "").lower()
    return hashlib.sha256(text.encode()).digest()
