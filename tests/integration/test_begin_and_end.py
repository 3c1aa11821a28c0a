"""While the integration begins or ends nothing is lost, and nothing stays behind."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from homeassistant.config_entries import ConfigEntries
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import flush_store

from custom_components.igrs.ras_errors import Code, RasRefusedError
from igrs_codec.bsld.frame import Operation
from tests.integration.home import DEVICE_ID, Home, later, until

EVENT = "event.front_door_access"


async def set_up_slowly(
    home: Home, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], Awaitable[None]]
) -> None:
    """Set the home up anew, and let something happen before there are entities."""
    await home.hass.config_entries.async_unload(home.entry.entry_id)
    forward = ConfigEntries.async_forward_entry_setups

    async def slowly(*args: Any) -> None:
        await meanwhile()
        await forward(*args)

    monkeypatch.setattr(ConfigEntries, "async_forward_entry_setups", slowly)
    assert await home.hass.config_entries.async_setup(home.entry.entry_id)
    await home.hass.async_block_till_done()


async def test_removed_at_the_start(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that is removed while the integration begins is let go of."""
    subentry_id = home.coordinator.subentry_id

    async def remove() -> None:
        home.hass.config_entries.async_remove_subentry(home.entry, subentry_id)

    await set_up_slowly(home, monkeypatch, remove)

    assert not home.gateway.coordinators


async def test_event_at_the_start(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """No record is shown to nobody: locks are listened to once there are entities."""

    async def turn() -> None:
        home.lock.turn_knob(Operation.UNLOCK)
        before = home.coordinator.memory.last_record
        with suppress(TimeoutError):  # it must not come to that
            await until(lambda: home.coordinator.last_update_success, 0.5)
            later(home, 11)
            await until(lambda: home.coordinator.memory.last_record != before)

    await set_up_slowly(home, monkeypatch, turn)
    await home.until_state("unlocked")
    later(home, 11)

    await until(lambda: home.state(EVENT).attributes.get("event_type") == "unlocked")


async def test_hangs_up_at_the_end(home: Home) -> None:
    """A connection that is kept for later is given up when Home Assistant stops."""
    await home.call("unlock")
    await until(lambda: not home.coordinator.learner.busy)
    assert home.radio.clients

    home.hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await home.hass.async_block_till_done()

    assert not home.radio.clients


async def test_no_issue_after_the_end(
    home: Home, issue_registry: ir.IssueRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An issue that is raised in the last moment goes with the home."""
    shut_down, gateway = home.coordinator.async_shutdown, home.gateway

    async def late() -> None:
        home.coordinator.memory.impersonated = True
        gateway._tick(None)
        assert issue_registry.issues
        await shut_down()

    monkeypatch.setattr(home.coordinator, "async_shutdown", late)
    await home.hass.config_entries.async_unload(home.entry.entry_id)

    assert not [issue for issue in issue_registry.issues.values() if issue.active]


async def test_no_file_after_the_end(home: Home, hass_storage: dict[str, Any]) -> None:
    """A message that comes in the last moment does not bring the removed tickets back."""
    gateway = home.gateway
    await home.hass.config_entries.async_remove(home.entry.entry_id)

    gateway._message({"mi": 9, "seq": 7, "body": {"uid": 7, "user": "Carl"}})
    await flush_store(gateway.memory._store)

    assert f"igrs.{home.entry.entry_id}" not in hass_storage


async def test_removed_by_two(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that somebody removes while the server is asked for it does not stop the search."""
    gateway, subentry_id = home.gateway, home.coordinator.subentry_id

    async def device(_: str) -> None:
        home.hass.config_entries.async_remove_subentry(home.entry, subentry_id)
        raise RasRefusedError(Code.DEVICE_UNKNOWN)

    monkeypatch.setattr(gateway.ras, "device", device)
    gateway._missed_news = True

    await gateway._async_look_for_removed()

    assert not gateway._missed_news
    assert not home.entry.subentries


async def test_news_of_a_lock_that_is_gone(home: Home) -> None:
    """A lock that is removed twice is removed once."""
    gateway, subentry_id = home.gateway, home.coordinator.subentry_id
    coordinator = home.coordinator
    home.hass.config_entries.async_remove_subentry(home.entry, subentry_id)

    gateway._remove(coordinator)

    assert coordinator.device_id == DEVICE_ID
    assert not home.entry.subentries
