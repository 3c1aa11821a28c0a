"""The gateway's side of a link: what it asks the RAS for, a ticket or the time."""

import pytest

from igrs_codec.bsld import admin
from igrs_codec.bsld.flight import State
from igrs_codec.bsld.frame import Bolt, Command, Operation, Right, Status
from igrs_codec.bsld.packet import Kind
from igrs_codec.bsld.session import Answered
from igrs_codec.driver import (
    Failed,
    Failure,
    FlightDone,
    HelloSeen,
    NeedTicket,
    NeedTime,
    TicketTrouble,
)
from tests.codec.parts import DEVICE
from tests.codec.world import OWNER, Gateway, World, dropped, first, one


def test_clock_unset(gateway: Gateway, world: World) -> None:
    """The RAS sets the clock first; the request follows under the new HELLO."""
    gateway.do(gateway.link.close())
    world.lock.power_cycle()
    gateway.connect()
    events = gateway.operate(Operation.UNLOCK)

    assert one(events, NeedTime).urgent
    assert one(events, FlightDone).complete
    assert one(events, HelloSeen).hello.clock_set
    assert one(events, Answered).status is Status.OK
    assert [len(flight) for flight in gateway.flights[-2:]] == [1, 2]


@pytest.mark.parametrize(
    ("operation", "status"), [(Operation.UNLOCK, Status.CLOCK_UNSET), (Operation.LOCK, Status.OK)]
)
def test_clock_unset_and_no_server(
    gateway: Gateway, world: World, operation: Operation, status: Status
) -> None:
    """Without a server the lock itself says what it allows without a clock."""
    gateway.do(gateway.link.close())
    world.lock.power_cycle()
    gateway.connect()
    gateway.help = False

    assert one(gateway.operate(operation), Answered).status is status


def test_clock_unset_and_slow_server(gateway: Gateway, world: World) -> None:
    """A time frame under way is given up when the caller cannot wait for the server any more."""
    gateway.do(gateway.link.close())
    world.lock.power_cycle()
    gateway.connect()
    gateway.to_lock = first(Kind.ADMIN, dropped)
    events = gateway.operate(Operation.LOCK)

    assert not one(events, FlightDone).complete
    assert one(events, Answered).status is Status.OK


def test_clock_unset_and_no_rights_left(world: World) -> None:
    """A ticket that opens nothing without a clock ends at the AUTH answer."""
    gateway = Gateway(world)
    gateway.do(gateway.link.close())
    gateway.tickets[1] = world.ras.ticket(rights=Right.UNLOCK)
    world.lock.power_cycle()
    gateway.connect()
    gateway.help = False

    assert one(gateway.operate(Operation.UNLOCK), Failed).reason is Failure.CLOCK_UNSET


def test_no_ticket(world: World) -> None:
    """A missing ticket is asked for, with the HELLO it is for."""
    gateway = Gateway(world, tickets=False)
    packet = one(gateway.events, HelloSeen).packet
    events = gateway.operate(Operation.UNLOCK)

    assert one(events, NeedTicket) == (1, packet, TicketTrouble.ABSENT)
    assert one(events, Answered).status is Status.OK


def test_no_ticket_and_no_server(world: World) -> None:
    """Without a server nothing is written, and the failure says why."""
    gateway = Gateway(world, tickets=False)
    gateway.help = False

    assert one(gateway.operate(Operation.UNLOCK), Failed) == (Failure.NO_TICKET, False, False)
    assert gateway.flights == []


def test_a_ticket_that_ended(gateway: Gateway, world: World) -> None:
    """An expired ticket is not even tried."""
    gateway.tickets[1] = world.ras.ticket(seconds=60)
    world.advance(70)
    gateway.connect()
    events = gateway.operate(Operation.UNLOCK)

    assert one(events, NeedTicket).trouble is TicketTrouble.EXPIRED
    assert one(events, Answered).status is Status.OK


def test_a_ticket_that_ends_on_the_link(gateway: Gateway, world: World) -> None:
    """A session whose ticket ended cannot serve again: a new link is needed."""
    gateway.do(gateway.link.close())
    gateway.tickets[1] = world.ras.ticket(seconds=60)
    gateway.connect()
    for _ in range(6):
        gateway.operate(Operation.LOCK)
        gateway.wait(10)

    assert one(gateway.operate(Operation.UNLOCK), Failed) == (Failure.HELLO_SPENT, False, True)
    assert world.bolt is Bolt.LOCKED


def test_epoch_raised(gateway: Gateway, world: World) -> None:
    """A ticket of an older epoch is replaced once, under the same HELLO."""
    gateway.do(gateway.link.close())
    world.administer(Command.EPOCH, admin.raise_epoch(2))
    world.ras.epoch = 2
    gateway.connect()
    events = gateway.operate(Operation.UNLOCK)

    assert one(events, NeedTicket).trouble is TicketTrouble.EPOCH
    assert one(events, Answered).status is Status.OK
    assert [len(flight) for flight in gateway.flights] == [2, 2]
    assert gateway.tickets[1].epoch == 2


def test_epoch_still_wrong(gateway: Gateway, world: World) -> None:
    """A second refusal is final."""
    gateway.do(gateway.link.close())
    world.administer(Command.EPOCH, admin.raise_epoch(2))
    gateway.connect()

    assert one(gateway.operate(Operation.UNLOCK), Failed).reason is Failure.TICKET_REFUSED


def test_deleted_user(gateway: Gateway, world: World) -> None:
    """A user that the lock does not know is denied, and keeps his ticket."""
    gateway.do(gateway.link.close())
    world.administer(Command.WRITE_USER, admin.delete_user(OWNER, epoch=1))
    gateway.connect()
    ticket = gateway.tickets[1]

    assert one(gateway.operate(Operation.UNLOCK), Failed).reason is Failure.DENIED
    assert gateway.tickets == {1: ticket}


def test_missing_right(gateway: Gateway, world: World) -> None:
    """Inside a session a missing right is an answer, not a failure."""
    gateway.tickets[1] = world.ras.ticket(rights=Right.LOCK)

    assert one(gateway.operate(Operation.UNLOCK), Answered).status is Status.DENIED
    assert gateway.state is State.LINGER


def test_removed_lock(gateway: Gateway, world: World) -> None:
    """A lock that is nobody's any more takes no request."""
    gateway.do(gateway.link.close())
    world.administer(Command.REMOVE, admin.remove(DEVICE))
    gateway.connect()

    assert one(gateway.operate(Operation.UNLOCK), Failed).reason is Failure.UNOWNED


def set_wrong(world: World, seconds: float) -> None:
    """Set the lock's clock so many seconds ahead."""
    link, hello = world.open()
    world.now += seconds
    frame = world.ras.set_time(hello)
    world.now -= seconds
    world.lock.write(link, frame)
    world.lock.disconnect(link)


def test_wrong_clock(gateway: Gateway, world: World) -> None:
    """A clock that is off is reported after the operation, not before; once per link."""
    gateway.do(gateway.link.close())
    set_wrong(world, 40)
    gateway.connect()
    gateway.help = False
    events = gateway.operate(Operation.UNLOCK)

    assert [type(event) for event in events[-2:]] == [Answered, NeedTime]
    assert not one(events, NeedTime).urgent
    assert not any(isinstance(e, NeedTime) for e in gateway.operate(Operation.LOCK))


def test_wrong_clock_is_set_on_the_link(gateway: Gateway, world: World) -> None:
    """After the time frame a new HELLO follows, and the link goes on under it."""
    gateway.do(gateway.link.close())
    set_wrong(world, 40)
    gateway.connect()
    events = gateway.operate(Operation.UNLOCK)

    assert one(events, FlightDone).complete
    assert abs(one(events, HelloSeen).hello.time - world.now) <= 1
    gateway.flights.clear()
    assert one(gateway.operate(Operation.LOCK), Answered).status is Status.OK
    assert [len(flight) for flight in gateway.flights] == [2]
