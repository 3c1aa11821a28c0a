"""Tickets, and how long they live."""

import json

from hypothesis import given, strategies as st
import pytest

from igrs_codec.bsld import ticket
from igrs_codec.bsld.frame import Right
from igrs_codec.bsld.keys import admin_key
from igrs_codec.errors import FrameError, TicketError
from tests.codec.parts import ALL, DEVICE, K_D, NOW, mint


@given(st.integers(60, 100 * 86400))
def test_a_lifetime_is_rounded_down(seconds: int) -> None:
    """The longest lifetime that can be said and is not above the wanted one."""
    said = ticket.ttl_seconds(ticket.encode_ttl(seconds))

    possible = [ticket.ttl_seconds(code) for code in range(256)]
    assert said == max(p for p in possible if p <= seconds)


def test_ties_go_to_the_finer_unit() -> None:
    """An hour is 60 minutes, not four quarters."""
    assert ticket.encode_ttl(3600) == 59


@pytest.mark.parametrize("seconds", [59, 0, -1])
def test_too_short(seconds: int) -> None:
    """A ticket lives at least a minute."""
    with pytest.raises(TicketError):
        ticket.encode_ttl(seconds)


@pytest.mark.parametrize("code", [-1, 256])
def test_no_such_lifetime(code: int) -> None:
    """A lifetime code is one byte."""
    with pytest.raises(TicketError):
        ticket.ttl_seconds(code)


def test_json_round_trip() -> None:
    """A ticket survives storage, as the RAS API writes it."""
    held = mint(rights=Right.LOCK | Right.UNLOCK | Right.LOG)
    stored = json.loads(json.dumps(held.to_json()))

    assert stored["rights"] == ["lock", "unlock", "log"]
    assert ticket.Ticket.from_json(DEVICE, stored) == held
    assert (held.tag, held.expires, held.issued) == (7, NOW + 86400, NOW)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("packet", "42"),
        ("packet", "zz"),
        ("packet", None),
        ("packet", "41" + "00" * 19),
        ("packet", "4202" + "00" * 18),
        ("k_t", "00" * 15),
        ("k_t", 5),
        ("gen", 0),
        ("gen", "1"),
        ("gen", True),
        ("gen", 16),
        ("rights", ["fly"]),
        ("rights", [1]),
        ("rights", 11),
        ("expires", None),
        ("epoch", 1.5),
    ],
)
def test_not_a_ticket(key: str, value: object) -> None:
    """A member that cannot be is refused by name."""
    with pytest.raises(TicketError):
        ticket.Ticket.from_json(DEVICE, mint().to_json() | {key: value})


@pytest.mark.parametrize("key", ["gen", "packet", "k_t", "tid", "uid", "rights", "expires"])
def test_missing_member(key: str) -> None:
    """Every member is needed."""
    stored = mint().to_json()
    del stored[key]

    with pytest.raises(TicketError):
        ticket.Ticket.from_json(DEVICE, stored)


def test_secrets_are_not_shown() -> None:
    """Neither packet nor key is part of what a ticket looks like in a log."""
    held = mint()
    minted = ticket.MintedTicket(bytes(16), held.packet, held.k_t, NOW)

    for shown in (repr(held), repr(minted), str(minted)):
        assert held.packet.hex() not in shown
        assert repr(held.packet)[2:-1] not in shown
        assert repr(held.k_t)[2:-1] not in shown


def test_kept_key() -> None:
    """A RAS that keeps the contexts of its keys mints the same tickets with them."""
    once = ticket.mint(K_D, DEVICE, 1, tag=1, uid=2, tid=3, rights=ALL, ttl=0, epoch=1, time=NOW)

    for admin in (None, admin_key(K_D, DEVICE, 1)):
        kept = ticket.Mint(K_D, DEVICE, 1, admin=admin)
        for _ in range(2):
            again = kept.make(tag=1, uid=2, tid=3, rights=ALL, ttl=0, epoch=1, time=NOW)
            assert again == once


@pytest.mark.parametrize(
    ("gen", "uid", "error"),
    [(0, 1, TicketError), (16, 1, TicketError), (1, 2**32, FrameError), (1, -1, FrameError)],
)
def test_what_cannot_be_minted(gen: int, uid: int, error: type[Exception]) -> None:
    """Only for an owned lock, and only what fits."""
    with pytest.raises(error):
        mint(gen=gen, uid=uid)


def test_names_of_rights() -> None:
    """Every right has one name, and unknown bits have none."""
    names = ["lock", "unlock", "open", "log", "hold", "owner"]

    assert ticket.rights_to_names(ALL) == names
    assert ticket.rights_to_names(Right(0xA0)) == []
    assert ticket.rights_from_names(names) == ALL
