"""The 16-byte frame, the state byte and records."""

from hypothesis import given, strategies as st
import pytest

from igrs_codec.bsld.frame import (
    Command,
    Frame,
    FrameType,
    LockState,
    Record,
    is_battery,
    is_older,
)
from igrs_codec.errors import FrameError
from tests.codec.parts import frames, records, states, u16


@given(frames)
def test_frame_round_trip(frame: Frame) -> None:
    """What was written is what is read."""
    assert Frame.from_bytes(bytes(frame)) == frame


@given(frames, st.integers(0, 11 * 8 - 1))
def test_one_flipped_bit_is_not_a_frame(frame: Frame, bit: int) -> None:
    """The check byte finds any single flipped bit of bytes 0 to 10."""
    flipped = (int.from_bytes(bytes(frame)) ^ 1 << 127 - bit).to_bytes(16)

    with pytest.raises(FrameError):
        Frame.from_bytes(flipped)


@given(frames, st.binary(max_size=15), st.binary(min_size=1, max_size=8))
def test_another_length_is_not_a_frame(frame: Frame, short: bytes, tail: bytes) -> None:
    """A frame has 16 bytes, no more and no less."""
    for data in (short, bytes(frame)[: len(short)], bytes(frame) + tail):
        with pytest.raises(FrameError, match=f"{len(data)} bytes"):
            Frame.from_bytes(data)


@pytest.mark.parametrize(
    ("command", "value", "time"),
    [
        pytest.param(3, bytes(8), 0, id="value-short"),
        pytest.param(3, bytes(10), 0, id="value-long"),
        pytest.param(3, bytes(9), -1, id="time-negative"),
        pytest.param(3, bytes(9), 2**32, id="time-past-2106"),
        pytest.param(256, bytes(9), 0, id="command"),
    ],
)
def test_an_illegal_frame_cannot_exist(command: int, value: bytes, time: int) -> None:
    """Fields that do not fit are refused where the frame is made."""
    with pytest.raises(FrameError):
        Frame(command, FrameType.REQUEST, value, time)


@pytest.mark.parametrize("type_", [0, 4, 255])
def test_unknown_type(type_: int) -> None:
    """A frame is a request, a response or an indication."""
    head = bytes((3, type_)) + bytes(9)
    data = head + bytes((3 ^ type_,)) + bytes(4)

    with pytest.raises(FrameError, match="type"):
        Frame.from_bytes(data)


@given(states)
def test_state_round_trip(state: LockState) -> None:
    """Every state has one byte."""
    assert LockState.from_byte(state.to_byte()) == state


@given(st.integers(0, 255))
def test_state_bytes(byte: int) -> None:
    """Every byte is a state, but for bolt 7."""
    if byte & 7 == 7:
        with pytest.raises(FrameError):
            LockState.from_byte(byte)
    else:
        assert LockState.from_byte(byte).to_byte() == byte


@given(records, st.sampled_from([Command.LOG, Command.EVENT]))
def test_record_round_trip(record: Record, command: Command) -> None:
    """A record survives its frame."""
    assert Record.from_frame(record.to_frame(command, FrameType.RESPONSE)) == record


@pytest.mark.parametrize(("method", "event"), [(11, 5), (12, 0), (0x8C, 0)])
def test_unknown_record(method: int, event: int) -> None:
    """A method or an event that nobody defined is no record."""
    value = bytes((0, 1, 0, 0, 0, 0, method, event, 0))

    with pytest.raises(FrameError):
        Record.from_frame(Frame(Command.LOG, FrameType.RESPONSE, value, 0))


@given(u16, st.integers(1, 0x7FFF))
def test_counters_wrap(number: int, steps: int) -> None:
    """Up to 32767 events later is newer, also past the wrap."""
    later = (number + steps) % 0x10000

    assert is_older(number, later)
    assert not is_older(later, number)
    assert not is_older(number, number)


def test_half_a_circle_is_older() -> None:
    """A difference of exactly 32768 counts as older, both ways."""
    assert is_older(0, 0x8000)
    assert is_older(0x8000, 0)


@pytest.mark.parametrize(
    ("percent", "plausible"), [(-1, False), (0, True), (100, True), (101, False)]
)
def test_battery(*, percent: int, plausible: bool) -> None:
    """A battery has 0 to 100 percent."""
    assert is_battery(percent) is plausible
