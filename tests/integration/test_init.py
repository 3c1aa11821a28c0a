"""The life of an entry: set up, locks that come and go, unload, removal, a lost login."""

from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE, EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest

from igrs_codec.bsld.frame import Operation
from tests.integration.home import DEVICE_ID, LOCK, Home, RasSwitch, gateway_entry, until


async def test_entities(
    home: Home, entity_registry: er.EntityRegistry, device_registry: dr.DeviceRegistry
) -> None:
    """A lock is one device with these entities; the gateway is another."""
    entities = er.async_entries_for_config_entry(entity_registry, home.entry.entry_id)

    assert {
        entity.entity_id: (entity.entity_category, entity.disabled, entity.translation_key)
        for entity in entities
    } == {
        "lock.front_door": (None, False, None),
        "event.front_door_access": (None, False, "access"),
        "binary_sensor.front_door_alarm": (None, False, "alarm"),
        "binary_sensor.front_door_problem": (None, False, None),
        "binary_sensor.front_door_tamper": (None, False, None),
        "binary_sensor.front_door_door": (None, False, None),
        "binary_sensor.front_door_battery": (EntityCategory.DIAGNOSTIC, False, None),
        "number.front_door_auto_relock": (EntityCategory.CONFIG, False, "auto_relock"),
        "button.front_door_set_clock": (EntityCategory.DIAGNOSTIC, False, "sync_time"),
        "button.front_door_fetch_records": (EntityCategory.DIAGNOSTIC, False, "fetch_records"),
        "sensor.front_door_battery": (EntityCategory.DIAGNOSTIC, False, None),
        "sensor.front_door_last_person": (None, False, "last_person"),
        "sensor.front_door_last_method": (None, False, "last_method"),
        "sensor.front_door_offline_operation_until": (
            EntityCategory.DIAGNOSTIC,
            False,
            "offline_until",
        ),
        "sensor.front_door_signal_strength": (EntityCategory.DIAGNOSTIC, True, None),
        "sensor.front_door_unlock_time_median": (
            EntityCategory.DIAGNOSTIC,
            False,
            "unlock_time_p50",
        ),
        "sensor.front_door_unlock_time_95": (EntityCategory.DIAGNOSTIC, False, "unlock_time_p95"),
        "sensor.front_door_success_rate": (EntityCategory.DIAGNOSTIC, False, "success_rate"),
        "update.front_door_firmware": (EntityCategory.DIAGNOSTIC, False, None),
        "binary_sensor.home_connectivity": (EntityCategory.DIAGNOSTIC, False, None),
    }
    device = device_registry.async_get_device_by_identifier(
        ("igrs", DEVICE_ID), home.entry.entry_id
    )
    hub = device_registry.async_get_device_by_identifier(("igrs", "server"), home.entry.entry_id)
    assert device is not None
    assert hub is not None
    assert device.via_device_id == hub.id
    assert device.sw_version
    assert device.model_id


async def test_offline_until(home: Home) -> None:
    """How long the lock works without the RAS is shown."""
    assert home.state("sensor.front_door_offline_operation_until").state > "2026"


async def test_reload_keeps_everything(home: Home) -> None:
    """After a reload the lock is there again at once, with its door sensor."""
    await home.hass.config_entries.async_reload(home.entry.entry_id)

    await home.until_state("locked")
    assert home.state("binary_sensor.front_door_door").state == "off"
    await home.call("unlock")
    assert home.state().state == "unlocked"


async def test_restart_without_ras(home: Home) -> None:
    """Home Assistant that starts while the RAS is down connects for the state, and works."""
    await home.hass.config_entries.async_unload(home.entry.entry_id)
    assert home.state().state == STATE_UNAVAILABLE
    home.lock.turn_knob(Operation.UNLOCK)
    await home.switch.stop()
    home.radio.reset()

    await home.hass.config_entries.async_setup(home.entry.entry_id)

    await home.until_state("unlocked")
    assert home.radio.traffic.connections == 1
    await home.call("lock")
    assert home.state().state == "locked"
    await home.switch.start()


async def test_lock_removed_here(
    home: Home, entity_registry: er.EntityRegistry, hass_storage: dict[str, Any]
) -> None:
    """Removing a lock forgets its entities and secrets, and offers it anew."""
    subentry_id = home.coordinator.subentry_id
    home.hass.config_entries.async_remove_subentry(home.entry, subentry_id)
    await until(lambda: not home.gateway.coordinators)
    await home.hass.async_block_till_done()

    assert entity_registry.async_get(LOCK) is None
    await home.gateway.memory.async_save()
    assert hass_storage[f"igrs.{home.entry.entry_id}"]["data"]["locks"] == {}
    await until(
        lambda: any(
            flow["context"]["unique_id"] == DEVICE_ID
            for flow in home.hass.config_entries.flow.async_progress()
        )
    )


async def test_lock_removed_at_the_ras(home: Home) -> None:
    """A lock that its owner removed at the RAS goes from here too."""
    answer = await home.ras.person.post(f"/v1/devices/{DEVICE_ID}/remove", {"mode": "forget"})
    assert answer.code == 0

    await until(lambda: not home.entry.subentries)


async def test_entry_removed(home: Home, hass_storage: dict[str, Any]) -> None:
    """Nothing of a removed home stays behind."""
    await home.gateway.memory.async_save()
    assert f"igrs.{home.entry.entry_id}" in hass_storage

    await home.hass.config_entries.async_remove(home.entry.entry_id)

    assert f"igrs.{home.entry.entry_id}" not in hass_storage


async def test_secrets_are_private(home: Home, hass_storage: dict[str, Any]) -> None:
    """The file holds tickets and K_adv, but neither a lock key nor the setup code."""
    await home.gateway.memory.async_save()
    text = str(hass_storage[f"igrs.{home.entry.entry_id}"])

    assert "k_t" in text
    assert home.lock._role.ownership.k_d.hex() not in text
    assert home.lock._identity.k_f.hex() not in text


async def test_gateway_removed(home: Home) -> None:
    """A gateway that its owner removed asks for a new login."""
    gateway_id = home.entry.data["gateway_id"]
    answer = await home.ras.person.request("DELETE", f"/v1/gateways/{gateway_id}")
    assert answer.code == 0

    await until(
        lambda: any(
            flow["context"]["source"] == "reauth"
            for flow in home.hass.config_entries.flow.async_progress()
        )
    )


async def test_set_up_refused(hass: HomeAssistant, switch: RasSwitch, radio: None) -> None:
    """A gateway secret that the RAS does not know fails the set-up and asks for a login."""
    entry = await gateway_entry(switch.ras)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(
        entry, data={**entry.data, "gateway_secret": "wrong-secret-that-nobody-has"}
    )

    await hass.config_entries.async_setup(entry.entry_id)

    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert any(
        flow["context"]["source"] == "reauth" for flow in hass.config_entries.flow.async_progress()
    )


async def test_set_up_without_ras(hass: HomeAssistant, switch: RasSwitch, radio: None) -> None:
    """Without a RAS and without tickets the set-up is tried again."""
    entry = await gateway_entry(switch.ras)
    entry.add_to_hass(hass)
    await switch.stop()

    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY

    await switch.start()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.config_entries.async_unload(entry.entry_id)


async def test_new_address_reloads(home: Home) -> None:
    """Another address or secret takes effect by a reload."""
    before = home.gateway

    home.hass.config_entries.async_update_entry(
        home.entry, data={**home.entry.data, "user_id": "u-other"}
    )
    await home.hass.async_block_till_done()

    assert home.gateway is not before


@pytest.mark.parametrize("reachable", [True, False], ids=["reachable", "unreachable"])
async def test_update_entity(home: Home, *, reachable: bool) -> None:
    """Asking for an update connects for the state; out of reach it keeps what is known."""
    await async_setup_component(home.hass, "homeassistant", {})
    home.radio.faults.refuse_connections = 0 if reachable else 2

    await home.hass.services.async_call(
        "homeassistant", "update_entity", {"entity_id": LOCK}, blocking=True
    )

    assert home.state().state == "locked"
