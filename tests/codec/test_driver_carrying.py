"""The gateway's side of a link that carries packets of the RAS."""

from igrs_codec.bsld import admin
from igrs_codec.bsld.flight import State
from igrs_codec.bsld.frame import Command, Event, Operation, Status
from igrs_codec.bsld.packet import Kind, error_packet
from igrs_codec.bsld.session import Answered, ClientSession, HelloMemory, Recorded
from igrs_codec.driver import Failed, Failure, FlightDone, HelloSeen, NeedTicket, TicketTrouble
from tests.codec.world import Gateway, World, dropped, first, one


def test_relay(world: World) -> None:
    """Packets of the RAS are carried and understood by the RAS alone."""
    gateway = Gateway(world, tickets=False)
    hello = one(gateway.events, HelloSeen).packet
    session = ClientSession(world.ras.ticket(), hello, world.now, HelloMemory())
    packets = (
        session.auth(),
        session.operate(Operation.UNLOCK, 0, now=world.now, rnd=b"abcd"),
    )
    gateway.do(gateway.link.flight(packets, 2, 2, world.now))
    gateway.pump()

    done = one(gateway.events, FlightDone)
    assert done.complete
    results = [session.receive(packet, world.now) for packet in done.notifications]
    assert isinstance(results[1], Answered)
    assert results[1].status is Status.OK
    assert gateway.tracker.shown is None


def test_own_request_after_a_relay(gateway: Gateway, world: World) -> None:
    """A HELLO is good for one session: after a relay the gateway needs a new link."""
    gateway.do(gateway.link.flight((world.ras.ticket().packet,), 1, 2, world.now))
    gateway.pump()

    assert one(gateway.operate(Operation.UNLOCK), Failed) == (Failure.HELLO_SPENT, False, True)


def test_delivery_before_the_request(gateway: Gateway, world: World) -> None:
    """A waiting administration frame goes first; the new HELLO is then the one to use."""
    frame = world.ras.frame(Command.EPOCH, admin.raise_epoch(2))
    world.ras.epoch = 2
    gateway.do(gateway.link.flight((frame,), 2, 2, world.now))
    gateway.pump()

    done = one(gateway.events, FlightDone)
    assert (len(done.notifications), done.hello is not None, done.complete) == (1, True, True)
    events = gateway.operate(Operation.UNLOCK)
    assert one(events, NeedTicket).trouble is TicketTrouble.EPOCH
    assert one(events, Answered).status is Status.OK


def test_incomplete_delivery(gateway: Gateway, world: World) -> None:
    """What came in time is handed back at the end of it."""
    gateway.from_lock = dropped
    frame = world.ras.frame(Command.EPOCH, admin.raise_epoch(2))
    gateway.do(gateway.link.flight((frame,), 2, 2, world.now))
    events = gateway.wait(2)

    assert one(events, FlightDone) == ((), None, False)
    assert gateway.state is State.LINGER


def test_a_late_error_while_carrying(gateway: Gateway, world: World) -> None:
    """An ERR about a packet of before is no answer to a delivery; one about it is."""
    frame = world.ras.frame(Command.CONFIG, admin.config(admin.Parameter.FLAGS, 1, epoch=1))
    gateway.to_lock = dropped
    gateway.do(gateway.link.flight((frame,), 1, 2, world.now))
    gateway.do(gateway.link.feed(error_packet(bytes((0x44, 1, 0, 1))), world.now))
    assert gateway.state is State.CARRYING

    gateway.do(gateway.link.feed(error_packet(frame), world.now))
    assert one(gateway.events, FlightDone).notifications == (error_packet(frame),)


def test_a_used_hello_after_a_delivery(gateway: Gateway, world: World) -> None:
    """The HELLO after a delivery must be new too, and a HELLO at all."""
    old = one(gateway.events, HelloSeen).packet
    gateway.from_lock = first(Kind.HELLO, lambda packet: [old, bytes((packet[0], 0)) + packet[2:]])
    frame = world.ras.frame(Command.EPOCH, admin.raise_epoch(2))
    gateway.do(gateway.link.flight((frame,), 2, 2, world.now))
    gateway.pump()
    gateway.wait(2)

    assert one(gateway.events, FlightDone).hello is None


def test_a_hello_that_nothing_explains(gateway: Gateway, world: World) -> None:
    """A HELLO is taken only after an answer to an own administration frame."""
    gateway.do(gateway.link.flight((world.ras.ticket().packet,), 2, 2, world.now))
    forged = bytes.fromhex("6301010000000000000000000000005a6b000000")
    gateway.do(gateway.link.feed(forged, world.now))
    gateway.wait(2)

    assert one(gateway.events, FlightDone).hello is None


def test_events_of_the_session_during_a_delivery(gateway: Gateway, world: World) -> None:
    """Indications of the own session do not count as answers of a delivery."""
    gateway.query(Command.STATUS)
    world.lock.turn_knob(Operation.UNLOCK)
    gateway.events.clear()
    frame = world.ras.frame(Command.CONFIG, admin.config(admin.Parameter.FLAGS, 1, epoch=1))
    gateway.do(gateway.link.flight((frame,), 1, 2, world.now))
    gateway.pump()

    assert one(gateway.events, Recorded).record.event is Event.UNLOCK
    assert len(one(gateway.events, FlightDone).notifications) == 1
    assert one(gateway.operate(Operation.LOCK), Answered).status is Status.OK


def test_lost_while_carrying(gateway: Gateway, world: World) -> None:
    """What was collected before the link broke is handed back."""
    gateway.link.flight((world.ras.ticket().packet,), 2, 2, world.now)
    step = gateway.link.lost()

    assert [type(event) for event in step.events] == [FlightDone]
