"""Administration frames: requests, answers and their Values."""

from collections.abc import Callable
from typing import Protocol, Self

from hypothesis import given, strategies as st
import pytest

from igrs_codec.bsld import admin, values
from igrs_codec.bsld.frame import Bolt, Capability, Command, LockState, Right, Status
from igrs_codec.bsld.keys import admin_key
from igrs_codec.errors import (
    DeviceIdError,
    FrameError,
    IgrsError,
    PacketError,
    ProtocolError,
    Reason,
    RefusedError,
)
from tests.codec.parts import ALL, DEVICE, K_D, NOW, hello, states, u8, u16, u32, values as nine


class Value(Protocol):
    """The nine bytes of a command, with their meaning."""

    def __bytes__(self) -> bytes:
        """Return the nine bytes."""

    @classmethod
    def from_bytes(cls, value: bytes, /) -> Self:
        """Read nine bytes."""


KEY = admin_key(K_D, DEVICE, 1)
statuses = st.sampled_from(Status)
rights = st.builds(Right, u8)
VALUES: dict[type[Value], st.SearchStrategy[Value]] = {
    admin.WriteUser: st.builds(admin.WriteUser, u32, u8, rights, u16, u8),
    admin.Prepare: st.builds(
        admin.Prepare, st.binary(min_size=8, max_size=8), st.booleans(), st.integers(0, 15)
    ),
    admin.Epoch: st.builds(admin.Epoch, u8),
    admin.Config: st.builds(admin.Config, u8, u32, u8),
    admin.Codes: st.builds(admin.Codes, u8, u8, u8, u32, u8),
    admin.UserAnswer: st.builds(admin.UserAnswer, statuses, u32, u8, u8, u8, u8),
    admin.TimeAnswer: st.builds(admin.TimeAnswer, statuses, u8, u32),
    admin.PrepareAnswer: st.builds(
        admin.PrepareAnswer, statuses, u8, st.binary(min_size=4, max_size=4)
    ),
    admin.EpochAnswer: st.builds(admin.EpochAnswer, statuses, u8),
    admin.ConfigAnswer: st.builds(admin.ConfigAnswer, statuses, u8, u32),
    admin.CodesAnswer: st.builds(admin.CodesAnswer, statuses, u8, u8, u32),
    admin.RemoveAnswer: st.builds(admin.RemoveAnswer, statuses),
    values.TicketFields: st.builds(values.TicketFields, u32, u16, rights, u8, u8),
    values.AuthAnswer: st.builds(values.AuthAnswer, statuses, rights, u16, u32, u8),
    values.SessionRequest: st.builds(
        values.SessionRequest,
        u8,
        u8,
        st.binary(min_size=3, max_size=3),
        st.binary(min_size=4, max_size=4),
    ),
    values.StateAnswer: st.builds(
        values.StateAnswer,
        statuses.filter(lambda status: status is not Status.EXPIRED),
        states,
        st.integers(0, 100),
        u16,
        st.binary(min_size=4, max_size=4),
    ),
    values.Version: st.builds(values.Version, u8, u8, u8, u8, u8, u16, st.builds(Capability, u16)),
}
KINDS = pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)


@KINDS
@given(data=st.data())
def test_value_round_trip(kind: type[Value], data: st.DataObject) -> None:
    """What one end writes the other end reads."""
    value = data.draw(VALUES[kind])

    assert len(bytes(value)) == 9
    assert kind.from_bytes(bytes(value)) == value


@KINDS
@given(data=nine)
def test_any_nine_bytes(kind: type[Value], data: bytes) -> None:
    """Nine bytes are a Value, or refused by name."""
    try:
        kind.from_bytes(data)
    except FrameError:
        return


@KINDS
@pytest.mark.parametrize("size", [0, 8, 10])
def test_other_sizes(kind: type[Value], size: int) -> None:
    """A Value has nine bytes."""
    with pytest.raises(FrameError):
        kind.from_bytes(bytes(size))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        pytest.param(admin.Prepare, "010203040506070812", id="prepare-b4"),
        pytest.param(admin.Prepare, "010203040506070842", id="prepare-b6"),
        pytest.param(admin.Epoch, "020000000000000001", id="epoch"),
        pytest.param(admin.Config, "010000001e01000001", id="config"),
        pytest.param(admin.Codes, "0002016afcea800101", id="codes"),
        pytest.param(values.StateAnswer, "030900000011223344", id="refusal-with-state"),
        pytest.param(values.StateAnswer, "000965000011223344", id="battery-101"),
        pytest.param(values.StateAnswer, "000f5a000011223344", id="bolt-7"),
        pytest.param(values.StateAnswer, "0b095a000011223344", id="status-11"),
    ],
)
def test_bytes_that_are_fixed(kind: type[Value], value: str) -> None:
    """Bytes that must be zero, and fields without meaning, are no Value."""
    with pytest.raises(FrameError):
        kind.from_bytes(bytes.fromhex(value))


def test_a_refusal_carries_no_state() -> None:
    """Status 03 comes without a state, and nothing can be taken over from it."""
    answer = values.StateAnswer.from_bytes(bytes.fromhex("030000000011223344"))

    assert (answer.state, bytes(answer).hex()) == (None, "030000000011223344")


def test_write_user_fields() -> None:
    """Deleting, row and validity are bits of the action."""
    written = admin.WriteUser.from_bytes(admin.write_user(5, 63, ALL, epoch=1, not_before=100))
    deleted = admin.WriteUser.from_bytes(admin.delete_user(5, epoch=1))

    assert (written.delete, written.row, written.not_before, written.valid) == (
        False,
        63,
        100,
        True,
    )
    assert (deleted.delete, deleted.valid) == (True, True)
    assert not written._replace(uid=0).valid
    assert not written._replace(action=0x40).valid


def test_builders() -> None:
    """The builders give what the vectors show."""
    assert admin.set_time(hello(nonce=1)) == bytes(9)
    assert admin.raise_epoch(2).hex() == "020000000000000000"
    assert admin.prepare(bytes(8), 2, x25519=True).hex() == "000000000000000082"
    assert admin.config(admin.Parameter.AUTO_RELOCK, 30, epoch=1).hex() == "010000001e01000000"
    cancel = admin.codes(
        admin.CodeOperation.CANCEL, epoch=1, code_class=2, code_index=1, start=1794960000
    )
    assert cancel.hex() == "0002016afcea800100"
    assert admin.remove(DEVICE) == DEVICE + b"RMV"


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda: admin.write_user(0, 0, ALL, epoch=1), FrameError),
        (lambda: admin.write_user(1, 64, ALL, epoch=1), FrameError),
        (lambda: admin.write_user(1, 0, ALL, epoch=256), FrameError),
        (lambda: admin.delete_user(0, epoch=1), FrameError),
        (lambda: admin.prepare(bytes(7), 2, x25519=False), FrameError),
        (lambda: admin.prepare(bytes(8), 0, x25519=False), FrameError),
        (lambda: admin.raise_epoch(-1), FrameError),
        (lambda: admin.config(admin.Parameter.FLAGS, 2**32, epoch=1), FrameError),
        (lambda: admin.codes(admin.CodeOperation.CANCEL, epoch=1, start=-1), FrameError),
        (lambda: admin.remove(bytes(5)), DeviceIdError),
    ],
)
def test_builders_refuse(build: Callable[[], bytes], error: type[IgrsError]) -> None:
    """A field that does not fit never gets onto the air."""
    with pytest.raises(error):
        build()


def answered(
    *,
    command: Command = Command.EPOCH,
    value: bytes = bytes(admin.EpochAnswer(Status.OK, 2)),
    time: int = NOW,
    tag: int = 5,
    gen: int = 1,
) -> bytes:
    """Seal an answer of the lock."""
    return admin.answer(KEY, gen, tag, command=command, value=value, time=time)


def read(packet: bytes) -> admin.AdminAnswer:
    """Read the answer to the outstanding request."""
    return admin.read_answer(KEY, packet, gen=1, tag=5, command=Command.EPOCH, time=NOW)


def test_answer() -> None:
    """The answer to the outstanding request is read."""
    assert read(answered()) == admin.EpochAnswer(Status.OK, 2)


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        pytest.param(answered(tag=6), Reason.BAD_HEADER, id="tag"),
        pytest.param(answered(gen=2), Reason.BAD_HEADER, id="generation"),
        pytest.param(
            admin.request(KEY, 1, 5, command=Command.EPOCH, value=admin.raise_epoch(2), time=NOW),
            Reason.BAD_HEADER,
            id="reflected",
        ),
        pytest.param(answered(command=Command.CODES), Reason.WRONG_COMMAND, id="command"),
        pytest.param(answered(time=NOW + 1), Reason.WRONG_TIME, id="time"),
    ],
)
def test_another_answer(packet: bytes, reason: Reason) -> None:
    """What does not answer this request leaves it outstanding, and says why."""
    with pytest.raises(RefusedError) as refusal:
        read(packet)

    assert refusal.value.reason is reason


def test_not_an_answer() -> None:
    """Noise, other lengths and a request under an answer's header are refused."""
    with pytest.raises(PacketError):
        read(bytes(19))
    with pytest.raises(FrameError):
        read(answered()[:-1] + b"\x00")
    sealed = KEY.seal(answered()[:4], bytes.fromhex("1201020000000000000000116afd86c0"))
    with pytest.raises(RefusedError) as refusal:
        read(sealed)
    assert refusal.value.reason is Reason.WRONG_TYPE
    with pytest.raises(ProtocolError):
        admin.read_answer(KEY, answered(), gen=1, tag=5, command=Command.OPERATE, time=NOW)


def test_every_flipped_bit_of_an_answer() -> None:
    """One bit off, and it is no answer."""
    packet = int.from_bytes(answered())
    for bit in range(160):
        with pytest.raises(IgrsError):
            read((packet ^ 1 << bit).to_bytes(20))


def test_state_in_an_answer() -> None:
    """Bolt, door, battery and counter come out as they went in."""
    state = LockState(bolt=Bolt.LOCKED)
    value = bytes(values.StateAnswer(Status.OK, state, 90, 7, b"abcd"))

    assert value.hex() == "00015a000761626364"
