"""The lock's clock: what is stored, and what is known after a power loss."""

from igrs_codec.bsld.lock_clock import LockClock
from igrs_codec.bsld.lock_memory import TimeEntry
from tests.lock.bench import TODAY, Bench


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
