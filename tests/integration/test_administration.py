"""Frames that the RAS makes for a lock: queued ones, its clock, a raised epoch."""

import asyncio
from dataclasses import replace

from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.igrs.ras_errors import RasRefusedError
from igrs_codec.bsld.frame import Bolt
from tests.integration.home import DEVICE_ID, Home, until

TIME_FRAME_INTERVAL = 61  # seconds after that of the registration


def epoch(home: Home) -> int:
    """Return the epoch that the lock is in."""
    value: int = home.lock._role.ownership.epoch
    return value


async def test_pushed_frame_is_delivered(home: Home) -> None:
    """A queued frame is fetched when the RAS pushes it, and its answer reported."""
    answer = await home.ras.person.post(f"/v1/devices/{DEVICE_ID}/revoke-all")
    assert answer.http == 202

    await until(lambda: epoch(home) == 2)
    await until(lambda: not home.coordinator._carrier._queue.locked())
    await home.call("unlock")
    assert home.lock.state.bolt is Bolt.UNLOCKED


async def test_queued_frame_goes_before_the_ticket(home: Home) -> None:
    """A frame that could not be delivered is kept, and goes first on the next connection."""
    home.radio.faults.refuse_connections = 2
    await home.ras.person.post(f"/v1/devices/{DEVICE_ID}/revoke-all")
    await until(lambda: not home.radio.faults.refuse_connections)
    await until(lambda: not home.coordinator._carrier._queue.locked())
    assert epoch(home) == 1
    home.radio.reset()

    await home.call("unlock")

    assert epoch(home) == 2
    assert [packet[0] for packet in home.radio.traffic.writes[:2]] == [0x41, 0x42]


async def test_unknown_epoch(home: Home) -> None:
    """A lock in an epoch that the RAS does not know tells it, and takes the next ticket."""
    home.lock._role._owner.keep(replace(home.lock._role.ownership, epoch=7))

    await home.call("unlock")

    assert epoch(home) == 7

    assert home.lock.state.bolt is Bolt.UNLOCKED
    assert home.radio.traffic.connections == 1


async def test_clock_is_set_before_the_operation(home: Home) -> None:
    """After a power loss the RAS sets the clock on the link of the next operation."""
    home.ras.clock.ahead = TIME_FRAME_INTERVAL
    home.peripheral.power_cycle()
    await until(lambda: not home.radio.clients)
    assert home.lock.state.clock_unset

    await home.call("unlock")

    assert home.lock.state.bolt is Bolt.UNLOCKED
    assert not home.lock.state.clock_unset


async def test_wrong_clock_is_set_after_the_operation(home: Home) -> None:
    """A lock whose clock is off by more than 30 s gets the right time after it was used."""
    home.ras.clock.ahead = TIME_FRAME_INTERVAL
    role = home.lock._role
    role.clock.set(role.clock.time + 45)

    await home.call("unlock")

    await until(lambda: abs(role.clock.time - home.ras.clock()) < 5)


async def test_wrong_clock_that_nobody_sets(home: Home) -> None:
    """A RAS that does not set the clock is not asked after each operation."""
    tasks = home.coordinator._work._tasks
    role = home.lock._role
    role.clock.set(role.clock.time + 45)
    await home.call("unlock")
    await until(lambda: not tasks)
    connections = home.radio.traffic.connections

    await home.call("lock")
    await until(lambda: not tasks)

    assert home.radio.traffic.connections == connections


async def test_answer_while_the_ras_is_away(home: Home) -> None:
    """What a lock answers to a frame while the RAS is away reaches the RAS later, once."""
    home.radio.faults.refuse_connections = 2
    await home.ras.person.post(f"/v1/devices/{DEVICE_ID}/revoke-all")
    await until(lambda: not home.radio.faults.refuse_connections)
    await until(lambda: not home.coordinator._carrier._queue.locked())
    await home.switch.stop()
    await home.until_state("off", "binary_sensor.home_connectivity")

    for _ in range(2):  # the epoch is raised, and the RAS has no new ticket to give
        with pytest.raises(HomeAssistantError):
            await home.call("lock")
        await home.coordinator.async_rest()
    assert epoch(home) == 2
    assert [packet[0] for packet in home.radio.traffic.writes].count(0x41) == 1
    assert home.coordinator.memory.answers
    await home.switch.start()
    await home.until_state("on", "binary_sensor.home_connectivity", 10)

    await until(lambda: not home.coordinator.memory.answers)
    await until(lambda: not home.coordinator._work._tasks)
    await home.call("lock")
    frames = [packet for packet in home.radio.traffic.writes if packet[0] == 0x41]
    assert len(frames) == len(set(frames))


@pytest.mark.parametrize(
    ("retry_after", "kept"),
    [pytest.param(5.0, True, id="later"), pytest.param(None, False, id="never")],
)
async def test_answer_that_the_ras_refuses(
    home: Home, monkeypatch: pytest.MonkeyPatch, *, retry_after: float | None, kept: bool
) -> None:
    """Answers that the RAS does not want are dropped, unless it wants them later."""

    async def refuse(*_: object) -> bool:
        raise RasRefusedError(2001, retry_after=retry_after)

    monkeypatch.setattr(home.gateway.ras, "report_pending", refuse)
    home.coordinator.delivered((bytes(20),))

    await until(lambda: not home.coordinator._work._tasks)
    assert bool(home.coordinator.memory.answers) is kept


async def test_many_deliveries(home: Home) -> None:
    """However often the RAS asks for a delivery in one moment, there are two at most."""
    await asyncio.gather(*(home.coordinator.supply.async_deliver() for _ in range(10)))
    assert home.radio.traffic.connections == 2

    await home.coordinator.supply.async_deliver()
    assert home.radio.traffic.connections == 3
