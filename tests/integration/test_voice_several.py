"""Words that mean several locks at once."""

from collections.abc import AsyncGenerator
from typing import Final

from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import Context
from homeassistant.helpers import area_registry as ar, device_registry as dr, intent
import pytest

from igrs_codec.bsld.frame import Bolt
from reference_devices.lock import ReferenceLock
from reference_devices.peripheral import on_air
from tests.integration.assist import choose, heard
from tests.integration.home import LOCK, Home, new_lock, register

GARAGE: Final = "lock.garage"
DEVICE: Final = bytes.fromhex("A1B2C3D4E5F7")


@pytest.fixture
async def garage(spoken_to: Home) -> AsyncGenerator[ReferenceLock]:
    """Return another lock, in the same area as that of the front door."""
    home, other = spoken_to, new_lock(DEVICE)
    async with on_air(other, await home.air.radio(DEVICE)):
        await register(home, other, "Garage")
        await home.until_state("locked", GARAGE)
        await home.settle()
        area = ar.async_get(home.hass).async_create("Ground floor")
        for device in dr.async_entries_for_config_entry(
            dr.async_get(home.hass), home.entry.entry_id
        ):
            dr.async_get(home.hass).async_update_device(device.id, area_id=area.id)
        async_expose_entity(home.hass, "conversation", GARAGE, should_expose=True)
        yield other


async def all_of_them(home: Home, intent_type: str) -> intent.IntentResponse:
    """Have all locks of the area locked or unlocked, as a language model does."""
    slots = {"domain": {"value": "lock"}, "area": {"value": "Ground floor"}}
    return await intent.async_handle(
        home.hass, "test", intent_type, slots, context=Context(), assistant="conversation"
    )


async def test_locked_as_far_as_possible(spoken_to: Home, garage: ReferenceLock) -> None:
    """A lock that cannot be locked does not keep the others open, and is named."""
    choose(spoken_to, "without_pin")
    assert not (await all_of_them(spoken_to, intent.INTENT_TURN_OFF)).failed_results
    assert garage.state.bolt is spoken_to.lock.state.bolt is Bolt.UNLOCKED
    spoken_to.lock.jam_next()

    response = await all_of_them(spoken_to, intent.INTENT_TURN_ON)

    assert heard(response) == "Front door: The bolt is jammed."
    assert [target.id for target in response.failed_results] == [LOCK]
    assert [target.id for target in response.success_results] == [GARAGE]
    assert spoken_to.state(GARAGE).state == "locked"


async def test_refused_once(spoken_to: Home, garage: ReferenceLock) -> None:
    """A refusal to unlock ends it: the others are not tried."""
    choose(spoken_to, "never")

    response = await all_of_them(spoken_to, intent.INTENT_TURN_OFF)

    assert "not unlocked by voice" in heard(response)
    assert len(response.failed_results) == 1
    assert garage.state.bolt is spoken_to.lock.state.bolt is Bolt.LOCKED
