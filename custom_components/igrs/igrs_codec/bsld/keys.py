"""Key derivation and device identity (project profile, protocol 3).

KDF(K, label, ctx) = AES-CMAC(K, 01 | label | 00 | ctx | 00 80): NIST SP 800-108 in
counter mode, one block of 16 bytes. A key never changes its use. Nothing here logs or
keeps a key. Every function raises KeyMaterialError for a key of the wrong size and
DeviceIdError for a device id that is not 6 bytes.
"""

import re
from struct import Struct
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.cmac import CMAC

from ..errors import DeviceIdError, KeyMaterialError, Reason, RefusedError
from .frame import FRAME_SIZE, MAX_TIME
from .packet import (
    KEY_SIZE,
    MAX_GENERATION,
    NONCE_SIZE,
    PACKET_SIZE,
    PUBLIC_KEY_SIZE,
    BlockKey,
)

DEVICE_ID_SIZE: Final = 6
RE_KEY_NONCE_SIZE: Final = 8
CHECK_VALUE_SIZE: Final = 4

_U32: Final = Struct(">I")
_DEVICE_ID: Final = re.compile(
    r"[0-9A-Fa-f]{2}(?P<between>[:-]?)(?:[0-9A-Fa-f]{2}(?P=between)){4}[0-9A-Fa-f]{2}"
)
_SEPARATORS: Final = str.maketrans("", "", ":-")


def cmac(key: bytes, data: bytes) -> bytes:
    """Return the 16-byte AES-CMAC (RFC 4493)."""
    if len(key) != KEY_SIZE:
        raise KeyMaterialError(f"a key has {KEY_SIZE} bytes")
    mac = CMAC(AES128(key))
    mac.update(data)
    return mac.finalize()


def kdf(key: bytes, label: bytes, context: bytes) -> bytes:
    """Return the 16-byte key for a use: label is 3 ASCII bytes."""
    return cmac(key, b"\x01" + label + b"\x00" + context + b"\x00\x80")


def device_id_from_text(text: str) -> bytes:
    """Return the 6 bytes of 12 hexadecimal characters, or of pairs joined by : or -."""
    if _DEVICE_ID.fullmatch(text) is None:
        raise DeviceIdError("a device id has 12 hexadecimal characters")
    return bytes.fromhex(text.translate(_SEPARATORS))


def device_id_to_text(device: bytes) -> str:
    """Return the 12 upper-case hexadecimal characters of a device id."""
    return _device(device).hex().upper()


def next_generation(gen: int) -> int:
    """Return the owner generation that follows: 1..15, never 0."""
    return gen % MAX_GENERATION + 1


def admin_key(k_d: bytes, device: bytes, gen: int) -> BlockKey:
    """Return K_adm of an owned lock: kinds ADMIN and AUTH."""
    return _block_key(k_d, b"adm", b"adi", _device(device) + _generation(gen))


def admin_key_unowned(k_f: bytes, device: bytes, hello_packet: bytes) -> BlockKey:
    """Return K_adm of generation 0, bound to the whole current HELLO (20 bytes)."""
    return _block_key(k_f, b"adm", b"adi", _device(device) + _hello(hello_packet))


def advert_key(k_d: bytes, device: bytes, gen: int) -> bytes:
    """Return K_adv, which a gateway of the owner's household may hold."""
    return kdf(k_d, b"adv", _device(device) + _generation(gen))


def code_key(k_d: bytes, device: bytes, gen: int, time: int) -> bytes:
    """Return K_code; time is 0 for the first owner generation (protocol 3)."""
    return kdf(k_d, b"cod", _device(device) + _generation(gen) + _time(time))


class TicketKeys:
    """K_T of the tickets of one generation, with the CMAC context of K_D kept."""

    __slots__ = ("_mac",)

    def __init__(self, k_d: bytes, device: bytes, gen: int) -> None:
        """Take K_D (16 bytes), the device id (6 bytes) and the generation."""
        self._mac = CMAC(AES128(_sized(k_d, KEY_SIZE, "a key")))
        self._mac.update(b"\x01tkt\x00" + _device(device) + _generation(gen))

    def of(self, ticket_frame: bytes) -> bytes:
        """Return K_T of a plain ticket frame (16 bytes)."""
        mac = self._mac.copy()
        mac.update(_sized(ticket_frame, FRAME_SIZE, "a ticket frame") + b"\x00\x80")
        return mac.finalize()


def ticket_key(k_d: bytes, device: bytes, gen: int, ticket_frame: bytes) -> bytes:
    """Return K_T of a plain ticket frame (16 bytes)."""
    return TicketKeys(k_d, device, gen).of(ticket_frame)


def session_key(k_t: bytes, device: bytes, hello_packet: bytes) -> BlockKey:
    """Return K_S of the session that a ticket opens under a HELLO (20 bytes)."""
    return _block_key(k_t, b"ses", b"sei", _device(device) + _hello(hello_packet))


def rekeyed(k_d: bytes, device: bytes, gen_new: int, n_r: bytes) -> bytes:
    """Return K_D of the next generation, symmetric (n_r: 8 bytes)."""
    return kdf(k_d, b"rky", _re_key_context(device, gen_new, n_r))


def provisioned(
    k_root: bytes,
    device: bytes,
    gen_new: int,
    n_r: bytes,
    *,
    private: bytes,
    peer_public: bytes,
    ras_public: bytes,
    lock_public: bytes,
) -> bytes:
    """Return K_D of the next generation by X25519 (32-byte keys, n_r 8 bytes).

    k_root is K_F for generation 1 of an unowned lock, else the present K_D. Raises
    RefusedError (WEAK_PUBLIC_KEY) if the shared secret is zero.
    """
    secret = shared_secret(private, peer_public)
    publics = _public(ras_public) + _public(lock_public)
    root = cmac(k_root, b"P" + secret + publics)
    return kdf(root, b"prv", _re_key_context(device, gen_new, n_r))


def check_value(k_d_new: bytes) -> bytes:
    """Return the 4-byte proof of possession of a prepared key."""
    return cmac(k_d_new, b"kcv")[:CHECK_VALUE_SIZE]


def public_key(private: bytes) -> bytes:
    """Return the 32-byte X25519 public key of 32 private bytes."""
    return _private(private).public_key().public_bytes_raw()


def shared_secret(private: bytes, peer_public: bytes) -> bytes:
    """Return the 32-byte X25519 secret, or raise RefusedError (WEAK_PUBLIC_KEY) if it is zero."""
    peer = X25519PublicKey.from_public_bytes(_public(peer_public))
    try:
        return _private(private).exchange(peer)
    except ValueError:
        raise RefusedError(Reason.WEAK_PUBLIC_KEY) from None


def hello_nonce(
    k_d: bytes, device: bytes, gen: int, *, boot: int, number: int, random: bytes
) -> bytes:
    """Return the 12-byte N_L of a HELLO (protocol 6).

    boot is a counter in flash, number counts the HELLOs since then and random is 16
    bytes of the hardware generator: its failure alone does not repeat a nonce.
    """
    key = kdf(k_d, b"rng", _device(device) + _generation(gen))
    fresh = _sized(random, KEY_SIZE, "the random part")
    return cmac(key, _time(boot) + _time(number) + fresh)[:NONCE_SIZE]


def _block_key(key: bytes, label: bytes, label_iv: bytes, context: bytes) -> BlockKey:
    return BlockKey(kdf(key, label, context), kdf(key, label_iv, context))


def _re_key_context(device: bytes, gen_new: int, n_r: bytes) -> bytes:
    nonce = _sized(n_r, RE_KEY_NONCE_SIZE, "the re-key nonce")
    return _device(device) + _generation(gen_new) + nonce


def _private(private: bytes) -> X25519PrivateKey:
    sized = _sized(private, PUBLIC_KEY_SIZE, "a private key")
    return X25519PrivateKey.from_private_bytes(sized)


def _public(public: bytes) -> bytes:
    return _sized(public, PUBLIC_KEY_SIZE, "a public key")


def _hello(packet: bytes) -> bytes:
    return _sized(packet, PACKET_SIZE, "a HELLO packet")


def _device(device: bytes) -> bytes:
    if len(device) != DEVICE_ID_SIZE:
        raise DeviceIdError(f"a device id has {DEVICE_ID_SIZE} bytes")
    return device


def _generation(gen: int) -> bytes:
    if not 0 <= gen <= MAX_GENERATION:
        raise KeyMaterialError("an owner generation is 0..15")
    return bytes((gen,))


def _time(time: int) -> bytes:
    if not 0 <= time <= MAX_TIME:
        raise KeyMaterialError("a time is a u32")
    return _U32.pack(time)


def _sized(data: bytes, size: int, name: str) -> bytes:
    if len(data) != size:
        raise KeyMaterialError(f"{name} has {size} bytes")
    return data
