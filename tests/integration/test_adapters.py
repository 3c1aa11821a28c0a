"""Several locks and several adapters: who connects where, and what an adapter's end means."""

import asyncio
from collections.abc import AsyncGenerator
import time

import pytest

from igrs_codec.bsld.frame import Bolt, Operation
from igrs_codec.bsld.packet import error_packet
from reference_devices.peripheral import on_air
from tests.integration.home import Home, new_lock, register, until
from tests.integration.radio import RSSI, SLOTS, HomeRadio, home_radio


@pytest.fixture
async def other(home: Home) -> AsyncGenerator[HomeRadio]:
    """Return a second adapter, which hears the lock as well."""
    async with home_radio(home.hass, home.air, "00:00:00:00:00:BB") as other:
        other.rssi = RSSI - 20
        await until(lambda: bool(other.scanner.discovered_addresses))
        yield other


def connections(*radios: HomeRadio) -> list[int]:
    """Return how often each adapter was used."""
    return [radio.traffic.connections for radio in radios]


async def test_full_adapter(home: Home, other: HomeRadio) -> None:
    """An adapter without a free connection is left out."""
    home.radio.faults.taken = SLOTS

    await home.call("unlock")

    assert connections(home.radio, other) == [0, 1]


async def test_adapter_that_does_not_reach_it(home: Home, other: HomeRadio) -> None:
    """Where the nearest adapter fails to connect another one does it, in the same operation."""
    home.radio.faults.refuse_connections = 9

    await home.call("unlock")

    assert home.lock.state.bolt is Bolt.UNLOCKED
    assert connections(home.radio, other) == [0, 1]


async def test_adapter_gone(home: Home, other: HomeRadio) -> None:
    """A link that is kept over an adapter that goes is made anew over the other."""
    await home.call("unlock")
    await until(lambda: not home.coordinator.learner.busy)
    used = home.radio if home.radio.clients else other
    await used.unplug()

    await home.call("lock")

    assert home.lock.state.bolt is Bolt.LOCKED
    home.lock.turn_knob(Operation.UNLOCK)
    await home.until_state("unlocked")
    used.plug_in()


async def test_adapter_restarts(home: Home) -> None:
    """After the only adapter, or proxy, has restarted everything goes on."""
    await home.call("unlock")
    await until(lambda: not home.coordinator.learner.busy)
    await home.radio.unplug()
    home.lock.turn_knob(Operation.LOCK)
    assert home.state().state == "unlocked"

    home.radio.plug_in()

    await home.until_state("locked")
    await home.call("unlock")
    assert home.lock.state.bolt is Bolt.UNLOCKED


@pytest.mark.parametrize("lock_options", [{"motor_seconds": 0.6}], ids=["slow"])
async def test_locks_in_parallel(home: Home) -> None:
    """Two locks move at the same time, and neither waits for the other."""
    back = new_lock(bytes.fromhex("A1B2C3D4E5F7"), motor_seconds=0.6)
    async with on_air(back, await home.air.radio(back.device)):
        await register(home, back, "Back door")
        await home.until_state("locked", "lock.back_door")
        await home.settle()

        both = asyncio.gather(home.call("unlock"), home.call("unlock", "lock.back_door"))
        await until(
            lambda: home.lock.state.bolt is Bolt.UNLOCKING and back.state.bolt is Bolt.UNLOCKING
        )
        await both

        assert home.state("lock.back_door").state == home.state().state == "unlocked"
        await home.settle()


async def test_lock_that_only_answers_errors(home: Home) -> None:
    """After an ERR an operation is not tried again: the first may act all the same."""
    write = home.lock.write

    def refuse(link: int, data: bytes) -> None:
        if data[0] == 0x44:
            home.lock.on_notify(link, error_packet(data))
        else:
            write(link, data)

    home.lock.write = refuse  # type: ignore[method-assign] # a lock out of order
    assert await _fails(home)
    operations = [packet for packet in home.radio.traffic.writes if packet[0] == 0x44]
    assert len(operations) == 1
    assert home.radio.traffic.connections == 1
    assert home.state().state == "unknown"

    home.lock.write = write  # type: ignore[method-assign]
    home.coordinator.learner.async_soon()
    await home.until_state("locked")


async def _fails(home: Home) -> bool:
    """Unlock without the state being read afterwards; return whether it failed."""
    home.coordinator.learner.async_soon = lambda: None  # type: ignore[method-assign] # counted on its own
    try:
        await home.call("unlock")
    except Exception:  # noqa: BLE001 - whatever it is
        return True
    finally:
        del home.coordinator.learner.async_soon
    return False


async def test_slot_is_released(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an operation the connection is given back by itself, and the lock is at rest."""
    monkeypatch.setattr("custom_components.igrs.igrs_codec.bsld.driver.LINGER_SECONDS", 0.2)
    began = time.monotonic()

    await home.call("unlock")

    await until(lambda: home.radio.free == SLOTS)
    await until(lambda: not home.lock._links)
    assert time.monotonic() - began < 5
