"""Made-up keys, and the strategies that the codec's tests share."""

from typing import Final

from hypothesis import strategies as st

from igrs_codec.bsld import ticket
from igrs_codec.bsld.frame import (
    MAX_TIME,
    MAX_U8,
    MAX_U16,
    VALUE_SIZE,
    Bolt,
    Door,
    Event,
    Frame,
    FrameType,
    LockState,
    Method,
    Record,
    Right,
)
from igrs_codec.bsld.packet import Hello

DEVICE: Final = bytes.fromhex("a1b2c3d4e5f6")
K_F: Final = bytes.fromhex("f0e1d2c3b4a5968778695a4b3c2d1e0f")
K_D: Final = bytes(range(16))
NOW: Final = 1795000000
ALL: Final = Right(0x5F)

u8 = st.integers(0, MAX_U8)
u16 = st.integers(0, MAX_U16)
u32 = st.integers(0, MAX_TIME)
any_int = st.integers(-(2**40), 2**40)
any_bytes = st.binary(max_size=40)
keys = st.binary(min_size=16, max_size=16)
generations = st.integers(1, 15)
values = st.binary(min_size=VALUE_SIZE, max_size=VALUE_SIZE)
frames = st.builds(Frame, u8, st.sampled_from(FrameType), values, u32)
states = st.builds(
    LockState,
    bolt=st.sampled_from(Bolt),
    door=st.sampled_from(Door),
    battery_low=st.booleans(),
    alarm=st.booleans(),
    clock_unset=st.booleans(),
)
records = st.builds(
    Record,
    number=u16,
    uid=u32,
    method=st.sampled_from(Method),
    event=st.sampled_from(Event),
    detail=u8,
    time=u32,
    boot_time=st.booleans(),
)
hellos = st.builds(
    Hello,
    link=st.integers(1, 255),
    gen=st.integers(0, 15),
    flags=u8,
    nonce=st.binary(min_size=12, max_size=12),
    time=u32,
    clock_set=st.booleans(),
)


def hello(
    *, nonce: int = 0, time: int = NOW, link: int = 1, gen: int = 1, clock_set: bool = True
) -> Hello:
    """Return a HELLO whose nonce is made of a number."""
    return Hello(
        link=link,
        gen=gen,
        flags=0,
        nonce=nonce.to_bytes(12),
        time=time,
        clock_set=clock_set,
    )


def mint(
    *,
    gen: int = 1,
    uid: int = 0x1001,
    rights: Right = ALL,
    seconds: int = 86400,
    epoch: int = 1,
    time: int = NOW,
    tag: int = 7,
    k_d: bytes = K_D,
) -> ticket.Ticket:
    """Return a ticket of the made-up lock."""
    minted = ticket.mint(
        k_d,
        DEVICE,
        gen,
        tag=tag,
        uid=uid,
        tid=7,
        rights=rights,
        ttl=ticket.encode_ttl(seconds),
        epoch=epoch,
        time=time,
    )
    return ticket.Ticket.from_minted(minted, DEVICE, gen)
