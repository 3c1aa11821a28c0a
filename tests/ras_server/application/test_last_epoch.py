"""Corners of custody: the last epoch, failing key exchanges, what a restart must not forget."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from igrs_codec.bsld.packet import Kind, parse_header
from ras_server.application.agenda import Purpose
from ras_server.application.delivery import set_clock
from ras_server.application.flows import Flight, Link, Reply
from ras_server.application.keyjournal import KeyJournal
from ras_server.application.locks import TIME_FRAMES
from ras_server.errors import Code, RasError
from tests.ras_server.application.world import World

MONTHS = 90 * 86400


def want(world: World, **fields: Any) -> None:
    """Change what is wanted of the lock."""
    lock = world.lock
    world.locks.save(lock, replace(lock.record, device=replace(lock.device, **fields)))


def test_way_out_of_the_last_epoch(tmp_path: Path) -> None:
    """A lock in its last epoch whose clock is months ahead is not lost (protocol 9.2)."""
    world = World(tmp_path).registered()
    want(world, epoch_wanted=255)
    assert world.pocket() is Purpose.EPOCH
    assert world.lock.device.epoch == 255
    want(world, rekey="")
    world.drift = MONTHS
    assert not world.attempt(world.unlock)

    assert not world.attempt(lambda link: set_clock(world.locks, link))
    assert world.generation == world.lock_generation == 2
    assert world.attempt(world.deliver)

    assert world.attempt(world.unlock)
    assert world.lock.device.t_adm < world.now + 60


def test_revocation_in_the_last_epoch(tmp_path: Path) -> None:
    """Where no epoch is left, a new generation ends the tickets, and waits for no gateway."""
    world = World(tmp_path).registered()
    want(world, epoch_wanted=255)
    assert world.attempt(world.deliver)
    while world.generation == 1:
        world.want_revocation()
        assert world.attempt(world.deliver)

    assert world.lock_generation == 2
    assert world.lock.device.epoch == world.lock.device.epoch_wanted
    assert world.attempt(world.unlock)


def test_failing_key_exchange_holds_up_nothing(tmp_path: Path) -> None:
    """A re-key with X25519 that never gets through does not hold up a revocation."""
    world = World(tmp_path).registered()
    write = world.door.write

    def without_prov(packets: list[bytes]) -> tuple[list[bytes], bytes | None]:
        return write([each for each in packets if parse_header(each).kind is not Kind.PROV])

    world.door.write = without_prov  # type: ignore[method-assign]  # the radio is what fails
    world.want_rekey("compromise")
    for _ in range(3):
        assert not world.attempt(world.deliver)
    world.want_revocation()

    assert not world.attempt(world.deliver)

    assert world.lock.device.epoch == 2
    world.door.write = write  # type: ignore[method-assign]
    assert world.attempt(world.deliver)
    assert world.generation == world.lock_generation == 2
    assert world.attempt(world.unlock)


def test_time_frames_survive_a_restart(tmp_path: Path) -> None:
    """A lock, and each who claims it, gets one a minute and six an hour, over restarts too."""
    world = World(tmp_path).registered()
    claimants = ["", "u-mallory"]
    for _ in range(TIME_FRAMES):
        world.now += 61
        world.restart()
        for claimant in claimants:
            world.locks.take_time_frame(world.lock, claimant)
    world.now += 61
    world.restart()

    for claimant in claimants:
        with pytest.raises(RasError) as refused:
            world.locks.take_time_frame(world.lock, claimant)
        assert refused.value.code is Code.RATE_LIMITED


def test_lowered_clock(tmp_path: Path) -> None:
    """Whoever confirms a lower clock gets every lock's clock set back, and its frames accepted."""
    world = World(tmp_path).registered()
    world.now += 30 * 86400
    want(world, clock_due=1)
    assert world.attempt(world.deliver)  # a server that is a month ahead tells the lock so
    world.now -= 30 * 86400
    world.drift += 30 * 86400
    assert not world.attempt(world.unlock)
    world.locks.confirm_clock(int(world.now))
    want(world, clock_due=1)

    assert world.attempt(world.deliver)

    assert world.attempt(world.unlock)
    assert world.lock.device.clock_due == 0
    world.want_revocation()
    assert world.attempt(world.deliver)
    assert world.lock.device.epoch == world.lock.device.epoch_wanted


def test_journal(tmp_path: Path) -> None:
    """The journal can be read again; a line that broke off is passed over."""
    world = World(tmp_path).registered()
    world.want_rekey("schedule")
    while world.generation == 1:
        assert world.attempt(world.deliver)
    path = tmp_path / "keys.journal"
    with path.open("ab") as file:
        file.write(b'{"device_id": "A1B2')

    entries = list(KeyJournal(path).entries())

    assert [entry.gen for entry in entries] == [1, 2]
    assert entries[-1].key_id == world.lock.record.keys[-1].key_id
    assert "k_d" not in repr(entries)


type _Carried = Generator[Flight, Reply, Any]


def test_broken_off_link(tmp_path: Path) -> None:
    """A delivery that breaks off anywhere goes on at the next link."""
    world = World(tmp_path).registered()
    want(world, epoch_wanted=2, clock_due=1)

    def breaks_off(link: Link) -> _Carried:
        flow = world.deliver(link)
        yield next(flow)
        raise RasError(Code.DEVICE_TIMEOUT, "The link broke")

    assert not world.attempt(breaks_off)
    assert world.attempt(world.deliver)
    assert world.lock.device.epoch == 2
