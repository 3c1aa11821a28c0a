"""SESS at the lock: the rows of protocol 13, and what the requests answer."""

from typing import Any

import pytest

from igrs_codec.bsld import ticket
from igrs_codec.bsld.frame import (
    ALL_RIGHTS,
    Bolt,
    Capability,
    Command,
    Event,
    Frame,
    FrameType,
    Method,
    Operation,
    Record,
    Right,
    Status,
)
from igrs_codec.bsld.packet import Kind, header, parse_header
from igrs_codec.bsld.values import Version
from tests.lock.bench import TODAY, UID, Bench, Client, is_error

LOCK, UNLOCK, OPEN = Operation


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(0x04, 1, id="version 0"),
        pytest.param(0x84, 1, id="version 2"),
        pytest.param(0x64, 1, id="from a lock"),
        pytest.param(0x54, 1, id="more"),
        pytest.param(0x40, 1, id="kind ERR"),
        pytest.param(0x43, 1, id="kind HELLO"),
        pytest.param(0x46, 1, id="no kind"),
        pytest.param(0x44, 2, id="another link"),
        pytest.param(0x44, 0, id="link 0"),
    ],
)
def test_bad_header(first: int, second: int) -> None:
    """What is not for this link of a lock is ERR with bytes 2 and 3 of the packet."""
    client = Bench().session()
    right = client.sealed(client.frame(Command.STATUS), 1)

    packets = client.write(bytes((first, second)) + right[2:])

    assert packets == [b"\x60\x00\x00\x01" + bytes(16)]
    assert len(client.read(client.write(right))) == 1


@pytest.mark.parametrize("size", [0, 3, 19, 21])
def test_wrong_size(size: int) -> None:
    """A packet has 20 bytes; a short one is answered with number 0."""
    client = Bench().session()

    packets = client.write(b"\x44\x01\x00\x01".ljust(size, b"\0")[:size])

    assert packets == [b"\x60\x00" + (b"\0\1" if size > 3 else b"\0\0") + bytes(16)]


def test_no_session() -> None:
    """Without a session there is nothing to answer."""
    bench = Bench()
    client = bench.session()
    packet = client.sealed(client.frame(Command.STATUS), 1)
    client.renew()

    assert is_error(client.write(packet))


@pytest.mark.parametrize(
    ("counter", "accepted"),
    [(0, False), (3, False), (4, True), (19, True), (20, False), (0xFFFF, False)],
)
def test_counter_window(counter: int, accepted: bool) -> None:  # noqa: FBT001
    """The counter may skip 15 numbers, never repeat or go back."""
    client = Bench().session()
    client.counter = 2
    assert client.status().status is Status.OK

    packets = client.write(client.sealed(client.frame(Command.STATUS), counter))

    assert is_error(packets) is not accepted


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"type": FrameType.RESPONSE}, id="a response"),
        pytest.param({"type": FrameType.INDICATION}, id="an indication"),
        pytest.param({"time": TODAY + 11}, id="11 s ahead"),
        pytest.param({"time": TODAY - 11}, id="11 s old"),
        pytest.param({"echo": b"abc"}, id="echo"),
    ],
)
def test_bad_request(changes: dict[str, Any]) -> None:
    """A refused frame does not use up its counter."""
    client = Bench().session()

    assert is_error(client.write(client.sealed(client.frame(Command.STATUS, **changes), 1)))
    assert client.status().status is Status.OK


@pytest.mark.parametrize("offset", [-10, 10])
def test_ten_seconds_are_in_time(offset: int) -> None:
    """A request may be 10 s old or ahead."""
    assert Bench().session().operate(UNLOCK, time=TODAY + offset).status is Status.OK


def test_wrong_check_byte() -> None:
    """Noise is ERR."""
    client = Bench().session()
    frame = bytearray(bytes(client.frame(Command.STATUS)))
    frame[11] ^= 1
    assert client.key is not None

    assert is_error(client.write(client.key.seal(header(Kind.SESS, 1, 1), bytes(frame))))


def test_unknown_command() -> None:
    """A command that no lock knows is answered 09 under its own id."""
    (frame,) = Bench().session().request(0x2A)

    assert frame == Frame(0x2A, FrameType.RESPONSE, b"\x09" + bytes(8), TODAY)


def test_version() -> None:
    """The version query needs no right."""
    (frame,) = Bench().session(rights=Right.LOCK).request(Command.VERSION)

    version = Version.from_bytes(frame.value)
    assert (version.protocol, version.firmware, version.model) == (1, "1.0.0", 1)
    assert Capability.OPEN | Capability.KEYPAD in version.capabilities


def test_close() -> None:
    """2F is answered with zeros, then the lock closes the link."""
    bench = Bench()
    client = bench.session()

    (frame,) = client.request(Command.CLOSE)

    assert frame.value == bytes(9)
    assert not client.open


class TestOperate:
    """The rows of command 03."""

    def test_unlock_and_lock(self) -> None:
        """The answer shows the new state and the number of its record."""
        bench = Bench(battery=77)
        client = bench.session()
        before = bench.counter

        unlocked = client.operate(UNLOCK, rnd=b"1234")
        locked = client.operate(LOCK, rnd=b"5678")

        assert unlocked.state is not None
        assert (unlocked.status, unlocked.state.bolt) == (Status.OK, Bolt.UNLOCKED)
        assert (unlocked.battery, unlocked.counter) == (77, before + 1)
        assert locked.state is not None
        assert (locked.state.bolt, locked.counter) == (Bolt.LOCKED, before + 2)
        assert bench.records[-1] == Record(
            number=before + 2,
            uid=UID,
            method=Method.GATEWAY,
            event=Event.LOCK,
            detail=0,
            time=TODAY,
        )

    @pytest.mark.parametrize("a", [3, 0xFF])
    def test_no_such_operation(self, a: int) -> None:
        """Operations are 0 to 2."""
        assert Bench().session().operate(a).status is Status.BAD_ARGUMENT

    def test_no_latch(self) -> None:
        """A lock that cannot unlatch says so, before anything else is looked at."""
        bench = Bench(capabilities=Capability.KEYPAD)

        assert bench.session(rights=Right.LOCK).operate(OPEN).status is Status.BAD_ARGUMENT

    def test_open(self) -> None:
        """Open pulls the latch."""
        answer = Bench().session().operate(OPEN)

        assert answer.state is not None
        assert answer.state.bolt is Bolt.OPEN

    @pytest.mark.parametrize(
        ("rights", "operation", "relock"),
        [
            (Right.UNLOCK, LOCK, 0),
            (Right.LOCK, UNLOCK, 0),
            (Right.LOCK | Right.UNLOCK, OPEN, 0),
            (Right.LOCK | Right.UNLOCK, UNLOCK, 1),
        ],
    )
    def test_right_missing(self, rights: Right, operation: Operation, relock: int) -> None:
        """Each operation has its right, and setting auto-relock another one."""
        bench = Bench()
        before = bench.counter

        answer = bench.session(rights=rights).operate(operation, relock)

        assert answer.status is Status.DENIED
        assert answer.state is not None
        assert bench.counter == before

    @pytest.mark.parametrize(
        ("operation", "relock", "rights", "status"),
        [
            (UNLOCK, 0, ALL_RIGHTS, Status.CLOCK_UNSET),
            (LOCK, 0, ALL_RIGHTS, Status.OK),
            (LOCK, 2, ALL_RIGHTS, Status.CLOCK_UNSET),
            (UNLOCK, 0, Right.LOCK, Status.DENIED),
        ],
    )
    def test_clock_unset(
        self, operation: Operation, relock: int, rights: Right, status: Status
    ) -> None:
        """06 says that only the clock is in the way, 02 that the right was never there."""
        client = Bench(clock_set=False).client()
        client.auth(time=TODAY, rights=rights)

        assert client.operate(operation, relock).status is status

    def test_ticket_ends_within_the_session(self) -> None:
        """Then 03, 20 and 22 carry nothing any more; 21 and 2F are still answered."""
        bench = Bench()
        client = bench.session(ttl=ticket.encode_ttl(60))
        assert client.operate(UNLOCK).status is Status.OK
        bench.wait(60)
        assert client.operate(LOCK, rnd=b"last").status is Status.OK
        bench.wait(1)

        for answer in (client.operate(UNLOCK), client.operate(LOCK, rnd=b"last"), client.status()):
            assert (answer.status, answer.state) == (Status.EXPIRED, None)
            assert (answer.battery, answer.counter) == (0, 0)
        (log,) = client.request(Command.LOG)
        assert Record.from_frame(log) == no_record(Status.EXPIRED, bench.now)
        assert client.request(Command.VERSION)
        assert client.request(Command.CLOSE)
        assert bench.bolt() is Bolt.LOCKED

    def test_repeat_is_answered_not_executed(self) -> None:
        """The same a, b and rnd as the last executed one: the present state, no record."""
        bench = Bench()
        client = bench.session()
        first = client.operate(UNLOCK, rnd=b"same")
        bench.lock.turn_knob(LOCK)
        client.take()

        again = client.operate(UNLOCK, rnd=b"same")

        assert again.state is not None
        assert (again.status, again.state.bolt) == (Status.OK, Bolt.LOCKED)
        assert again.counter == first.counter + 1

    @pytest.mark.parametrize(
        ("operation", "relock", "rnd"),
        [(LOCK, 0, b"same"), (UNLOCK, 1, b"same"), (UNLOCK, 0, b"next")],
    )
    def test_what_differs_is_executed(self, operation: Operation, relock: int, rnd: bytes) -> None:
        """Any difference makes it a new operation."""
        bench = Bench()
        client = bench.session()
        client.operate(UNLOCK, rnd=b"same")
        before = bench.counter

        client.operate(operation, relock, rnd=rnd)

        assert bench.counter == before + 1

    def test_overtaken(self) -> None:
        """An operation older than the last executed one of any session is refused."""
        bench = Bench()
        late, quick = bench.session(), bench.session()
        held_back = late.sealed(late.frame(Command.OPERATE, UNLOCK, rnd=b"late"), 1)
        bench.wait(1)
        assert quick.operate(LOCK).status is Status.OK

        (frame,) = late.read(late.write(held_back))

        assert frame.value == bytes((Status.EXPIRED, 0, 0, 0, 0)) + b"late"
        assert bench.bolt() is Bolt.LOCKED

    def test_mark_ends_with_the_clock(self) -> None:
        """Setting the clock, and a boot, begin a new order of operations."""
        bench = Bench()
        client = bench.session()
        bench.wait(10)
        assert client.operate(UNLOCK).status is Status.OK
        client.set_time(TODAY + 5)
        assert client.auth().status is Status.OK

        assert client.operate(LOCK, time=TODAY).status is Status.OK

    def test_jam(self) -> None:
        """A jam is a status, a state and a record; the next try may go well."""
        bench = Bench()
        client = bench.session()
        bench.lock.jam_next()

        jammed = client.operate(UNLOCK, rnd=b"jams")

        assert jammed.state is not None
        assert (jammed.status, jammed.state.bolt) == (Status.JAMMED, Bolt.JAMMED)
        assert bench.events[-1] == ("JAM", "GATEWAY")
        assert client.operate(UNLOCK, rnd=b"jams").status is Status.JAMMED
        assert client.status().status is Status.JAMMED
        assert client.operate(UNLOCK, rnd=b"goes").status is Status.OK


class TestSlowMotor:
    """A bolt that takes its time."""

    def test_answer_then_indication(self) -> None:
        """The answer comes at once; the final state follows with the rnd of the request."""
        bench = Bench(motor_seconds=2)
        client = bench.session()
        before = bench.counter

        answer = client.operate(UNLOCK, rnd=b"slow")
        bench.wait(1)
        assert client.take() == []
        bench.wait(1)

        assert answer.state is not None
        assert (answer.state.bolt, answer.counter) == (Bolt.UNLOCKING, before)
        (frame,) = client.read()
        assert (frame.command, frame.type) == (Command.STATUS, FrameType.INDICATION)
        assert frame.value == bytes((0, 0x0A, 100, *(before + 1).to_bytes(2))) + b"slow"

    def test_busy_while_it_moves(self) -> None:
        """Another operation has to wait; a repeat is answered with the present state."""
        bench = Bench(motor_seconds=3)
        client, other = bench.session(), bench.session()
        client.operate(LOCK, rnd=b"slow")

        busy = other.operate(UNLOCK)

        assert busy.state is not None
        assert (busy.status, busy.state.bolt) == (Status.BUSY, Bolt.LOCKING)
        assert client.operate(LOCK, rnd=b"slow").status is Status.OK
        assert other.status().status is Status.OK

    def test_late_jam(self) -> None:
        """A jam at the end of the movement is told by the indication."""
        bench = Bench(motor_seconds=1)
        client = bench.session()
        bench.lock.jam_next()
        assert client.operate(UNLOCK).status is Status.OK

        bench.wait(1)

        (frame,) = client.read()
        assert frame.value[:2] == bytes((Status.JAMMED, 0x0B))

    def test_nobody_to_tell(self) -> None:
        """The movement ends also if the session that wanted it is gone."""
        bench = Bench(motor_seconds=1)
        client = bench.session()
        client.operate(UNLOCK)
        client.disconnect()

        bench.wait(1)

        assert bench.bolt() is Bolt.UNLOCKED
        assert bench.events[-1] == ("UNLOCK", "GATEWAY")

    def test_new_session_on_the_link_is_not_told(self) -> None:
        """An indication belongs to the session that asked."""
        bench = Bench(motor_seconds=1)
        client = bench.session()
        client.operate(UNLOCK)
        client.renew()
        client.auth()

        bench.wait(1)

        assert client.take() == []


class TestLog:
    """Command 22."""

    def test_all_records(self) -> None:
        """Oldest first, from the number asked for; all but the last say more."""
        bench = Bench()
        client = bench.session()
        for rnd in (b"1111", b"2222", b"3333"):
            client.operate(UNLOCK, rnd=rnd)
        before = bench.counter
        client.counter += 1
        number = (before - 1).to_bytes(2)

        packets = client.write(client.sealed(client.frame(Command.LOG, *number), client.counter))

        assert [parse_header(packet).flag for packet in packets] == [True, False]
        records = [Record.from_frame(frame) for frame in client.read(packets)]
        assert [record.number for record in records] == [before - 1, before]

    def test_sixteen_at_most(self) -> None:
        """A request gets at most 16 records."""
        bench = Bench()
        for _ in range(20):
            bench.lock.tamper()

        frames = bench.session().request(Command.LOG, 0, 3)

        assert [Record.from_frame(frame).number for frame in frames] == list(range(3, 19))

    @pytest.mark.parametrize(
        ("rights", "number", "why"),
        [(ALL_RIGHTS, 2, Status.OK), (Right.LOCK, 0, Status.DENIED)],
    )
    def test_none(self, rights: Right, number: int, why: Status) -> None:
        """No record: number 0, event FF, and why."""
        bench = Bench()

        (frame,) = bench.session(rights=rights).request(Command.LOG, 0, number)

        assert Record.from_frame(frame) == no_record(why, TODAY)

    def test_time_of_a_record(self) -> None:
        """The frame's time says when; b7 of method says that it counts from the boot."""
        bench = Bench(clock_set=False)
        bench.wait(3)
        bench.lock.tamper()
        client = bench.client()
        client.auth(time=TODAY)

        (frame,) = client.request(Command.LOG, 0, 2)

        assert frame.time == 3
        assert frame.value[6] == 0x80


class TestNews:
    """Command 23: records pushed to sessions."""

    def test_everybody_else_is_told(self) -> None:
        """Each session with the right to the log hears of a record, its author does not."""
        bench = Bench()
        author, reader = bench.session(), bench.session()
        author.status()
        reader.status()

        author.operate(UNLOCK)

        assert author.take() == []
        (frame,) = reader.read()
        assert (frame.command, frame.type) == (Command.EVENT, FrameType.INDICATION)
        assert Record.from_frame(frame) == bench.records[-1]

    @pytest.mark.parametrize(
        "prepare",
        [
            pytest.param(lambda bench: bench.session(), id="no accepted request"),
            pytest.param(lambda bench: _read(bench.session(rights=Right.LOCK)), id="no right"),
            pytest.param(lambda bench: _read(bench.session(ttl=ticket.encode_ttl(60))), id="ended"),
        ],
    )
    def test_who_is_not_told(self, prepare: Any) -> None:
        """News needs a request, the right and a ticket that lasts."""
        bench = Bench()
        client = prepare(bench)
        bench.wait(9)
        bench.clock.now += 55 if client.counter else 0

        bench.lock.tamper()

        assert client.take() == []

    def test_answer_first(self) -> None:
        """What a request causes is told after its answer."""
        bench = Bench(motor_seconds=1)
        client = bench.session()
        client.operate(UNLOCK)
        bench.clock.now += 1
        bench.lock.tick()
        bench.lock.tamper()

        frames = client.read()

        assert [frame.command for frame in frames] == [Command.STATUS, Command.EVENT]


def test_counter_end_closes() -> None:
    """At FF00 the lock answers and closes."""
    bench = Bench()
    client = bench.session()
    bench.role._links.get(client.link).session.sent = 0xFEFE
    assert client.status().status is Status.OK
    assert client.open

    assert client.status().status is Status.OK

    assert not client.open


def no_record(why: Status, time: int) -> Record:
    """Return the record that says that there is none."""
    return Record(number=0, uid=0, method=Method.HAND, event=Event.NONE, detail=why, time=time)


def _read(client: Client) -> Client:
    client.status()
    return client
