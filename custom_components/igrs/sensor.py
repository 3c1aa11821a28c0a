"""The battery of each lock, and how long it can be operated without the RAS."""

from datetime import datetime
from typing import override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorStateClass
from homeassistant.const import PERCENTAGE, EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .coordinator import IgrsCoordinator
from .entity import IgrsEntity
from .gateway import IgrsConfigEntry

PARALLEL_UPDATES = 0  # nothing is polled


async def async_setup_entry(
    _: HomeAssistant,
    entry: IgrsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of each lock, now and later."""
    entry.async_on_unload(
        entry.runtime_data.async_on_lock(
            lambda coordinator: async_add_entities(
                [BatterySensor(coordinator), TicketSensor(coordinator)],
                config_subentry_id=coordinator.subentry_id,
            )
        )
    )


class BatterySensor(IgrsEntity, SensorEntity):
    """The charge of a lock's battery."""

    _attr_device_class = SensorDeviceClass.BATTERY
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_native_unit_of_measurement = PERCENTAGE
    _attr_state_class = SensorStateClass.MEASUREMENT

    def __init__(self, coordinator: IgrsCoordinator) -> None:
        """Show what the lock's state carries."""
        super().__init__(coordinator, "battery")

    @property
    @override
    def native_value(self) -> int | None:
        """Return the charge in percent."""
        return self.coordinator.data.battery


class TicketSensor(IgrsEntity, SensorEntity):
    """Until when the lock can be operated while the RAS is down."""

    _attr_device_class = SensorDeviceClass.TIMESTAMP
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_entity_registry_enabled_default = False
    _attr_translation_key = "offline_until"

    def __init__(self, coordinator: IgrsCoordinator) -> None:
        """Show the end of the ticket that lives longest."""
        super().__init__(coordinator, "offline_until")

    @property
    @override
    def available(self) -> bool:
        """Return True: a ticket is known wherever its lock is."""
        return True

    @property
    @override
    def native_value(self) -> datetime | None:
        """Return the end of the last ticket."""
        tickets = self.coordinator.memory.tickets.values()
        last = max((ticket.expires for ticket in tickets), default=None)
        return None if last is None else dt_util.utc_from_timestamp(last)
