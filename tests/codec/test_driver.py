"""The gateway's side of a link, against the reference lock: requests, answers, and silence."""

from collections.abc import Callable

import pytest

from igrs_codec.bsld.flight import State
from igrs_codec.bsld.frame import Bolt, Command, Event, Operation, Status
from igrs_codec.bsld.packet import Kind, error_packet, parse_header
from igrs_codec.bsld.session import Answered, Authenticated, Moved, Recorded, Versioned
from igrs_codec.driver import Failed, Failure
from igrs_codec.errors import FrameError, PacketError, ProtocolError
from tests.codec.parts import K_F
from tests.codec.world import Gateway, World, dropped, first, one


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


@pytest.mark.parametrize(
    ("begin", "failure"),
    [
        pytest.param(lambda g: g.query(Command.STATUS), (Failure.ERROR, False, True), id="query"),
        pytest.param(
            lambda g: g.operate(Operation.UNLOCK), (Failure.ERROR, True, False), id="operation"
        ),
    ],
)
def test_error_and_silence(
    gateway: Gateway, begin: Callable[[Gateway], object], failure: tuple[Failure, bool, bool]
) -> None:
    """ERR and no answer for 2 s: a query may be tried on a new link; an operation may not.

    Anybody can send ERR, and an operation that he holds back meanwhile would act as well.
    """
    gateway.to_lock = lambda packet: [packet[:-1] + bytes((packet[-1] ^ 1,))]
    begin(gateway)
    assert gateway.events == []

    assert one(gateway.wait(2), Failed) == failure


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
