"""The client's session against a lock that says anything."""

from collections.abc import Callable

import pytest

from igrs_codec.bsld.frame import (
    Bolt,
    Command,
    Event,
    Frame,
    FrameType,
    LockState,
    Method,
    Operation,
    Record,
    Right,
    Status,
)
from igrs_codec.bsld.keys import session_key
from igrs_codec.bsld.packet import Hello, Kind, header
from igrs_codec.bsld.session import (
    Answered,
    Authenticated,
    ClientSession,
    Closed,
    ErrorHint,
    HelloMemory,
    Moved,
    Recorded,
    SessionEvent,
    Versioned,
)
from igrs_codec.bsld.values import AuthAnswer, StateAnswer, Version
from igrs_codec.errors import (
    FrameError,
    HelloError,
    IgrsError,
    PacketError,
    ProtocolError,
    Reason,
    RefusedError,
)
from tests.codec.parts import ALL, DEVICE, NOW, hello, mint

HELLO = bytes(hello(nonce=0xA0))
RND = b"abcd"
RECORD = Record(number=3, uid=5, method=Method.KEY, event=Event.UNLOCK, detail=0, time=NOW - 5000)


class Peer:
    """Whoever holds K_S on the other side: the lock, or somebody who plays it."""

    def __init__(self) -> None:
        self.session = ClientSession(mint(), HELLO, NOW)
        self.key = session_key(self.session.ticket.k_t, DEVICE, HELLO)
        self.counter = 0

    def seal(
        self,
        command: int,
        value: bytes,
        type_: FrameType = FrameType.RESPONSE,
        *,
        counter: int | None = None,
        time: int = NOW,
        more: bool = False,
        link: int = 1,
    ) -> bytes:
        """Seal a packet; by default the next one."""
        if counter is None:
            self.counter += 1
            counter = self.counter
        head = header(Kind.SESS, link, counter, from_lock=True, flag=more)
        return self.key.seal(head, bytes(Frame(command, type_, value, time)))

    def auth(self, *, tag: int = 7, link: int = 1, command: int = 2, type_: int = 2) -> bytes:
        """Seal an AUTH answer."""
        value = bytes(AuthAnswer(Status.OK, ALL, 5, 0x1001, 1))
        frame = Frame(command, FrameType(type_), value, NOW)
        return self.key.seal(header(Kind.AUTH, link, tag, from_lock=True), bytes(frame))

    def ask(self, command: Command = Command.OPERATE, rnd: bytes = RND) -> None:
        """Let the client ask."""
        self.session.request(command, 1, 0, now=NOW, rnd=rnd)

    def confirm(self) -> None:
        """Let the client ask for the state, and answer."""
        self.ask(Command.STATUS, b"conf")
        self.session.receive(self.seal(Command.STATUS, state(b"conf")), NOW)


@pytest.fixture
def peer() -> Peer:
    """Return a new session and its peer."""
    return Peer()


def state(rnd: bytes = RND, status: Status = Status.OK) -> bytes:
    """Return the Value of a state answer."""
    known = None if status is Status.EXPIRED else LockState(bolt=Bolt.UNLOCKED)
    return bytes(StateAnswer(status, known, 90 if known else 0, 4 if known else 0, rnd))


def refused(peer: Peer, packet: bytes, now: float = NOW) -> Reason:
    """Return why a packet is refused."""
    with pytest.raises(RefusedError) as refusal:
        peer.session.receive(packet, now)
    return refusal.value.reason


def test_answers(peer: Peer) -> None:
    """Everything a lock may say, in order."""
    session = peer.session
    granted = session.receive(peer.auth(), NOW)
    assert isinstance(granted, Authenticated)
    assert (granted.answer.rights, session.confirmed) == (ALL, False)

    peer.ask()
    answer = session.receive(peer.seal(Command.OPERATE, state()), NOW)
    assert isinstance(answer, Answered)
    assert (answer.rnd, answer.time, session.confirmed) == (RND, NOW, True)
    moved = session.receive(peer.seal(Command.STATUS, state(), FrameType.INDICATION), NOW)
    assert isinstance(moved, Moved)
    pushed = RECORD.to_frame(Command.EVENT, FrameType.INDICATION)
    event = session.receive(
        peer.seal(Command.EVENT, pushed.value, FrameType.INDICATION, time=RECORD.time), NOW
    )
    assert event == Recorded(Command.EVENT, RECORD, more=False)
    peer.ask(Command.VERSION)
    version = Version(1, 2, 3, 4, 5, 6, 0)  # type: ignore[arg-type]
    assert session.receive(peer.seal(Command.VERSION, bytes(version)), NOW) == Versioned(version)
    peer.ask(Command.LOG)
    for more in (True, False):
        packet = peer.seal(Command.LOG, pushed.value, time=RECORD.time, more=more)
        assert session.receive(packet, NOW) == Recorded(Command.LOG, RECORD, more)
    peer.ask(Command.CLOSE)
    assert session.receive(peer.seal(Command.CLOSE, bytes(9)), NOW) == Closed()


@pytest.mark.parametrize("status", Status)
def test_every_status_is_an_answer(peer: Peer, status: Status) -> None:
    """A refusal is as authentic as a success; only EXPIRED brings no state."""
    peer.ask()
    answer = peer.session.receive(peer.seal(Command.OPERATE, state(status=status)), NOW)

    assert isinstance(answer, Answered)
    assert (answer.status, answer.state is None) == (status, status is Status.EXPIRED)


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        pytest.param(lambda p: p.auth(tag=8), Reason.BAD_HEADER, id="auth-tag"),
        pytest.param(lambda p: p.auth(link=2), Reason.BAD_HEADER, id="auth-link"),
        pytest.param(lambda p: p.auth(command=3), Reason.WRONG_COMMAND, id="auth-command"),
        pytest.param(lambda p: p.auth(type_=1), Reason.WRONG_TYPE, id="auth-type"),
        pytest.param(lambda _: mint().packet, Reason.BAD_HEADER, id="auth-reflected"),
        pytest.param(lambda p: p.seal(3, state(), link=2), Reason.BAD_HEADER, id="link"),
        pytest.param(lambda p: p.seal(3, state(), counter=0), Reason.REPLAYED, id="counter-0"),
        pytest.param(lambda p: p.seal(3, state(), counter=2), Reason.COUNTER_GAP, id="gap"),
        pytest.param(lambda p: p.seal(3, state(), time=NOW + 16), Reason.WRONG_TIME, id="ahead"),
        pytest.param(lambda p: p.seal(3, state(), time=NOW - 16), Reason.WRONG_TIME, id="behind"),
        pytest.param(lambda p: p.seal(3, state(b"wxyz")), Reason.WRONG_ECHO, id="rnd"),
        pytest.param(lambda p: p.seal(0x20, state()), Reason.NOT_ASKED, id="not-asked"),
        pytest.param(lambda p: p.seal(0x21, bytes(9)), Reason.NOT_ASKED, id="version"),
        pytest.param(lambda p: p.seal(0x22, bytes(9)), Reason.NOT_ASKED, id="log"),
        pytest.param(lambda p: p.seal(0x2F, bytes(9)), Reason.NOT_ASKED, id="close"),
        pytest.param(
            lambda p: p.seal(0x20, state(), FrameType.INDICATION),
            Reason.NOT_CONFIRMED,
            id="movement",
        ),
        pytest.param(
            lambda p: p.seal(0x23, bytes(9), FrameType.INDICATION), Reason.NOT_CONFIRMED, id="event"
        ),
        pytest.param(
            lambda p: p.seal(3, state(), FrameType.REQUEST), Reason.WRONG_COMMAND, id="reflected"
        ),
        pytest.param(lambda p: p.seal(0x2A, bytes(9)), Reason.WRONG_COMMAND, id="unknown"),
        pytest.param(lambda p: p.seal(0x01, bytes(9)), Reason.WRONG_COMMAND, id="administration"),
        pytest.param(lambda _: HELLO, Reason.HELLO_UNEXPECTED, id="hello"),
        pytest.param(lambda _: bytes((0x61, 1)) + bytes(18), Reason.BAD_HEADER, id="admin"),
        pytest.param(lambda _: bytes((0x44, 1)) + bytes(18), Reason.BAD_HEADER, id="to-the-lock"),
    ],
)
def test_refused(peer: Peer, packet: Callable[[Peer], bytes], reason: Reason) -> None:
    """A packet of the right form that must not be believed changes nothing."""
    peer.ask()

    assert refused(peer, packet(peer)) is reason
    peer.counter = 0
    assert isinstance(peer.session.receive(peer.seal(3, state()), NOW), Answered)


def test_before_the_first_state_answer(peer: Peer) -> None:
    """What was asked for is not believed before the session is confirmed."""
    for command in (Command.VERSION, Command.LOG, Command.CLOSE):
        peer.ask(command)
        assert refused(peer, peer.seal(command, bytes(9), counter=1)) is Reason.NOT_CONFIRMED


def test_an_answer_counts_once(peer: Peer) -> None:
    """A second answer to one request, or a second AUTH answer, is refused."""
    peer.ask()
    packet = peer.seal(3, state())
    peer.session.receive(packet, NOW)
    peer.session.receive(peer.auth(), NOW)

    assert refused(peer, packet) is Reason.REPLAYED
    assert refused(peer, peer.seal(3, state())) is Reason.NOT_ASKED
    assert refused(peer, peer.auth()) is Reason.NOT_ASKED


def test_a_repeated_request_has_two_answers(peer: Peer) -> None:
    """Both are understood, and a third is not."""
    peer.ask()
    peer.ask()
    for _ in range(2):
        peer.session.receive(peer.seal(3, state()), NOW)

    assert refused(peer, peer.seal(3, state())) is Reason.NOT_ASKED


def test_movement_of_somebody_else(peer: Peer) -> None:
    """The end of a movement is told only to whom asked for it."""
    peer.confirm()

    packet = peer.seal(0x20, state(), FrameType.INDICATION)
    assert refused(peer, packet) is Reason.WRONG_ECHO


@pytest.mark.parametrize("value", ["000165000000000000", "0b0100000000000000"])
def test_values_without_meaning(peer: Peer, value: str) -> None:
    """An implausible answer is no answer."""
    peer.ask()

    with pytest.raises(FrameError):
        peer.session.receive(peer.seal(3, bytes.fromhex(value)), NOW)


def heard(peer: Peer, packet: bytes) -> SessionEvent | None:
    """Return what the client makes of a packet, nothing if it refuses it."""
    try:
        return peer.session.receive(packet, NOW)
    except IgrsError:
        return None


def test_every_flipped_bit_of_answers(peer: Peer) -> None:
    """One bit off, and an answer is at most the hint that anybody can send."""
    peer.ask()
    for packet in (peer.auth(), peer.seal(3, state(), counter=1)):
        for bit in range(160):
            flipped = (int.from_bytes(packet) ^ 1 << bit).to_bytes(20)
            assert isinstance(heard(peer, flipped), ErrorHint | None)

    assert isinstance(peer.session.receive(peer.auth(), NOW), Authenticated)
    assert isinstance(peer.session.receive(peer.seal(3, state()), NOW), Answered)


def test_error_is_a_hint(peer: Peer) -> None:
    """ERR names the packet, and proves nothing."""
    packet = bytes.fromhex("60000102") + bytes(16)

    assert peer.session.receive(packet, NOW) == ErrorHint(0x0102)
    assert not peer.session.confirmed


def test_lock_time_runs(peer: Peer) -> None:
    """Requests carry the lock's time, not the client's; it never runs backwards."""
    session = ClientSession(mint(), bytes(hello(time=77, clock_set=False)), NOW)

    assert session.lock_time(NOW + 5.9) == 82
    assert session.lock_time(NOW - 5) == 77
    peer.ask()
    late = peer.seal(3, state(), time=NOW + 40)
    assert isinstance(peer.session.receive(late, NOW + 40), Answered)


def test_what_cannot_be_asked(peer: Peer) -> None:
    """Arguments of one byte, four random bytes."""
    with pytest.raises(FrameError):
        peer.session.operate(Operation.LOCK, 256, now=NOW, rnd=RND)
    with pytest.raises(ProtocolError):
        peer.session.operate(Operation.LOCK, 0, now=NOW, rnd=b"")
    with pytest.raises(FrameError):
        peer.session.operate(Operation.LOCK, 0, now=2**33, rnd=RND)
    with pytest.raises(HelloError):
        ClientSession(mint(), bytes(20), NOW)
    with pytest.raises(PacketError):
        peer.session.receive(b"", NOW)


def test_last_counter(peer: Peer) -> None:
    """A session ends before its counter would repeat."""
    peer.session._sent = 0xFFFE
    peer.ask()

    with pytest.raises(ProtocolError):
        peer.ask()


def accepted(memory: HelloMemory, given: Hello, now: float = NOW) -> bool:
    """Return whether a HELLO is taken."""
    try:
        memory.accept(given, now)
    except RefusedError:
        return False
    return True


def test_nonces_are_remembered() -> None:
    """A nonce is refused among the last sixteen, whatever else HELLO says."""
    memory = HelloMemory()
    for nonce in range(17):
        assert accepted(memory, hello(nonce=nonce))

    assert not accepted(memory, hello(nonce=1, time=NOW + 100))
    assert not accepted(memory, hello(nonce=16, link=2))
    assert accepted(memory, hello(nonce=0))


def test_hello_must_be_newer_than_an_operation_on_its_way() -> None:
    """Under the same clock flag, for 30 s; answered operations do not count."""
    memory = HelloMemory()
    memory.sent(b"aaaa", NOW, clock_set=True, now=NOW)
    memory.sent(b"bbbb", NOW + 3, clock_set=True, now=NOW + 3)

    assert not accepted(memory, hello(nonce=1, time=NOW + 3), NOW + 3)
    assert accepted(memory, hello(nonce=2, time=5, clock_set=False), NOW + 3)
    assert accepted(memory, hello(nonce=3, time=NOW + 4), NOW + 4)
    memory.answered(b"bbbb")
    assert not accepted(memory, hello(nonce=4, time=NOW), NOW + 4)
    assert accepted(memory, hello(nonce=5, time=NOW + 1), NOW + 4)
    memory.answered(b"zzzz")
    assert accepted(memory, hello(nonce=6, time=NOW), NOW + 31)


def test_the_answer_to_one_of_two_frames() -> None:
    """A repeated operation is forgotten frame by frame."""
    memory = HelloMemory()
    memory.sent(b"aaaa", NOW, clock_set=True, now=NOW)
    memory.sent(b"aaaa", NOW + 2, clock_set=True, now=NOW + 2)
    memory.answered(b"aaaa")

    assert not accepted(memory, hello(nonce=1, time=NOW + 2), NOW + 3)
    memory.answered(b"aaaa")
    assert accepted(memory, hello(nonce=1, time=NOW), NOW + 3)


def test_rights_survive() -> None:
    """Unknown bits of the rights are kept; receivers ignore them."""
    value = bytes(AuthAnswer(Status.OK, Right(0xFF), 1, 2, 3))

    assert AuthAnswer.from_bytes(value).rights & ALL == ALL
