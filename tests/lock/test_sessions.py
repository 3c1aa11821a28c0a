"""SESS at the lock: the rows of protocol 13, and the requests that move nothing."""

from typing import Any

import pytest

from igrs_codec.bsld.frame import (
    Capability,
    Command,
    Frame,
    FrameType,
    Operation,
    Right,
    Status,
)
from igrs_codec.bsld.packet import Kind, header
from igrs_codec.bsld.values import Version
from tests.lock.bench import TODAY, Bench, is_error


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(0x04, 1, id="version 0"),
        pytest.param(0x84, 1, id="version 2"),
        pytest.param(0x64, 1, id="from a lock"),
        pytest.param(0x54, 1, id="more"),
        pytest.param(0x40, 1, id="kind ERR"),
        pytest.param(0x43, 1, id="kind HELLO"),
        pytest.param(0x46, 1, id="no kind"),
        pytest.param(0x44, 2, id="another link"),
        pytest.param(0x44, 0, id="link 0"),
    ],
)
def test_bad_header(first: int, second: int) -> None:
    """What is not for this link of a lock is ERR with bytes 2 and 3 of the packet."""
    client = Bench().session()
    right = client.sealed(client.frame(Command.STATUS), 1)

    packets = client.write(bytes((first, second)) + right[2:])

    assert packets == [b"\x60\x00\x00\x01" + bytes(16)]
    assert len(client.read(client.write(right))) == 1


@pytest.mark.parametrize("size", [0, 3, 19, 21])
def test_wrong_size(size: int) -> None:
    """A packet has 20 bytes; a short one is answered with number 0."""
    client = Bench().session()

    packets = client.write(b"\x44\x01\x00\x01".ljust(size, b"\0")[:size])

    assert packets == [b"\x60\x00" + (b"\0\1" if size > 3 else b"\0\0") + bytes(16)]


def test_no_session() -> None:
    """Without a session there is nothing to answer."""
    bench = Bench()
    client = bench.session()
    packet = client.sealed(client.frame(Command.STATUS), 1)
    client.renew()

    assert is_error(client.write(packet))


@pytest.mark.parametrize(
    ("counter", "accepted"),
    [(0, False), (3, False), (4, True), (19, True), (20, False), (0xFFFF, False)],
)
def test_counter_window(counter: int, accepted: bool) -> None:  # noqa: FBT001
    """The counter may skip 15 numbers, never repeat or go back."""
    client = Bench().session()
    client.counter = 2
    assert client.status().status is Status.OK

    packets = client.write(client.sealed(client.frame(Command.STATUS), counter))

    assert is_error(packets) is not accepted


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"type": FrameType.RESPONSE}, id="a response"),
        pytest.param({"type": FrameType.INDICATION}, id="an indication"),
        pytest.param({"time": TODAY + 11}, id="11 s ahead"),
        pytest.param({"time": TODAY - 11}, id="11 s old"),
        pytest.param({"echo": b"abc"}, id="echo"),
    ],
)
def test_bad_request(changes: dict[str, Any]) -> None:
    """A refused frame does not use up its counter."""
    client = Bench().session()

    assert is_error(client.write(client.sealed(client.frame(Command.STATUS, **changes), 1)))
    assert client.status().status is Status.OK


@pytest.mark.parametrize("offset", [-10, 10])
def test_ten_seconds_are_in_time(offset: int) -> None:
    """A request may be 10 s old or ahead."""
    assert Bench().session().operate(Operation.UNLOCK, time=TODAY + offset).status is Status.OK


def test_wrong_check_byte() -> None:
    """Noise is ERR."""
    client = Bench().session()
    frame = bytearray(bytes(client.frame(Command.STATUS)))
    frame[11] ^= 1
    assert client.key is not None

    assert is_error(client.write(client.key.seal(header(Kind.SESS, 1, 1), bytes(frame))))


def test_unknown_command() -> None:
    """A command that no lock knows is answered 09 under its own id."""
    (frame,) = Bench().session().request(0x2A)

    assert frame == Frame(0x2A, FrameType.RESPONSE, b"\x09" + bytes(8), TODAY)


def test_version() -> None:
    """The version query needs no right."""
    (frame,) = Bench().session(rights=Right.LOCK).request(Command.VERSION)

    version = Version.from_bytes(frame.value)
    assert (version.protocol, version.firmware, version.model) == (1, "1.0.0", 1)
    assert Capability.OPEN | Capability.KEYPAD in version.capabilities


def test_close() -> None:
    """2F is answered with zeros, then the lock closes the link."""
    bench = Bench()
    client = bench.session()

    (frame,) = client.request(Command.CLOSE)

    assert frame.value == bytes(9)
    assert not client.open


def test_counter_end_closes() -> None:
    """At FF00 the lock answers and closes."""
    bench = Bench()
    client = bench.session()
    bench.role._links.get(client.link).session.sent = 0xFEFE
    assert client.status().status is Status.OK
    assert client.open

    assert client.status().status is Status.OK

    assert not client.open
