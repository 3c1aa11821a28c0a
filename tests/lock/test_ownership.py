"""The ownership table of protocol 10: every state, every event."""

from collections.abc import Callable
from typing import Final

import pytest

from igrs_codec.bsld import admin
from igrs_codec.bsld.frame import Command
from igrs_codec.bsld.keys import public_key
from igrs_codec.bsld.lock_state import Ownership, Pending
from igrs_codec.bsld.packet import prov_packets
from tests.lock.bench import DEVICE, K_D, TODAY, Bench, owned

K_NEXT: Final = bytes(range(1, 17))
RAS_KEY: Final = public_key(bytes(range(32)))

STATES: Final = {
    "UNOWNED": Ownership(),
    "UNOWNED+PENDING": Ownership(pending=Pending(1, K_NEXT)),
    "OWNED": owned(),
    "OWNED+PENDING": owned(pending=Pending(2, K_NEXT)),
}


def prepare(bench: Bench) -> None:
    """Send time, PROV 0, PROV 1 and 11 in one flight, as a registration does."""
    client = bench.client()
    client.set_time(TODAY)
    for packet in prov_packets(RAS_KEY):
        client.write(packet)
    client.prepare(bench.own.gen + 1, x25519=True, time=TODAY + 1)


def raise_epoch(bench: Bench) -> None:
    """Send 12 with a higher epoch."""
    bench.client().admin(Command.EPOCH, admin.raise_epoch(2))


def go_back(bench: Bench) -> None:
    """Send 10 with a time long ago."""
    bench.client().set_time(TODAY - 1000)


def commit(bench: Bench) -> None:
    """Send an administration frame under the pending generation."""
    gen = bench.own.gen + 1
    bench.client().admin(Command.EPOCH, admin.raise_epoch(1), gen=gen, k_d=K_NEXT)


def remove(bench: Bench) -> None:
    """Send 15."""
    bench.client().admin(Command.REMOVE, admin.remove(DEVICE))


def hold_button(bench: Bench) -> None:
    """Hold the inside button."""
    bench.lock.press_button(10)


def lose_records(bench: Bench) -> None:
    """Lose both flash records."""
    bench.medium.erase(0)
    bench.medium.erase(1)
    bench.lock.power_cycle()


TABLE: Final = {
    prepare: ("UNOWNED+PENDING", "UNOWNED+PENDING", "OWNED+PENDING", "OWNED+PENDING"),
    raise_epoch: ("UNOWNED", "UNOWNED+PENDING", "OWNED", "OWNED"),
    go_back: ("UNOWNED", "UNOWNED+PENDING", "OWNED", "OWNED"),
    commit: ("UNOWNED", "OWNED", "OWNED", "OWNED"),
    remove: ("UNOWNED", "UNOWNED+PENDING", "UNOWNED", "UNOWNED"),
    hold_button: ("UNOWNED", "UNOWNED", "UNOWNED", "UNOWNED"),
    lose_records: ("FAULT", "FAULT", "FAULT", "FAULT"),
}


def state_of(bench: Bench) -> str:
    """Return the name of the ownership state."""
    if bench.lock.show()["fault"]:
        return "FAULT"
    name = "OWNED" if bench.own.gen else "UNOWNED"
    return f"{name}+PENDING" if bench.own.pending else name


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [
        pytest.param(before, event, after, id=f"{before}-{event.__name__}")
        for event, row in TABLE.items()
        for before, after in zip(STATES, row, strict=True)
    ],
)
def test_transition(before: str, event: Callable[[Bench], None], after: str) -> None:
    """Each event leads to the state of the table, also after a power loss."""
    bench = Bench(STATES[before])
    if not bench.own.gen:
        bench.lock.press_button(0)
    assert state_of(bench) == before

    event(bench)

    assert state_of(bench) == after
    bench.lock.power_cycle()
    assert state_of(bench) == after


@pytest.mark.parametrize("before", ["UNOWNED+PENDING", "OWNED+PENDING"])
def test_pending_is_replaced(before: str) -> None:
    """11 again replaces the pending generation."""
    bench = Bench(STATES[before])
    bench.lock.press_button(0)

    prepare(bench)

    assert bench.own.pending is not None
    assert bench.own.pending.k_d not in {K_NEXT, K_D}


def test_fault_ends_with_the_button() -> None:
    """FAULT, and inside button 10 s: UNOWNED."""
    bench = Bench()
    lose_records(bench)
    assert bench.lock.connect() is None

    hold_button(bench)

    assert state_of(bench) == "UNOWNED"
