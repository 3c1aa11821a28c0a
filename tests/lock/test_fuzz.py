"""Whatever is written to the lock, no error leaves it and its record stays readable."""

from hypothesis import given, settings, strategies as st

from igrs_codec.bsld.codes import CodeId
from igrs_codec.bsld.frame import Command, Frame, FrameType, Right
from igrs_codec.bsld.lock_state import DEFAULT_CONFIG, Ownership, Pending, User
from tests.lock.bench import K_D, K_NEW, PENDING, TODAY, Bench, owned

U8, U16, U32 = (st.integers(0, 256**size - 1) for size in (1, 2, 4))
KEY = st.binary(min_size=16, max_size=16)

OWNERSHIPS = st.builds(
    Ownership,
    gen=st.integers(1, 15),
    k_d=KEY,
    pending=st.none() | st.builds(Pending, st.integers(1, 15), KEY),
    epoch=st.integers(1, 255),
    t_adm=U32,
    users=st.dictionaries(
        st.integers(0, 63), st.builds(User, U32, U8.map(Right), U16), max_size=64
    ),
    config=st.fixed_dictionaries(dict.fromkeys(DEFAULT_CONFIG, U32)),
    k_code=KEY,
    once_base=U32,
    once_used=st.integers(0, 255),
    cancelled=st.lists(
        st.builds(CodeId, st.integers(0, 4), st.integers(0, 1), U32), max_size=32
    ).map(tuple),
    wrong_codes=U8,
    first_record=U16,
)


@settings(max_examples=50, deadline=None)
@given(OWNERSHIPS)
def test_ownership_round_trip(own: Ownership) -> None:
    """What is written is what is read."""
    assert Ownership.from_bytes(bytes(own)) == own


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=24), max_size=6))
def test_any_bytes(packets: list[bytes]) -> None:
    """Bytes of any length are answered or ignored."""
    bench = Bench()
    client = bench.session()

    for packet in packets:
        client.write(packet)

    assert bench.own == owned()


VALUES = st.binary(min_size=9, max_size=9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(Command),
            VALUES | VALUES.map(lambda value: value[:3] + bytes(4) + value[7:8] + b"\0"),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_any_authentic_administration(frames: list[tuple[Command, bytes, bool]]) -> None:
    """Even a RAS that writes nonsense leaves a lock that boots with what it had."""
    bench = Bench(owned(pending=PENDING))
    for number, (command, value, pending) in enumerate(frames):
        client = bench.client()
        gen, k_d = (2, K_NEW) if pending or bench.own.gen == 2 else (1, K_D)
        client.write(client.admin_packet(command, value, time=TODAY + number, gen=gen, k_d=k_d))
        client.disconnect()

    assert Ownership.from_bytes(bytes(bench.own)) == bench.own
    before = bench.own
    bench.lock.power_cycle()
    assert bench.own == before
    assert not bench.lock.show()["fault"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(U8, st.sampled_from(FrameType), VALUES, st.integers(-12, 12)), max_size=8)
)
def test_any_authentic_request(frames: list[tuple[int, FrameType, bytes, int]]) -> None:
    """A client that writes nonsense gets answers or ERR; nothing of the owner changes."""
    bench = Bench()
    client = bench.session()

    for number, (command, type_, value, offset) in enumerate(frames, 1):
        if not client.open:
            break
        echoed = value[:2] + client.hello.echo + value[:4]
        client.write(client.sealed(Frame(command, type_, echoed, TODAY + offset), number))

    assert bench.own == owned()
