"""Doors, alarms and trouble, and the connection between the gateway and the RAS."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import DOMAIN
from .coordinator import IgrsCoordinator
from .entity import IgrsEntity, async_add_to_locks
from .gateway import Gateway, IgrsConfigEntry
from .igrs_codec.bsld.frame import Bolt, Capability, Door, LockState
from .storage import LockMemory

PARALLEL_UPDATES = 0  # nothing is polled


@dataclass(frozen=True, kw_only=True)
class IgrsBinarySensorDescription(BinarySensorEntityDescription):
    """What is shown of a lock's state, and of what is remembered of it."""

    value: Callable[[LockState, LockMemory], bool]


SENSORS: Final = (
    IgrsBinarySensorDescription(
        key="alarm",
        translation_key="alarm",
        device_class=BinarySensorDeviceClass.SAFETY,
        value=lambda state, _: state.alarm,
    ),
    IgrsBinarySensorDescription(
        key="problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        value=lambda state, _: state.bolt is Bolt.JAMMED or state.clock_unset,
    ),
    IgrsBinarySensorDescription(
        key="tamper",
        device_class=BinarySensorDeviceClass.TAMPER,
        value=lambda state, memory: state.alarm and memory.tampered,
    ),
    IgrsBinarySensorDescription(
        key="battery_low",
        device_class=BinarySensorDeviceClass.BATTERY,
        entity_category=EntityCategory.DIAGNOSTIC,
        value=lambda state, _: state.battery_low,
    ),
)
DOOR: Final = IgrsBinarySensorDescription(
    key="door",
    device_class=BinarySensorDeviceClass.DOOR,
    value=lambda state, _: state.door is not Door.CLOSED,
)


async def async_setup_entry(
    _: HomeAssistant,
    entry: IgrsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of the gateway, and of each lock, now and later."""
    async_add_entities([ConnectionSensor(entry.runtime_data)])
    async_add_to_locks(
        entry, async_add_entities, lambda it: [LockBinarySensor(it, each) for each in SENSORS]
    )
    async_add_to_locks(
        entry,
        async_add_entities,
        lambda it: [LockBinarySensor(it, DOOR)],
        needs=Capability.DOOR_SENSOR,
    )


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


class LockBinarySensor(IgrsEntity, BinarySensorEntity):
    """One thing about a lock that is so, or not."""

    entity_description: IgrsBinarySensorDescription

    def __init__(
        self, coordinator: IgrsCoordinator, description: IgrsBinarySensorDescription
    ) -> None:
        """Show what the description takes from the lock."""
        super().__init__(coordinator, description.key)
        self.entity_description = description

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether it is so; None before anything is known."""
        state = self.coordinator.data.state
        if state is None or (self.entity_description is DOOR and state.door is Door.NO_SENSOR):
            return None
        return self.entity_description.value(state, self.coordinator.memory)
