"""Advertisements: state in sight of everybody, readable for the household only.

Project profile (protocol 11). Service data, 10 bytes: version and generation, then
P xor pad (4), then MIC (5), an SIV construction under K_adv. P is state, battery and
event counter. The bucket (lock time / 64, 0 while the clock is unset) is never sent.
"""

from hmac import compare_digest
from struct import Struct
from typing import Final, NamedTuple
from uuid import UUID

from ..errors import AdvertError, FrameError
from .frame import MAX_TIME, MAX_U16, LockState, is_battery
from .keys import cmac, device_id_to_text
from .packet import MAX_GENERATION

SERVICE_UUID: Final = "1c190001-d4df-53cd-8b8b-6573c97143e7"
CMD_UUID: Final = "1c190002-d4df-53cd-8b8b-6573c97143e7"
RSP_UUID: Final = "1c190003-d4df-53cd-8b8b-6573c97143e7"
INFO_UUID: Final = "1c190004-d4df-53cd-8b8b-6573c97143e7"

SERVICE_DATA_SIZE: Final = 10
BUCKET_SECONDS: Final = 64
UNOWNED_RANDOM_SIZE: Final = 5
NAME_PREFIX: Final = "BSLD-"

_VERSION: Final = 1
_PLAIN: Final = Struct(">BBH")
_UNOWNED: Final = Struct(">BBBH5s")
_WINDOW_OPEN: Final = 0x40
_CLOCK_UNSET: Final = 0x80
_MIC_SIZE: Final = 5
_FLAGS_AD: Final = bytes((0x02, 0x01, 0x06))
_SERVICE_DATA_AD: Final = bytes((0x1B, 0x21))
_NAME_AD: Final = bytes((0x12, 0x09))


class AdvertState(NamedTuple):
    """What an advertisement of an owned lock says; bucket 0 means clock unset."""

    gen: int
    state: LockState
    battery: int
    counter: int
    bucket: int


class Unowned(NamedTuple):
    """What an advertisement of an unowned lock says (plain: a hint)."""

    window_open: bool
    clock_unset: bool
    model: int
    random: bytes


def generation(service_data: bytes) -> int:
    """Return the owner generation, 0 for an unowned lock, or raise AdvertError."""
    if len(service_data) != SERVICE_DATA_SIZE or service_data[0] >> 4 != _VERSION:
        raise AdvertError("not service data of BSLD/1")
    return service_data[0] & MAX_GENERATION


def bucket_of(time: int) -> int:
    """Return the bucket of a time in Unix seconds."""
    return time // BUCKET_SECONDS


def encode(
    k_adv: bytes,
    device: bytes,
    gen: int,
    *,
    state: LockState,
    battery: int,
    counter: int,
    time: int | None,
) -> bytes:
    """Return the service data of an owned lock (10 bytes); time None = clock unset."""
    if not (
        1 <= gen <= MAX_GENERATION
        and is_battery(battery)
        and 0 <= counter <= MAX_U16
        and (time is None or 0 <= time <= MAX_TIME)
    ):
        raise AdvertError("field out of range")
    if state.clock_unset is not (time is None):
        raise AdvertError("the state says otherwise about the clock")
    first = bytes((_VERSION << 4 | gen,))
    bucket = _bucket(0 if time is None else bucket_of(time))
    plain = _PLAIN.pack(state.to_byte(), battery, counter)
    mic = _mic(k_adv, device, first, plain, bucket)
    return first + _pad(k_adv, device, mic, bucket, plain) + mic


def decode(k_adv: bytes, device: bytes, service_data: bytes, now: int) -> AdvertState | None:
    """Return the authentic state in service data, or None.

    now is the receiver's time in Unix seconds; the buckets n, n-1, n+1, n-2 and 0 are
    tried. Raises AdvertError for what is not service data of an owned lock.
    """
    gen = generation(service_data)
    if gen == 0:
        raise AdvertError("an unowned lock")
    first, cipher, mic = service_data[:1], service_data[1:5], service_data[5:]
    n = bucket_of(now)
    for number in dict.fromkeys((n, n - 1, n + 1, n - 2, 0)):
        if not 0 <= number <= bucket_of(MAX_TIME):
            continue
        bucket = _bucket(number)
        plain = _pad(k_adv, device, mic, bucket, cipher)
        if compare_digest(mic, _mic(k_adv, device, first, plain, bucket)):
            return _plausible(gen, plain, number)
    return None


def _plausible(gen: int, plain: bytes, bucket: int) -> AdvertState | None:
    byte, battery, counter = _PLAIN.unpack(plain)
    try:
        state = LockState.from_byte(byte)
    except FrameError:
        return None
    if not is_battery(battery) or state.clock_unset is not (bucket == 0):
        return None
    return AdvertState(gen, state, battery, counter, bucket)


def unowned(*, window_open: bool, clock_unset: bool, model: int, random: bytes) -> bytes:
    """Return the service data of an unowned lock (10 bytes, plain; random: 5 bytes)."""
    if len(random) != UNOWNED_RANDOM_SIZE or not 0 <= model <= MAX_U16:
        raise AdvertError("field out of range")
    flags = (_WINDOW_OPEN if window_open else 0) | (_CLOCK_UNSET if clock_unset else 0)
    return _UNOWNED.pack(_VERSION << 4, flags, 0, model, random)


def parse_unowned(service_data: bytes) -> Unowned:
    """Read the service data of an unowned lock, or raise AdvertError."""
    if generation(service_data):
        raise AdvertError("an owned lock")
    _, flags, _, model, random = _UNOWNED.unpack(service_data)
    return Unowned(bool(flags & _WINDOW_OPEN), bool(flags & _CLOCK_UNSET), model, random)


def adv_ind(service_data: bytes) -> bytes:
    """Return the advertising data (31 bytes)."""
    generation(service_data)
    return _FLAGS_AD + _SERVICE_DATA_AD + UUID(SERVICE_UUID).bytes[::-1] + service_data


def local_name(device: bytes) -> str:
    """Return the name in the scan response: BSLD- and 12 hexadecimal characters."""
    return NAME_PREFIX + device_id_to_text(device)


def scan_response(device: bytes) -> bytes:
    """Return the scan response data (19 bytes)."""
    return _NAME_AD + local_name(device).encode()


def _bucket(number: int) -> bytes:
    return number.to_bytes(4)


def _mic(k_adv: bytes, device: bytes, first: bytes, plain: bytes, bucket: bytes) -> bytes:
    return cmac(k_adv, b"A" + device + first + plain + bucket)[:_MIC_SIZE]


def _pad(k_adv: bytes, device: bytes, mic: bytes, bucket: bytes, text: bytes) -> bytes:
    """Encrypt or decrypt the four bytes of P."""
    pad = cmac(k_adv, b"E" + device + mic + bucket)
    return bytes(a ^ b for a, b in zip(text, pad, strict=False))
