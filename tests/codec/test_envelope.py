"""The message envelope between RAC, BGW and RAS."""

import json
from typing import Any

from hypothesis import given, strategies as st
import pytest

from igrs_codec.errors import EnvelopeError, KeyMaterialError, UnknownMessageError
from igrs_codec.message.envelope import DeviceType, Envelope, MessageKind, is_mid, ulid

MID = "01JD8Z0000000000000000000E"
EXAMPLE: dict[str, Any] = {
    "v": 1,
    "mid": MID,
    "re": None,
    "seq": 1042,
    "ts": 1795000000,
    "src": "dev:A1B2C3D4E5F6",
    "dst": "user:u-7f3a",
    "via": "gw:g-1",
    "dt": "lock",
    "mi": 3,
    "ack": False,
    "body": {},
}
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
addresses = st.sampled_from(
    ["dev:0A1B2C3D4E5F", "user:u-1", "gw:g-a1", "tpsp:t-9", "ras:n1", "ras:home.example-1"]
)
mids = st.builds(ulid, st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
envelopes = st.builds(
    Envelope,
    mid=mids,
    ts=st.integers(0, 2**53 - 1),
    src=addresses,
    dst=addresses,
    mi=st.sampled_from(MessageKind),
    body=st.dictionaries(st.text(max_size=5), json_values, max_size=3),
    dt=st.sampled_from(DeviceType),
    re=st.none() | mids,
    seq=st.none() | st.integers(0, 2**53 - 1),
    via=st.none() | addresses,
    ack=st.booleans(),
)


@given(envelopes)
def test_round_trip(envelope: Envelope) -> None:
    """A message survives the air, as text and as bytes."""
    text = envelope.to_json()

    assert Envelope.from_json(text) == envelope
    assert Envelope.from_json(text.encode()) == envelope


def test_example() -> None:
    """The example of the RAS API."""
    envelope = Envelope.from_object(EXAMPLE)

    assert (envelope.mi, envelope.dt) == (MessageKind.STATUS, DeviceType.LOCK)
    assert envelope.to_object() == EXAMPLE


def test_what_may_be_missing() -> None:
    """re, seq, via and ack have defaults; unknown members are ignored."""
    short = {key: value for key, value in EXAMPLE.items() if key not in {"re", "seq", "via", "ack"}}

    envelope = Envelope.from_object(short | {"new": 1})
    assert (envelope.re, envelope.seq, envelope.via, envelope.ack) == (None, None, None, False)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("v", 2),
        ("v", True),
        ("v", None),
        ("mid", "01JD8Z000000000000000000"),
        ("mid", MID.lower()),
        ("mid", MID + "\n"),
        ("mid", "81JD8Z0000000000000000000E"),
        ("mid", "01JD8Z000000000000000000IL"),
        ("mid", 5),
        ("re", "x"),
        ("re", 5),
        ("seq", -1),
        ("seq", 1.5),
        ("seq", True),
        ("ts", "1795000000"),
        ("ts", -1),
        ("ts", 2**53),
        ("src", "dev:a1b2c3d4e5f6"),
        ("src", "dev:A1B2C3D4E5F6\n"),
        ("src", ""),
        ("dst", "mail:x"),
        ("dst", None),
        ("dst", "user:u-7F3A"),
        ("via", "gw"),
        ("via", []),
        ("dt", "toaster"),
        ("dt", 16),
        ("dt", ["lock"]),
        ("mi", "3"),
        ("mi", True),
        ("ack", 0),
        ("body", []),
        ("body", None),
        ("body", "{}"),
    ],
)
def test_malformed_member(member: str, value: object) -> None:
    """A malformed member is named by a JSON pointer, and the mid kept for the answer."""
    with pytest.raises(EnvelopeError) as error:
        Envelope.from_object(EXAMPLE | {member: value})

    assert error.value.pointer == f"/{member}"
    assert error.value.mid == (None if member == "mid" else MID)
    assert not isinstance(error.value, UnknownMessageError)


@pytest.mark.parametrize("member", ["v", "mid", "ts", "src", "dst", "dt", "mi", "body"])
def test_missing_member(member: str) -> None:
    """What has no default must be there."""
    with pytest.raises(EnvelopeError) as error:
        Envelope.from_object({key: EXAMPLE[key] for key in EXAMPLE if key != member})

    assert error.value.pointer == f"/{member}"


@pytest.mark.parametrize("number", [0, 11, 255])
def test_unknown_kind(number: int) -> None:
    """A kind that nobody defined has an error of its own: it is answered 4002."""
    with pytest.raises(UnknownMessageError) as error:
        Envelope.from_object(EXAMPLE | {"mi": number})

    assert error.value.mid == MID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        '"x"',
        b"\xff\xfe",
        "[" * 100_000,
        '{"v": NaN}',
        '{"v": Infinity}',
        "9" * 10_000,
        " " * 65537,
        json.dumps(EXAMPLE)[:-1] + ',"pad":"' + "x" * 65536 + '"}',
    ],
    ids=lambda text: repr(text[:8]),
)
def test_not_a_message(text: str | bytes) -> None:
    """What is not JSON, or too long, is refused before anything is read of it."""
    with pytest.raises(EnvelopeError):
        Envelope.from_json(text)


def nested(depth: int) -> dict[str, Any]:
    """Return an object of so many levels."""
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"a": [value]} if depth > 100 else {"a": value}
    return value


def test_depth() -> None:
    """Sixteen levels, the envelope included."""
    Envelope.from_object(EXAMPLE | {"body": nested(15)})

    for depth in (16, 500):
        with pytest.raises(EnvelopeError) as error:
            Envelope.from_object(EXAMPLE | {"body": nested(depth)})
        assert error.value.pointer == "/body"


@given(json_values)
def test_any_json(value: object) -> None:
    """Any JSON value is a message, or refused by name."""
    with pytest.raises(EnvelopeError):
        Envelope.from_object(value)


@given(st.sampled_from(sorted(EXAMPLE)), json_values)
def test_any_member(member: str, value: object) -> None:
    """A message with any value in any member is read or refused by name."""
    try:
        envelope = Envelope.from_object(EXAMPLE | {member: value})
    except EnvelopeError:
        return
    assert Envelope.from_json(envelope.to_json()) == envelope


@pytest.mark.parametrize("body", [{"a": {1}}, {"a": float("nan")}, {"a": b""}])
def test_bodies_that_are_no_json(body: dict[str, Any]) -> None:
    """What cannot be written is refused by name."""
    envelope = Envelope.from_object(EXAMPLE | {"body": body})

    with pytest.raises(EnvelopeError):
        envelope.to_json()


def test_the_body_is_not_shown() -> None:
    """Bodies hold codes and positions: they are not part of what a log shows."""
    assert "secret" not in repr(Envelope.from_object(EXAMPLE | {"body": {"code": "secret"}}))


def test_ulid() -> None:
    """Time first, so that identifiers sort by it; then what is random."""
    first, second = ulid(1, b"\xff" * 10), ulid(2, bytes(10))

    assert ulid(2**48 - 1, b"\xff" * 10) == "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"
    assert ulid(1469918176385, bytes(10))[:10] == "01ARYZ6S41"
    assert first < second
    assert is_mid(first)


@pytest.mark.parametrize(("now_ms", "size"), [(-1, 10), (2**48, 10), (0, 9), (0, 11)])
def test_not_a_ulid(now_ms: int, size: int) -> None:
    """48 bits of time, 80 random bits."""
    with pytest.raises(KeyMaterialError):
        ulid(now_ms, bytes(size))
