"""Gateway and lock with somebody between them who can do anything but break AES.

He drops, repeats, reorders, flips, delays, replays from older connections, opens links of
his own and shows old adverts. Whatever he does: no operation is executed that was not
asked for, none late, twice, or after a newer one; no answer is believed that is not true;
no state is shown that was not true a short time ago, and no older one after a newer one.
"""

from random import Random
from typing import Final

import pytest

from igrs_codec.bsld.driver import BsldLink
from igrs_codec.bsld.flight import State
from igrs_codec.bsld.frame import Bolt, Operation
from igrs_codec.bsld.session import Authenticated, HelloMemory
from igrs_codec.bsld.tracker import Verdict
from igrs_codec.driver import HelloSeen
from tests.codec.adversary import Game, Person, Watched
from tests.codec.world import untouched

SCHEDULES: Final = 120


@pytest.mark.parametrize("block", range(4))
def test_random_schedules(block: int) -> None:
    """Whatever the adversary does, the properties hold; and operations do get through."""
    executed = heard = 0
    for seed in range(block * SCHEDULES // 4, (block + 1) * SCHEDULES // 4):
        game = Game(seed)
        executed += len(game.play().executed)
        heard += len(game.adversary.heard)

    assert executed > 3 * SCHEDULES // 4
    assert heard > 40 * SCHEDULES // 4


def test_held_back_unlock_after_a_confirmed_lock() -> None:
    """An unlock that was swallowed, kept and delivered after a lock is never executed."""
    world = Watched(1)
    person = Person(world)
    kept: list[bytes] = []

    def keep(packet: bytes) -> list[bytes]:
        kept.append(packet)
        return []

    person.to_lock = keep
    person.ask(Operation.UNLOCK)
    first_link = person.number
    person.to_lock = untouched
    world.now += 1
    person.connect()
    person.ask(Operation.LOCK)
    for operation in (Operation.UNLOCK, Operation.LOCK):
        person.ask(operation)
    assert (len(world.executed), world.bolt) == (3, Bolt.LOCKED)
    for packet in kept:
        world.lock.write(first_link, packet)

    assert (len(kept), len(world.executed), world.bolt) == (2, 3, Bolt.LOCKED)


@pytest.mark.parametrize(("seconds", "executed"), [(10, 2), (11, 1)])
def test_delayed_operation(seconds: int, executed: int) -> None:
    """An operation that was held back for more than ten seconds is dead."""
    world = Watched(1)
    person = Person(world)
    person.ask(Operation.UNLOCK)
    kept: list[bytes] = []

    def keep(packet: bytes) -> list[bytes]:
        kept.append(packet)
        return []

    person.to_lock = keep
    person.ask(Operation.LOCK)
    world.advance(seconds)
    world.lock.write(person.number, kept[0])

    assert len(world.executed) == executed


def test_held_back_unlock_in_the_same_second() -> None:
    """A HELLO of the second of an unanswered operation is refused: it proves no order."""
    world = Watched(1)
    person = Person(world)
    kept: list[bytes] = []

    def keep(packet: bytes) -> list[bytes]:
        kept.append(packet)
        return []

    person.to_lock = keep
    person.ask(Operation.UNLOCK)
    first_link = person.number
    person.to_lock = untouched
    person.connect()
    assert not person.open
    world.now += 1
    person.connect()
    person.ask(Operation.LOCK)
    for packet in kept:
        world.lock.write(first_link, packet)

    assert (len(world.executed), world.bolt) == (1, Bolt.LOCKED)


def test_a_fake_lock_with_a_whole_old_session() -> None:
    """A recorded session played back is refused at HELLO, and nothing is believed."""
    world = Watched(1)
    person = Person(world)
    recorded: list[bytes] = []

    def record(packet: bytes) -> list[bytes]:
        recorded.append(packet)
        return [packet]

    person.do(person.link.close())
    person.from_lock = record
    person.connect()
    person.ask(Operation.UNLOCK)
    person.do(person.link.close())
    before = person.tracker.shown
    fake = BsldLink(person.tickets, person.memory, person.tracker, person.rnd)
    fake.start(world.now)
    fake.operate(Operation.LOCK, 0, world.now)
    written = [fake.feed(packet, world.now).writes for packet in recorded]

    assert written == [()] * 3
    assert fake.state is State.CLOSED
    assert person.tracker.shown == before


def test_a_forgotten_hello_with_its_whole_session() -> None:
    """A HELLO older than the memory opens a session, in which nothing is confirmed."""
    world = Watched(1)
    person = Person(world)
    recorded: list[bytes] = []

    def record(packet: bytes) -> list[bytes]:
        recorded.append(packet)
        return [packet]

    person.do(person.link.close())
    person.from_lock = record
    person.connect()
    person.ask(Operation.UNLOCK)
    person.do(person.link.close())
    before = person.tracker.shown
    fake = BsldLink(person.tickets, HelloMemory(), person.tracker, person.rnd)
    fake.start(world.now)
    fake.operate(Operation.UNLOCK, 0, world.now)
    events = [event for packet in recorded for event in fake.feed(packet, world.now).events]

    assert [type(event) for event in events] == [HelloSeen, Authenticated]
    assert (fake.state, person.tracker.shown) == (State.FLIGHT, before)


def test_forged_adverts() -> None:
    """Ten thousand forged adverts change nothing."""
    world = Watched(3)
    person = Person(world)
    random = Random(3)  # noqa: S311 - repeatable tests
    person.tracker.observe(world.lock.service_data(), world.now, clock_confirmed=True)
    before = person.tracker.shown
    for number in range(10_000):
        verdict = person.tracker.observe(
            b"\x11" + random.randbytes(9), world.now + number / 100, clock_confirmed=True
        ).verdict
        assert verdict in {Verdict.REFUSED, Verdict.LIMITED}

    assert person.tracker.shown == before
