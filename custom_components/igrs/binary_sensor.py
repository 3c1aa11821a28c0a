"""Doors, alarms, and the connection between the gateway and the RAS."""

from typing import override

from homeassistant.components.binary_sensor import BinarySensorDeviceClass, BinarySensorEntity
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import DOMAIN
from .coordinator import IgrsCoordinator
from .entity import IgrsEntity
from .gateway import Gateway, IgrsConfigEntry
from .igrs_codec.bsld.frame import Capability, Door

PARALLEL_UPDATES = 0  # nothing is polled


async def async_setup_entry(
    _: HomeAssistant,
    entry: IgrsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of the gateway, and of each lock, now and later."""

    @callback
    def add(coordinator: IgrsCoordinator) -> None:
        """Add the sensors of a lock; a door sensor when the lock says that it has one."""
        async_add_entities([AlarmSensor(coordinator)], config_subentry_id=coordinator.subentry_id)

        @callback
        def add_door() -> None:
            version = coordinator.memory.version
            if version is not None and Capability.DOOR_SENSOR in version.capabilities:
                async_add_entities(
                    [DoorSensor(coordinator)], config_subentry_id=coordinator.subentry_id
                )

        coordinator.async_when_known(add_door)

    async_add_entities([ConnectionSensor(entry.runtime_data)])
    entry.async_on_unload(entry.runtime_data.async_on_lock(add))


class ConnectionSensor(BinarySensorEntity):
    """Whether the gateway is connected to the RAS."""

    _attr_has_entity_name = True
    _attr_should_poll = False
    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    def __init__(self, gateway: Gateway) -> None:
        """Belong to the device that stands for the gateway."""
        self._gateway = gateway
        self._attr_unique_id = f"{gateway.server_id}_connection"
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, gateway.server_id)})

    @property
    @override
    def is_on(self) -> bool:
        """Return whether the RAS can push messages to the gateway."""
        return self._gateway.online

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the connection."""
        self.async_on_remove(self._gateway.async_on_online(self.async_write_ha_state))


class AlarmSensor(IgrsEntity, BinarySensorEntity):
    """Whether tampering, force, wrong codes or a door open too long wait for somebody."""

    _attr_device_class = BinarySensorDeviceClass.PROBLEM
    _attr_translation_key = "alarm"

    def __init__(self, coordinator: IgrsCoordinator) -> None:
        """Show the alarm that the lock keeps until it is cleared."""
        super().__init__(coordinator, "alarm")

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether an alarm is latched."""
        state = self.coordinator.data.state
        return None if state is None else state.alarm


class DoorSensor(IgrsEntity, BinarySensorEntity):
    """Whether the door is open."""

    _attr_device_class = BinarySensorDeviceClass.DOOR

    def __init__(self, coordinator: IgrsCoordinator) -> None:
        """Show the contact that the lock has built in."""
        super().__init__(coordinator, "door")

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether the door is open."""
        state = self.coordinator.data.state
        if state is None or state.door is Door.NO_SENSOR:
            return None
        return state.door is not Door.CLOSED
