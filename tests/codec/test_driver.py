"""The gateway's side of a link, against the reference lock."""

from collections.abc import Callable

import pytest

from igrs_codec.bsld import admin
from igrs_codec.bsld.flight import State
from igrs_codec.bsld.frame import Bolt, Command, Event, Operation, Right, Status
from igrs_codec.bsld.packet import Kind, error_packet, parse_header
from igrs_codec.bsld.session import (
    Answered,
    Authenticated,
    ClientSession,
    HelloMemory,
    Moved,
    Recorded,
    Versioned,
)
from igrs_codec.driver import (
    Event as LinkEvent,
    Failed,
    Failure,
    FlightDone,
    HelloSeen,
    NeedTicket,
    NeedTime,
    ReadInfo,
    TicketTrouble,
)
from igrs_codec.errors import FrameError, PacketError, ProtocolError
from tests.codec.parts import DEVICE, K_F
from tests.codec.world import OWNER, Gateway, Hand, World, dropped, untouched


@pytest.fixture
def world() -> World:
    """Return a registered lock with a set clock."""
    return World()


@pytest.fixture
def gateway(world: World) -> Gateway:
    """Return a gateway with a ticket, on a fresh link."""
    return Gateway(world)


def one[T](events: list[LinkEvent], kind: type[T]) -> T:
    """Return the only event of a kind."""
    found = [event for event in events if isinstance(event, kind)]
    assert len(found) == 1, found
    return found[0]


def first(kind: Kind, then: Hand) -> Hand:
    """Return a hand that touches the first packet of a kind, and no other."""
    done = False

    def hand(packet: bytes) -> list[bytes]:
        nonlocal done
        if done or parse_header(packet).kind is not kind:
            return [packet]
        done = True
        return then(packet)

    return hand


def test_cold_operation(gateway: Gateway, world: World) -> None:
    """HELLO, then ticket and request in one flight: two round trips."""
    events = gateway.operate(Operation.UNLOCK)

    assert [len(flight) for flight in gateway.flights] == [2]
    answer = one(events, Answered)
    assert (answer.status, world.bolt) == (Status.OK, Bolt.UNLOCKED)
    assert gateway.tracker.bolt is Bolt.UNLOCKED
    assert gateway.state is State.LINGER


def test_warm_operation(gateway: Gateway, world: World) -> None:
    """On a link that is kept a request is one packet."""
    gateway.operate(Operation.UNLOCK)
    gateway.flights.clear()
    gateway.operate(Operation.LOCK)

    assert [len(flight) for flight in gateway.flights] == [1]
    assert world.bolt is Bolt.LOCKED


def test_request_before_hello(world: World) -> None:
    """A request may come before HELLO; it waits."""
    gateway = Gateway(world)
    gateway.do(gateway.link.close())
    gateway.connect(subscribe=False)
    assert gateway.operate(Operation.UNLOCK) == []
    world.lock.subscribe(gateway.number, enabled=True)
    gateway.pump()

    assert one(gateway.events, Answered).status is Status.OK


def test_info_instead_of_hello(world: World) -> None:
    """A HELLO that does not come within a second is read from INFO."""
    gateway = Gateway(world)
    gateway.do(gateway.link.close())
    gateway.from_lock = dropped
    gateway.connect()
    events = gateway.wait(1)

    assert one(events, ReadInfo) == ReadInfo()
    assert one(events, HelloSeen).hello.gen == 1
    gateway.from_lock = untouched
    assert one(gateway.operate(Operation.UNLOCK), Answered).status is Status.OK


def test_no_hello(world: World) -> None:
    """Without HELLO and INFO the link is given up, and another try is allowed."""
    gateway = Gateway(world)
    gateway.do(gateway.link.close())
    gateway.connect(subscribe=False)
    events = gateway.wait(2)

    assert one(events, Failed) == (Failure.NO_HELLO, False, True)
    assert not gateway.open


def test_the_same_hello_twice(gateway: Gateway, world: World) -> None:
    """A HELLO that was used is a replay: the link is closed, another one allowed."""
    old = one(gateway.events, HelloSeen).packet
    gateway.do(gateway.link.close())
    gateway.from_lock = lambda _: [old]
    gateway.events.clear()
    gateway.connect()

    assert one(gateway.events, Failed) == (Failure.HELLO_REFUSED, False, True)
    assert world.bolt is Bolt.LOCKED


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


def test_request_lost(gateway: Gateway, world: World) -> None:
    """A request without answer is repeated once, with a new counter and the same rnd."""
    gateway.to_lock = first(Kind.SESS, dropped)
    assert one(gateway.operate(Operation.UNLOCK), Authenticated)
    assert one(gateway.wait(2), Answered).status is Status.OK

    assert world.bolt is Bolt.UNLOCKED
    counters = [parse_header(flight[-1]).number for flight in gateway.flights]
    assert counters == [1, 2]


def test_late_answer(gateway: Gateway, world: World) -> None:
    """Both answers to a repeated request are understood; it is executed once."""
    held: list[bytes] = []

    def hold(packet: bytes) -> list[bytes]:
        held.append(packet)
        return []

    gateway.from_lock = first(Kind.SESS, hold)
    gateway.operate(Operation.UNLOCK)
    gateway.from_lock = first(Kind.SESS, lambda packet: [held.pop(), packet])
    events = gateway.wait(2)

    assert one(events, Answered).status is Status.OK
    assert gateway.tracker.shown is not None
    assert gateway.tracker.shown.counter == world.lock.show()["events"]
    assert one(gateway.operate(Operation.LOCK), Answered).status is Status.OK


def test_answer_lost(gateway: Gateway, world: World) -> None:
    """A gap in the answers closes the link, and the bolt is unknown until something true."""
    gateway.from_lock = first(Kind.SESS, dropped)
    gateway.operate(Operation.UNLOCK)
    events = gateway.wait(2)

    assert one(events, Failed) == (Failure.GAP, True, False)
    assert (gateway.tracker.bolt, world.bolt) == (Bolt.UNKNOWN, Bolt.UNLOCKED)
    gateway.tracker.observe(world.lock.service_data(), world.now, clock_confirmed=True)
    assert gateway.tracker.bolt is Bolt.UNLOCKED


def test_silence(gateway: Gateway, world: World) -> None:
    """After two silences the request failed; it is not sent a third time."""
    gateway.to_lock = dropped
    gateway.operate(Operation.UNLOCK)
    assert gateway.wait(3.5) == []

    assert one(gateway.wait(1), Failed) == (Failure.NO_ANSWER, True, False)
    assert [len(flight) for flight in gateway.flights] == [2, 1]
    assert (world.bolt, gateway.tracker.bolt) == (Bolt.LOCKED, Bolt.UNKNOWN)


def test_forged_error_packets_stop_nothing(gateway: Gateway, world: World) -> None:
    """ERR is a hint: the authentic answer that follows counts."""
    gateway.from_lock = lambda packet: [error_packet(b""), packet]

    assert one(gateway.operate(Operation.UNLOCK), Answered).status is Status.OK
    assert world.bolt is Bolt.UNLOCKED


def test_error_and_silence(gateway: Gateway) -> None:
    """ERR and no answer for 2 s: reconnecting once is allowed."""
    gateway.to_lock = lambda packet: [packet[:-1] + bytes((packet[-1] ^ 1,))]
    gateway.operate(Operation.UNLOCK)
    assert gateway.events == []

    assert one(gateway.wait(2), Failed) == (Failure.ERROR, True, True)


def test_log(gateway: Gateway, world: World) -> None:
    """The log comes record by record; a new session asks for the state first."""
    world.lock.turn_knob(Operation.UNLOCK)
    events = gateway.query(Command.LOG, 0)

    records = [event for event in events if isinstance(event, Recorded)]
    assert one(events, Answered).command is Command.STATUS
    assert [event.more for event in records] == [True] * (len(records) - 1) + [False]
    assert records[-1].record.event is Event.UNLOCK
    assert [len(flight) for flight in gateway.flights] == [3]
    assert gateway.state is State.LINGER


def test_slow_log(gateway: Gateway, world: World) -> None:
    """Each record gives the next one two more seconds."""
    gateway.query(Command.STATUS)
    link, inbox = gateway.link, world.inbox[gateway.number]
    world.lock.turn_knob(Operation.UNLOCK)
    gateway.pump()
    gateway.do(link.query(Command.LOG, 0, world.now))
    while inbox:
        world.now += 1.9
        gateway.do(link.feed(inbox.popleft(), world.now))
        gateway.do(link.tick(world.now))

    assert gateway.state is State.LINGER


def test_version(gateway: Gateway) -> None:
    """The version is asked for once the session is confirmed."""
    events = gateway.query(Command.VERSION)

    assert one(events, Versioned).version.firmware == "1.0.0"


def test_status(gateway: Gateway) -> None:
    """A status query is one request."""
    assert one(gateway.query(Command.STATUS), Answered).battery == 100
    assert [len(flight) for flight in gateway.flights] == [2]


def test_linger(gateway: Gateway) -> None:
    """After 15 s without a request the link closes, and nothing has failed."""
    gateway.operate(Operation.UNLOCK)
    assert gateway.wait(14.5) == []
    assert gateway.open

    assert gateway.wait(1) == []
    assert not gateway.open
    assert gateway.tracker.bolt is Bolt.UNLOCKED


def test_slow_motor() -> None:
    """A slow motor answers at once and tells the end later."""
    world = World(motor_seconds=3)
    gateway = Gateway(world)
    answer = one(gateway.operate(Operation.UNLOCK), Answered)
    assert answer.state is not None
    assert (answer.state.bolt, gateway.tracker.bolt) == (Bolt.UNLOCKING, Bolt.UNLOCKING)

    moved = one(gateway.wait(4), Moved)
    assert moved.state is not None
    assert (moved.state.bolt, gateway.tracker.bolt) == (Bolt.UNLOCKED, Bolt.UNLOCKED)


def test_busy() -> None:
    """While the bolt moves another operation is answered, not executed."""
    gateway = Gateway(World(motor_seconds=3))
    gateway.operate(Operation.UNLOCK)

    assert one(gateway.operate(Operation.LOCK), Answered).status is Status.BUSY


def test_pushed_records(gateway: Gateway, world: World) -> None:
    """What happens at the door is pushed to a session that has asked for something."""
    gateway.query(Command.STATUS)
    gateway.events.clear()
    world.lock.turn_knob(Operation.UNLOCK)
    gateway.pump()

    recorded = one(gateway.events, Recorded)
    assert (recorded.command, recorded.record.event) == (Command.EVENT, Event.UNLOCK)


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


def test_a_hello_that_is_none(world: World) -> None:
    """What only looks like a HELLO is waited over."""
    gateway = Gateway(world)
    gateway.do(gateway.link.close())
    gateway.from_lock = first(
        Kind.HELLO, lambda packet: [bytes((packet[0], 0)) + packet[2:], packet]
    )
    gateway.connect()

    assert one(gateway.operate(Operation.UNLOCK), Answered).status is Status.OK


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


@pytest.mark.parametrize(
    ("begin", "failure"),
    [
        pytest.param(lambda _: None, None, id="idle"),
        pytest.param(
            lambda g: g.link.query(Command.STATUS, 0, g.world.now),
            (Failure.LINK_LOST, False, True),
            id="query",
        ),
        pytest.param(
            lambda g: g.link.operate(Operation.UNLOCK, 0, g.world.now),
            (Failure.LINK_LOST, True, False),
            id="operation",
        ),
    ],
)
def test_lost_link(
    gateway: Gateway,
    begin: Callable[[Gateway], object],
    failure: tuple[Failure, bool, bool] | None,
) -> None:
    """A link that breaks ends a request; an operation on its way is not tried again."""
    begin(gateway)
    step = gateway.link.lost()

    assert step.close
    assert list(step.events) == ([] if failure is None else [failure])
    assert gateway.tracker.in_doubt is (failure is not None and failure[1])


def test_lost_while_carrying(gateway: Gateway, world: World) -> None:
    """What was collected before the link broke is handed back."""
    gateway.link.flight((world.ras.ticket().packet,), 2, 2, world.now)
    step = gateway.link.lost()

    assert [type(event) for event in step.events] == [FlightDone]


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda g: g.link.go_on(g.world.now), id="nothing-waits"),
        pytest.param(lambda g: g.link.query(Command.OPERATE, 0, g.world.now), id="no-query"),
        pytest.param(
            lambda g: [g.link.query(Command.STATUS, 0, g.world.now) for _ in range(2)], id="two"
        ),
        pytest.param(
            lambda g: [g.link.query(Command.STATUS, 0, g.world.now), g.link.flight((), 0, 1, 0)],
            id="flight-during-request",
        ),
        pytest.param(
            lambda g: [g.link.close(), g.link.query(Command.STATUS, 0, g.world.now)], id="closed"
        ),
    ],
)
def test_out_of_order(gateway: Gateway, call: Callable[[Gateway], object]) -> None:
    """One thing at a time, and only what the state allows."""
    with pytest.raises(ProtocolError):
        call(gateway)


def test_arguments_that_do_not_fit(gateway: Gateway, world: World) -> None:
    """A refused call changes nothing."""
    with pytest.raises(FrameError):
        gateway.link.operate(Operation.UNLOCK, 256, world.now)
    with pytest.raises(FrameError):
        gateway.link.query(Command.LOG, 65536, world.now)
    with pytest.raises(PacketError):
        gateway.link.flight((b"short",), 1, 2, world.now)

    assert one(gateway.operate(Operation.UNLOCK), Answered).status is Status.OK


def test_noise(gateway: Gateway, world: World) -> None:
    """Packets of any length and content change nothing."""
    for size in range(25):
        for _ in range(20):
            step = gateway.link.feed(world.random.randbytes(size), world.now)
            assert step == ((), (), False)


def test_the_label_key_is_not_needed(world: World) -> None:
    """Nothing that a gateway keeps contains a key of the device."""
    gateway = Gateway(world)
    gateway.operate(Operation.UNLOCK)
    held = repr(gateway.tickets) + repr(gateway.events)

    assert K_F.hex() not in held
    assert gateway.tickets[1].k_t.hex() not in held
