"""The gateway's side of a link: which HELLO counts."""

from igrs_codec.bsld.frame import Bolt, Operation, Status
from igrs_codec.bsld.packet import Kind
from igrs_codec.bsld.session import Answered
from igrs_codec.driver import Failed, Failure, HelloSeen, ReadInfo
from tests.codec.world import Gateway, World, dropped, first, one, untouched


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


def test_a_hello_that_is_none(world: World) -> None:
    """What only looks like a HELLO is waited over."""
    gateway = Gateway(world)
    gateway.do(gateway.link.close())
    gateway.from_lock = first(
        Kind.HELLO, lambda packet: [bytes((packet[0], 0)) + packet[2:], packet]
    )
    gateway.connect()

    assert one(gateway.operate(Operation.UNLOCK), Answered).status is Status.OK
