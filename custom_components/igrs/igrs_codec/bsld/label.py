"""The label of a lock: setup code and QR text (project profile, RAS API 5).

Setup code: base32 (RFC 4648) of K_F(16) | SHA-256(dev | K_F)[0:4], 32 characters. It
carries K_F: keep it secret. QR text: BSLD1:<device id>:<setup code>.
"""

from base64 import b32decode, b32encode
from binascii import Error as Base32Error
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from ..errors import DeviceIdError, KeyMaterialError, SetupCodeError
from .keys import device_id_from_text, device_id_to_text
from .packet import KEY_SIZE

SETUP_CODE_LENGTH: Final = 32

_CHECK_SIZE: Final = 4
_QR_PREFIX: Final = "BSLD1"
_SEPARATORS: Final = str.maketrans("", "", " -")


def setup_code(device: bytes, k_f: bytes) -> str:
    """Return the 32 characters for a device id (6 bytes) and K_F (16 bytes)."""
    if len(k_f) != KEY_SIZE:
        raise KeyMaterialError(f"a key has {KEY_SIZE} bytes")
    return b32encode(k_f + _check(device, k_f)).decode()


def parse_setup_code(device: bytes, text: str) -> bytes:
    """Return K_F, or raise SetupCodeError.

    Case, spaces and hyphens do not matter: the label shows groups of four.
    """
    characters = text.translate(_SEPARATORS).upper()
    if len(characters) != SETUP_CODE_LENGTH:
        raise SetupCodeError(f"a setup code has {SETUP_CODE_LENGTH} characters")
    try:
        data = b32decode(characters)
    except Base32Error, ValueError:
        raise SetupCodeError("a setup code has the characters A-Z and 2-7") from None
    if len(data) != KEY_SIZE + _CHECK_SIZE:
        raise SetupCodeError(f"a setup code has {SETUP_CODE_LENGTH} characters")
    k_f, check = data[:KEY_SIZE], data[KEY_SIZE:]
    if not compare_digest(check, _check(device, k_f)):
        raise SetupCodeError("not the setup code of this device")
    return k_f


def qr_text(device: bytes, k_f: bytes) -> str:
    """Return the text of the QR code on the label."""
    return f"{_QR_PREFIX}:{device_id_to_text(device)}:{setup_code(device, k_f)}"


def parse_qr(text: str) -> tuple[bytes, bytes]:
    """Return device id and K_F of a scanned QR text, or raise SetupCodeError."""
    try:
        prefix, device_text, code = text.strip().split(":")
        device = device_id_from_text(device_text)
    except ValueError, DeviceIdError:
        raise SetupCodeError("not the QR text of a lock") from None
    if prefix != _QR_PREFIX:
        raise SetupCodeError("not the QR text of a lock")
    return device, parse_setup_code(device, code)


def _check(device: bytes, k_f: bytes) -> bytes:
    device_id_to_text(device)  # raises DeviceIdError
    return sha256(device + k_f).digest()[:_CHECK_SIZE]
