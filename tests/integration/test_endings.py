"""What is cut short: by an unload, by the removal of a lock, by a RAS that is too slow."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from igrs_codec.bsld.frame import Bolt
from tests.integration.home import DEVICE_ID, Home, until

CARRIER = "custom_components.igrs.carrier"


def deaf_for(home: Home, first_byte: int) -> None:
    """Let the lock hear nothing of one kind."""
    write: Callable[[int, bytes], None] = home.lock.write
    home.lock.write = lambda link, data: (  # type: ignore[method-assign] # a deaf lock
        None if data[0] == first_byte else write(link, data)
    )


async def test_unload_while_connecting(home: Home) -> None:
    """An operation that has no connection yet when the entry goes is not carried out."""
    async with home.radio.connecting:
        operation = asyncio.ensure_future(home.call("unlock"))
        await until(lambda: home.radio.traffic.connections == 1)

        async with asyncio.timeout(2):
            await home.hass.config_entries.async_unload(home.entry.entry_id)
            with pytest.raises(HomeAssistantError, match="no connection"):
                await operation

    await home.hass.async_block_till_done(wait_background_tasks=True)
    assert home.lock.state.bolt is Bolt.LOCKED
    assert not home.radio.traffic.writes
    assert not home.radio.clients


async def test_unload_while_operating(home: Home) -> None:
    """An operation under way ends with the entry, at once, and nothing follows it."""
    home.lock.write = lambda *_: None  # type: ignore[method-assign] # the lock is deaf
    operation = asyncio.ensure_future(home.call("unlock"))
    await until(lambda: len(home.radio.traffic.writes) == 2)

    async with asyncio.timeout(1):
        await home.hass.config_entries.async_unload(home.entry.entry_id)
        with pytest.raises(HomeAssistantError, match="not known whether"):
            await operation

    await home.hass.async_block_till_done(wait_background_tasks=True)
    assert not home.radio.clients
    assert home.radio.traffic.connections == 1


async def test_unload_while_waiting(home: Home) -> None:
    """An operation that waits for its turn when the entry goes never gets it."""
    home.lock.write = lambda *_: None  # type: ignore[method-assign] # the lock is deaf
    operations = [asyncio.ensure_future(home.call(service)) for service in ("unlock", "lock")]
    await until(lambda: len(home.radio.traffic.writes) == 2)

    await home.hass.config_entries.async_unload(home.entry.entry_id)

    first, second = await asyncio.gather(*operations, return_exceptions=True)
    assert "not known whether" in str(first)
    assert "busy" in str(second)
    assert len(home.radio.traffic.writes) == 2


async def test_lock_removed_while_renewing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the RAS answers after the lock was removed brings no secret back."""
    answer, asked = asyncio.Event(), asyncio.Event()
    fetch = home.gateway.ras.tickets

    async def slow(*args: Any, **kwargs: Any) -> Any:
        asked.set()
        await answer.wait()
        return await fetch(*args, **kwargs)

    monkeypatch.setattr(home.gateway.ras, "tickets", slow)
    coordinator = home.coordinator
    coordinator.async_renew_soon()
    await asked.wait()

    home.hass.config_entries.async_remove_subentry(home.entry, home.coordinator.subentry_id)
    await until(lambda: not home.gateway.coordinators)
    answer.set()
    await until(lambda: not coordinator._work._tasks)

    assert DEVICE_ID not in home.gateway.memory._locks


async def test_slow_ras_while_the_clock_is_set(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the time for the RAS is over, the packets on their way are not waited for."""
    home.ras.clock.ahead = 61
    home.peripheral.power_cycle()
    await until(lambda: not home.radio.clients)
    deaf_for(home, 0x41)
    monkeypatch.setattr(f"{CARRIER}.ASK_RAS_TIMEOUT", 0.5)

    with pytest.raises(HomeAssistantError, match="clock"):
        await home.call("unlock")
    assert home.lock.state.bolt is Bolt.LOCKED


async def test_ticket_of_another_key(home: Home) -> None:
    """When the lock answers ERR to a ticket, reading the state brings a new one by itself.

    The operation is not written again: ERR is no proof that it will not be done.
    """
    tickets = home.coordinator.memory.tickets
    tickets[1] = replace(tickets[1], packet=tickets[1].packet[:4] + bytes(16))

    with pytest.raises(HomeAssistantError, match="not known whether"):
        await home.call("unlock")
    await home.until_state("locked", seconds=10)

    await home.call("unlock")
    assert home.lock.state.bolt is Bolt.UNLOCKED


@pytest.mark.parametrize("lock_options", [{"motor_seconds": 0.5}], ids=["slow"])
async def test_two_operations(home: Home) -> None:
    """Two operations come one after the other, and so they show."""
    states: list[str] = []
    home.hass.bus.async_listen(
        "state_changed",
        lambda event: (
            states.append(event.data["new_state"].state)
            if event.data["entity_id"] == "lock.front_door"
            else None
        ),
    )

    await asyncio.gather(home.call("unlock"), home.call("lock"))
    await home.hass.async_block_till_done()

    changes = [new for old, new in zip(["", *states], states, strict=False) if new != old]
    assert changes == ["unlocking", "locking", "locked"]
