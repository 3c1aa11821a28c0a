"""What a lock can do, and the entities for it: as the lock says, which may be more one day."""

from dataclasses import replace

from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.helpers import entity_registry as er
import pytest

from igrs_codec.bsld.frame import Capability
from igrs_codec.bsld.lock_state import ALL_CAPABILITIES
from ras_server.application.locks import Locks
from tests.integration.home import Home

NEEDED = {
    Capability.AUTO_RELOCK: "number.front_door_auto_relock",
    Capability.DOOR_SENSOR: "binary_sensor.front_door_door",
}


@pytest.mark.parametrize("lock_options", [{"capabilities": Capability.OPEN}])
async def test_more_with_new_firmware(
    home: Home, entity_registry: er.EntityRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a lock can do since its firmware is new is there as soon as it says so."""
    monkeypatch.setattr(Locks, "take_time_frame", lambda *_: None)  # as often as one likes
    assert not any(entity_registry.async_get(entity) for entity in NEEDED.values())
    await home.hass.config_entries.async_unload(home.entry.entry_id)
    home.lock._identity = replace(home.lock._identity, capabilities=ALL_CAPABILITIES)
    home.peripheral.power_cycle()
    await home.hass.config_entries.async_setup(home.entry.entry_id)
    await home.until_state("locked")

    await home.hass.services.async_call(
        "button", "press", {ATTR_ENTITY_ID: "button.front_door_fetch_records"}, blocking=True
    )
    await home.hass.async_block_till_done()

    for entity in NEEDED.values():
        assert home.state(entity)
