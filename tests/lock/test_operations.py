"""Command 03 at the lock: what is executed, refused or repeated, and how it ends (protocol 13)."""

import pytest

from igrs_codec.bsld import ticket
from igrs_codec.bsld.frame import (
    ALL_RIGHTS,
    Bolt,
    Capability,
    Command,
    Event,
    FrameType,
    Method,
    Operation,
    Record,
    Right,
    Status,
)
from tests.lock.bench import TODAY, UID, Bench, no_record

LOCK, UNLOCK, OPEN = Operation


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
