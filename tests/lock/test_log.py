"""The log of the lock, asked for and told (protocol 13)."""

from typing import Any

import pytest

from igrs_codec.bsld import ticket
from igrs_codec.bsld.frame import (
    ALL_RIGHTS,
    Command,
    FrameType,
    Operation,
    Record,
    Right,
    Status,
)
from igrs_codec.bsld.packet import parse_header
from tests.lock.bench import TODAY, Bench, Client, no_record


class TestLog:
    """Command 22."""

    def test_all_records(self) -> None:
        """Oldest first, from the number asked for; all but the last say more."""
        bench = Bench()
        client = bench.session()
        for rnd in (b"1111", b"2222", b"3333"):
            client.operate(Operation.UNLOCK, rnd=rnd)
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

        author.operate(Operation.UNLOCK)

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
        client.operate(Operation.UNLOCK)
        bench.clock.now += 1
        bench.lock.tick()
        bench.lock.tamper()

        frames = client.read()

        assert [frame.command for frame in frames] == [Command.STATUS, Command.EVENT]


def _read(client: Client) -> Client:
    client.status()
    return client
