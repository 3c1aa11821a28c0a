"""The lock's clock: how it is set, what is stored, and what a power loss leaves of it."""

import pytest

from igrs_codec.bsld import admin
from igrs_codec.bsld.admin import (
    TimeAnswer,
)
from igrs_codec.bsld.frame import Command, Event, Status
from igrs_codec.bsld.lock_clock import LockClock
from igrs_codec.bsld.lock_memory import TimeEntry
from tests.lock.bench import (
    DAY,
    K_NEW,
    PENDING,
    SAME_EPOCH,
    TODAY,
    Bench,
    hellos,
    is_error,
    owned,
)


def times(bench: Bench) -> list[int]:
    """Return the stored times."""
    return [TimeEntry.from_bytes(data).time for data in bench.lock._flash.times()]


def test_boot_unsets_the_clock() -> None:
    """A lower bound is all that remains."""
    bench = Bench()
    bench.lock.tamper()
    bench.sleep(50)

    bench.lock.power_cycle()
    bench.sleep(5)

    clock = bench.role.clock
    assert (clock.is_set, clock.time, clock.lower_bound) == (False, 5, TODAY + 5)


def test_hourly() -> None:
    """An idle lock stores the time each hour."""
    bench = Bench()
    before = len(times(bench))

    for _ in range(30):
        bench.sleep(600)

    assert times(bench)[before:] == [TODAY + 3600 * hour for hour in range(1, 6)]


def test_lower_bound_never_falls_over_boots() -> None:
    """What is stored while the clock is unset is the lower bound."""
    bench = Bench()
    bench.lock.tamper()
    for _ in range(3):
        bench.lock.power_cycle()
        bench.sleep(1000)
        bench.lock.tamper()

    assert bench.role.clock.lower_bound == TODAY + 3000


def test_every_administration_frame_stores_the_time() -> None:
    """Also one that makes no record."""
    bench = Bench()
    before = times(bench)

    bench.client().set_time(TODAY + 1)

    assert times(bench) == [*before, TODAY + 1]


def test_end_of_time() -> None:
    """The clock stops at the end of the u32 instead of wrapping around."""
    clock = LockClock(lambda: 100.9, 0xFFFF_FFFF)
    assert (clock.uptime, clock.time, clock.lower_bound) == (100, 100, 0xFFFF_FFFF)

    clock.set(0xFFFF_FFFF)
    later = LockClock(iter((0.0, 9.0)).__next__)
    later.set(0xFFFF_FFFF)

    assert clock.time == later.time == 0xFFFF_FFFF


class TestTime:
    """Command 10."""

    def test_set(self) -> None:
        """The clock is set, other links are closed, a new HELLO follows; T_adm stays."""
        bench = Bench(clock_set=False)
        client, other = bench.client(), bench.client()
        bench.wait(2)

        answer = client.set_time(TODAY)

        assert answer == TimeAnswer(Status.OK, 1, 2)
        assert [(hello.clock_set, hello.time) for hello in hellos(client)] == [(True, TODAY)]
        assert not other.open
        assert bench.own == owned()
        assert (bench.records[-1].event, bench.records[-1].detail) == (Event.CLOCK_SET, 0)

    @pytest.mark.parametrize(("offset", "records"), [(4, 0), (-4, 0), (5, 1), (-5, 1)])
    def test_small_correction_is_no_event(self, offset: int, records: int) -> None:
        """Below 5 s nobody wants to know."""
        bench = Bench()
        before = bench.counter

        assert bench.client().set_time(TODAY + offset)

        assert bench.counter - before == records

    def test_bound_to_the_hello(self) -> None:
        """Another nonce is ERR; so is the same frame under the next HELLO."""
        client = Bench().client()
        packet = client.admin_packet(Command.TIME, admin.set_time(client.hello))
        client.renew()

        assert is_error(client.write(packet))

    @pytest.mark.parametrize(("seconds", "accepted"), [(30, True), (31, False)])
    def test_life_of_a_time_frame(self, seconds: int, accepted: bool) -> None:  # noqa: FBT001
        """30 s after the HELLO it is too late."""
        bench = Bench()
        client = bench.client()
        client.admin(Command.EPOCH, SAME_EPOCH)  # keeps the link open
        bench.wait(seconds)

        assert (client.set_time(TODAY) is not None) is accepted

    @pytest.mark.parametrize(
        ("time", "t_adm", "back"),
        [
            (TODAY - 120, 0, False),
            (TODAY - 121, 0, True),
            (TODAY - 120, TODAY + 120, False),
            (TODAY - 120, TODAY + 121, True),
        ],
    )
    def test_back(self, time: int, t_adm: int, back: bool) -> None:  # noqa: FBT001
        """More than 120 s below the lock time, or 240 s below T_adm, kills all tickets."""
        bench = Bench(owned(t_adm=t_adm, pending=PENDING))

        answer = bench.client().set_time(time)

        assert answer == TimeAnswer(Status.OK, 1 + back, TODAY)
        assert bench.own.epoch == 1 + back
        assert bench.own.t_adm == (time if back else t_adm)
        assert (bench.own.pending is None) is back
        assert bench.records[-1].detail == back
        assert bench.now == time

    def test_back_from_the_lower_bound(self) -> None:
        """While the clock is unset the lower bound counts."""
        bench = Bench()
        bench.lock.tamper()
        bench.lock.power_cycle()

        answer = bench.client().set_time(TODAY - 200)

        assert answer == TimeAnswer(Status.OK, 2, 0)

    def test_last_epoch(self) -> None:
        """With epoch 255 the clock cannot go back: 09, and nothing changes."""
        bench = Bench(owned(epoch=255, t_adm=5))
        client = bench.client()

        answer = client.set_time(TODAY - 121)

        assert answer == TimeAnswer(Status.BAD_ARGUMENT, 255, TODAY)
        assert client.followed_by == []
        assert bench.own == owned(epoch=255, t_adm=5)
        assert bench.now == TODAY

    def test_way_out_of_the_last_epoch(self) -> None:
        """A re-key under the wrong time makes an epoch 1 that can go back."""
        bench = Bench(owned(epoch=255))
        client = bench.client()
        client.prepare()
        client.admin(Command.EPOCH, SAME_EPOCH, time=TODAY, gen=2, k_d=K_NEW)

        answer = client.set_time(TODAY - DAY)

        assert answer == TimeAnswer(Status.OK, 2, TODAY)
