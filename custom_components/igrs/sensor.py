"""What is measured at each lock, who used it last, and how well it works."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Final, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import (
    PERCENTAGE,
    SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
    EntityCategory,
    UnitOfTime,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .asker import How
from .coordinator import IgrsCoordinator
from .entity import IgrsEntity, async_add_to_locks
from .gateway import IgrsConfigEntry
from .storage import Measured

PARALLEL_UPDATES = 0  # nothing is polled


@dataclass(frozen=True, kw_only=True)
class IgrsSensorDescription(SensorEntityDescription):
    """What is shown; always says that it is known wherever its lock is."""

    value: Callable[[IgrsCoordinator], datetime | str | float | None]
    always: bool = True


def _ticket_end(coordinator: IgrsCoordinator) -> datetime | None:
    tickets = coordinator.memory.tickets.values()
    last = max((ticket.expires for ticket in tickets), default=None)
    return None if last is None else dt_util.utc_from_timestamp(last)


def unlock_time(operations: list[Measured], share: float) -> float | None:
    """Return in how many seconds that share (0..1) of the unlocks was done."""
    times = sorted(each.seconds for each in operations if each.done and each.opened)
    return times[ceil(share * len(times)) - 1] if times else None


def success_rate(operations: list[Measured]) -> float | None:
    """Return how many of a hundred operations were done."""
    if not operations:
        return None
    return 100 * sum(each.done for each in operations) / len(operations)


SENSORS: Final = (
    IgrsSensorDescription(
        key="battery",
        device_class=SensorDeviceClass.BATTERY,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        value=lambda it: it.data.battery,
        always=False,
    ),
    IgrsSensorDescription(
        key="last_person",
        translation_key="last_person",
        value=lambda it: None if it.history.unread else it.memory.last_user,
    ),
    IgrsSensorDescription(
        key="last_method",
        translation_key="last_method",
        device_class=SensorDeviceClass.ENUM,
        options=list(How),
        value=lambda it: None if it.history.unread else it.memory.last_how,
    ),
    IgrsSensorDescription(
        key="offline_until",
        translation_key="offline_until",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value=_ticket_end,
    ),
    IgrsSensorDescription(
        key="signal",
        device_class=SensorDeviceClass.SIGNAL_STRENGTH,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        native_unit_of_measurement=SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
        state_class=SensorStateClass.MEASUREMENT,
        value=lambda it: it.adverts.rssi,
        always=False,
    ),
    IgrsSensorDescription(
        key="unlock_time_p50",
        translation_key="unlock_time_p50",
        device_class=SensorDeviceClass.DURATION,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_display_precision=2,
        state_class=SensorStateClass.MEASUREMENT,
        value=lambda it: unlock_time(it.memory.operations, 0.5),
    ),
    IgrsSensorDescription(
        key="unlock_time_p95",
        translation_key="unlock_time_p95",
        device_class=SensorDeviceClass.DURATION,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_display_precision=2,
        state_class=SensorStateClass.MEASUREMENT,
        value=lambda it: unlock_time(it.memory.operations, 0.95),
    ),
    IgrsSensorDescription(
        key="success_rate",
        translation_key="success_rate",
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=0,
        state_class=SensorStateClass.MEASUREMENT,
        value=lambda it: success_rate(it.memory.operations),
    ),
)


async def async_setup_entry(
    _: HomeAssistant,
    entry: IgrsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of each lock, now and later."""
    async_add_to_locks(
        entry, async_add_entities, lambda it: [LockSensor(it, each) for each in SENSORS]
    )


class LockSensor(IgrsEntity, SensorEntity):
    """One value of a lock."""

    entity_description: IgrsSensorDescription

    def __init__(self, coordinator: IgrsCoordinator, description: IgrsSensorDescription) -> None:
        """Show what the description takes from the lock."""
        super().__init__(coordinator, description.key)
        self.entity_description = description

    @property
    @override
    def available(self) -> bool:
        """Return whether the value is known now."""
        return self.entity_description.always or super().available

    @property
    @override
    def native_value(self) -> datetime | str | float | None:
        """Return the value."""
        return self.entity_description.value(self.coordinator)
