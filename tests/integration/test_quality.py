"""What the quality scale asks of entities and of the log, at a home that runs."""

import logging

from homeassistant.const import EntityCategory
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest

from custom_components.igrs.const import DOMAIN
from tests.integration.home import ADDRESS, DEVICE_ID, LOCK, Home, later, until


def entities_of(home: Home) -> list[er.RegistryEntry]:
    """Return the entities of the home."""
    return er.async_entries_for_config_entry(er.async_get(home.hass), home.entry.entry_id)


async def test_unique_ids(home: Home) -> None:
    """A unique identifier is that of the device and what it shows, and says nothing twice."""
    for entity in entities_of(home):
        device, _, key = entity.unique_id.partition("_")

        assert device in {DEVICE_ID, home.gateway.server_id}
        assert key
        assert not {DOMAIN, entity.domain} & set(key.split("_")), entity.unique_id


async def test_names(home: Home) -> None:
    """The lock is called like its device; everything else has a translated name of its own."""
    for entity in entities_of(home):
        assert entity.has_entity_name
        if entity.entity_id == LOCK:
            assert entity.original_name is None
        else:
            assert entity.original_name
            assert entity.translation_key or entity.original_device_class


async def test_categories(home: Home) -> None:
    """What is not a door's own business is configuration or diagnosis; noise is off."""
    own = {entity.entity_id for entity in entities_of(home) if entity.entity_category is None}
    off = {entity.entity_id for entity in entities_of(home) if entity.disabled}

    assert own == {
        "binary_sensor.front_door_alarm",
        "binary_sensor.front_door_door",
        "binary_sensor.front_door_problem",
        "binary_sensor.front_door_tamper",
        "event.front_door_access",
        "lock.front_door",
        "sensor.front_door_last_method",
        "sensor.front_door_last_person",
    }
    assert off == {"sensor.front_door_signal_strength"}
    assert {entity.entity_category for entity in entities_of(home)} <= {None, *EntityCategory}


async def test_device_classes(home: Home) -> None:
    """Entities have the device class that Home Assistant has for them."""
    classes = {
        entity.entity_id.partition("front_door_")[2]: entity.original_device_class
        for entity in entities_of(home)
        if entity.original_device_class
    }

    assert classes == {
        "": "connectivity",
        "alarm": "safety",
        "auto_relock": "duration",
        "battery": "battery",
        "door": "door",
        "firmware": "firmware",
        "last_method": "enum",
        "offline_operation_until": "timestamp",
        "problem": "problem",
        "signal_strength": "signal_strength",
        "tamper": "tamper",
        "unlock_time_95": "duration",
        "unlock_time_median": "duration",
    }


async def test_device(home: Home, device_registry: dr.DeviceRegistry) -> None:
    """The device tells all that is known of the lock, and how it is reached."""
    device = device_registry.async_get_device_by_identifier(
        (DOMAIN, DEVICE_ID), home.entry.entry_id
    )

    assert device is not None
    assert (dr.CONNECTION_BLUETOOTH, ADDRESS) in device.connections
    assert all((device.model_id, device.hw_version, device.sw_version, device.serial_number))


async def test_logged_once(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """That the server is away is logged once, and once that it is back, whatever goes on."""
    caplog.set_level(logging.INFO)
    caplog.clear()
    await home.switch.stop()
    await until(lambda: not home.gateway.online)
    for _ in range(5):
        later(home, 31)
        await home.hass.async_block_till_done()
    await home.switch.start()
    await until(lambda: home.gateway.online, seconds=30)

    told = [record.getMessage() for record in caplog.records if DOMAIN in record.name]
    assert [text for text in told if "RAS" in text] == [
        "The connection to the RAS is lost; locks go on with their tickets",
        "Connected to the RAS",
    ]
