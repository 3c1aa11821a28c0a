"""Advertisements: what a lock says to everybody."""

from hypothesis import given, strategies as st
import pytest

from igrs_codec.bsld import advert
from igrs_codec.bsld.frame import LockState
from igrs_codec.errors import AdvertError, DeviceIdError, KeyMaterialError
from tests.codec.adverts import K_ADV, K_ADV_2, LOCKED, NO_CLOCK, UNLOCKED, data
from tests.codec.parts import DEVICE, NOW, states, u16


@given(states, st.integers(0, 100), u16, st.integers(NOW, 2**32 - 1))
def test_round_trip(state: LockState, battery: int, counter: int, time: int) -> None:
    """The household reads what the lock says."""
    sent = advert.encode(
        K_ADV,
        DEVICE,
        1,
        state=state,
        battery=battery,
        counter=counter,
        time=None if state.clock_unset else time,
    )
    read = advert.decode(K_ADV, DEVICE, sent, time)

    assert read is not None
    assert read[:4] == (1, state, battery, counter)


@pytest.mark.parametrize("offset", [-64, -1, 0, 63, 127, 128 + 47])
def test_receivers_clock(offset: int) -> None:
    """One bucket ahead and two behind are looked at."""
    assert advert.decode(K_ADV, DEVICE, data(), NOW + offset) is not None


@pytest.mark.parametrize("offset", [-64 - 16 - 1, 256])
def test_life_of_a_recorded_advert(offset: int) -> None:
    """After 256 s at the latest nobody believes it any more."""
    assert advert.decode(K_ADV, DEVICE, data(), NOW + offset) is None


def believed(service_data: bytes) -> advert.AdvertState | None:
    """Return what a receiver believes of anything."""
    try:
        return advert.decode(K_ADV, DEVICE, service_data, NOW)
    except AdvertError:
        return None


def test_every_flipped_bit() -> None:
    """One or two bits off, another lock or another key: refused."""
    sent = int.from_bytes(data())
    for first in range(80):
        for second in range(first, 80):
            flipped = (sent ^ (1 << first | 1 << second)).to_bytes(10)
            assert believed(flipped) is None
    assert advert.decode(K_ADV, bytes(6), data(), NOW) is None
    assert advert.decode(K_ADV_2, DEVICE, data(), NOW) is None


def test_what_does_not_fit_together() -> None:
    """Bucket 0 without the clock bit, bolt 7 and battery 101 are implausible."""
    set_state = advert.encode(K_ADV, DEVICE, 1, state=LOCKED, battery=90, counter=1, time=1)

    assert advert.decode(K_ADV, DEVICE, set_state, NOW) is None
    for plain in (bytes((0x0F, 90, 0, 1)), bytes((0x09, 101, 0, 1)), bytes((0x89, 90, 0, 1))):
        bucket = advert.bucket_of(NOW).to_bytes(4)
        mic = advert._mic(K_ADV, DEVICE, b"\x11", plain, bucket)
        forged = b"\x11" + advert._pad(K_ADV, DEVICE, mic, bucket, plain) + mic
        assert advert.decode(K_ADV, DEVICE, forged, NOW) is None


def test_nothing_can_be_compared() -> None:
    """Two contents of one bucket have nothing but the first byte in common."""
    sent = [data(state, counter) for counter, state in enumerate([LOCKED, UNLOCKED] * 20)]

    for place in range(1, 10):
        assert len({one[place] for one in sent}) > 20
    assert len(set(sent)) == 40


@pytest.mark.parametrize(
    "fields",
    [
        {"gen": 0},
        {"gen": 16},
        {"battery": 101},
        {"counter": 65536},
        {"time": 2**32},
        {"time": None},
        {"battery": -1},
        {"state": NO_CLOCK},
    ],
    ids=str,
)
def test_what_cannot_be_advertised(fields: dict[str, int | LockState]) -> None:
    """Fields that do not fit, or that contradict each other."""
    good = {"gen": 1, "state": LOCKED, "battery": 90, "counter": 1, "time": NOW} | fields
    gen = good.pop("gen")

    with pytest.raises(AdvertError):
        advert.encode(K_ADV, DEVICE, gen, **good)  # type: ignore[arg-type]


def test_sizes() -> None:
    """Ten bytes, version 1, a key of 16 bytes."""
    for wrong in (b"", data()[:-1], data() + b"\x00", b"\x21" + data()[1:]):
        with pytest.raises(AdvertError):
            advert.decode(K_ADV, DEVICE, wrong, NOW)
        with pytest.raises(AdvertError):
            advert.adv_ind(wrong)
    with pytest.raises(KeyMaterialError):
        advert.decode(K_ADV[:-1], DEVICE, data(), NOW)
    with pytest.raises(AdvertError):
        advert.decode(K_ADV, DEVICE, b"\x10" + bytes(9), NOW)


@pytest.mark.parametrize("window_open", [True, False])
@pytest.mark.parametrize("clock_unset", [True, False])
def test_unowned(*, window_open: bool, clock_unset: bool) -> None:
    """An unowned lock says in clear what discovery needs."""
    sent = advert.unowned(
        window_open=window_open, clock_unset=clock_unset, model=0x0102, random=b"abcde"
    )

    assert advert.parse_unowned(sent) == (window_open, clock_unset, 0x0102, b"abcde")
    with pytest.raises(AdvertError):
        advert.parse_unowned(data())
    with pytest.raises(AdvertError):
        advert.unowned(window_open=True, clock_unset=True, model=1, random=b"abcd")


def test_reports() -> None:
    """Both reports fit into 31 bytes; the name is made of the device id."""
    assert len(advert.adv_ind(data())) == 31
    assert advert.scan_response(DEVICE) == b"\x12\x09BSLD-A1B2C3D4E5F6"
    with pytest.raises(DeviceIdError):
        advert.scan_response(bytes(5))
