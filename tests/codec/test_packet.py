"""The 20-byte packet, HELLO, ERR and PROV."""

from itertools import combinations

from hypothesis import given, strategies as st
import pytest

from igrs_codec.bsld.frame import Frame
from igrs_codec.bsld.packet import (
    BlockKey,
    Hello,
    Kind,
    error_packet,
    header,
    parse_header,
    parse_prov,
    prov_packets,
)
from igrs_codec.errors import FrameError, HelloError, KeyMaterialError, PacketError
from tests.codec.parts import frames, hello, hellos, keys, u8, u16


@given(
    kind=st.sampled_from(Kind), second=u8, number=u16, from_lock=st.booleans(), flag=st.booleans()
)
def test_header_round_trip(
    *, kind: Kind, second: int, number: int, from_lock: bool, flag: bool
) -> None:
    """All four bytes come back."""
    head = header(kind, second, number, from_lock=from_lock, flag=flag)

    assert parse_header(head + bytes(16)) == (kind, from_lock, flag, second, number)


@given(keys, keys, st.binary(min_size=4, max_size=4), frames)
def test_seal_and_open(key: bytes, key_iv: bytes, head: bytes, frame: Frame) -> None:
    """What was sealed opens, under the same keys and header only."""
    block_key = BlockKey(key, key_iv)
    packet = block_key.seal(head, bytes(frame))

    assert (len(packet), packet[:4]) == (20, head)
    assert block_key.open(packet) == bytes(frame)
    other = bytes((head[0], head[1], head[2], head[3] ^ 1))
    assert block_key.open(other + packet[4:]) != bytes(frame)


@given(frames, frames)
def test_the_header_is_the_nonce(first: Frame, second: Frame) -> None:
    """Two equal frames under different headers have nothing in common."""
    key = BlockKey(bytes(16), bytes(range(16)))
    blocks = {key.seal(bytes((0, 0, 0, n)), bytes(first))[4:] for n in range(4)}

    assert len(blocks) == 4
    if first != second:
        assert key.seal(bytes(4), bytes(first)) != key.seal(bytes(4), bytes(second))


@pytest.mark.parametrize("data", [b"", bytes(19), bytes(21)], ids=len)
def test_wrong_length(data: bytes) -> None:
    """A packet has 20 bytes, whatever it is."""
    for parse in (parse_header, BlockKey(bytes(16), bytes(16)).open, Hello.from_bytes, parse_prov):
        with pytest.raises(PacketError):
            parse(data)


def test_what_cannot_be_sealed() -> None:
    """Header and frame have their sizes, keys too."""
    key = BlockKey(bytes(16), bytes(16))

    with pytest.raises(PacketError):
        key.seal(bytes(3), bytes(16))
    with pytest.raises(FrameError):
        key.seal(bytes(4), bytes(32))
    for pair in ((bytes(15), bytes(16)), (bytes(16), bytes(32))):
        with pytest.raises(KeyMaterialError):
            BlockKey(*pair)


@pytest.mark.parametrize("first", [0x00, 0x81, 0xC1, 0x46, 0x6F])
def test_unknown_header(first: int) -> None:
    """Version 01 and six kinds, nothing else."""
    with pytest.raises(PacketError):
        parse_header(bytes((first,)) + bytes(19))


@pytest.mark.parametrize(("second", "number"), [(-1, 0), (256, 0), (0, -1), (0, 65536)])
def test_header_fields(second: int, number: int) -> None:
    """A field that does not fit is refused."""
    with pytest.raises(PacketError):
        header(Kind.SESS, second, number)


@given(hellos)
def test_hello_round_trip(given_hello: Hello) -> None:
    """Every byte of HELLO comes back: all of it is bound into the keys."""
    assert Hello.from_bytes(bytes(given_hello)) == given_hello


@given(st.binary(min_size=20, max_size=20))
def test_hello_from_anything(data: bytes) -> None:
    """Twenty bytes are one HELLO, or none."""
    try:
        parsed = Hello.from_bytes(data)
    except HelloError:
        return
    assert bytes(parsed) == data


@pytest.mark.parametrize(
    ("link", "gen", "first"),
    [
        pytest.param(0, 1, 0x63, id="link-0"),
        pytest.param(1, 16, 0x63, id="generation-16"),
        pytest.param(1, 1, 0x43, id="to-the-lock"),
        pytest.param(1, 1, 0x64, id="kind"),
    ],
)
def test_not_a_hello(link: int, gen: int, first: int) -> None:
    """Link 0, generation 16 and other headers are no HELLO."""
    with pytest.raises(HelloError):
        Hello.from_bytes(bytes((first, link, gen, 0)) + bytes(16))


def test_hello_flags() -> None:
    """Bit 0 is the pairing window, bit 2 a prepared generation."""
    data = bytearray(bytes(hello()))
    data[3] = 0x05
    parsed = Hello.from_bytes(bytes(data))

    assert (parsed.pairing_window, parsed.pending) == (True, True)
    assert (hello().pairing_window, hello().pending) == (False, False)
    assert parsed.echo == data[4:7]


@given(st.binary(max_size=24))
def test_error_packet(offending: bytes) -> None:
    """ERR repeats bytes 2 and 3 of whatever offended, zeros if there are none."""
    packet = error_packet(offending)

    expected = offending[2:4] if len(offending) >= 4 else bytes(2)
    assert packet == b"\x60\x00" + expected + bytes(16)


@given(public_key=st.binary(min_size=32, max_size=32), from_lock=st.booleans())
def test_prov_round_trip(*, public_key: bytes, from_lock: bool) -> None:
    """A public key survives its two packets, in one direction only."""
    packets = prov_packets(public_key, from_lock=from_lock)

    halves = dict(parse_prov(packet, from_lock=from_lock) for packet in packets)
    assert halves[0] + halves[1] == public_key
    with pytest.raises(PacketError):
        parse_prov(packets[0], from_lock=not from_lock)


@pytest.mark.parametrize("head", ["45020000", "45000001", "55000000", "44000000"])
def test_not_a_prov(head: str) -> None:
    """Index 0 or 1, and zeros."""
    with pytest.raises(PacketError):
        parse_prov(bytes.fromhex(head) + bytes(16))


def test_public_key_size() -> None:
    """A public key has 32 bytes."""
    with pytest.raises(KeyMaterialError):
        prov_packets(bytes(31))


def test_headers_never_meet() -> None:
    """Kinds and directions have different first bytes, so their IVs differ too."""
    firsts = [
        header(kind, 0, 0, from_lock=from_lock)[0] for kind in Kind for from_lock in (False, True)
    ]

    assert all(a != b for a, b in combinations(firsts, 2))
