"""After how long each lock locks itself: wanted at the RAS, in force when the lock says so."""

from typing import override

from homeassistant.components.number import NumberDeviceClass, NumberEntity, NumberMode
from homeassistant.const import EntityCategory, UnitOfTime
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import IgrsCoordinator
from .entity import IgrsEntity, async_add_to_locks
from .errors import refusal
from .gateway import IgrsConfigEntry
from .igrs_codec.bsld.frame import Capability
from .ras_errors import RasError

PARALLEL_UPDATES = 0  # each lock has a queue of its own


async def async_setup_entry(
    _: HomeAssistant,
    entry: IgrsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the number of each lock that can lock itself, now and later."""
    async_add_to_locks(
        entry, async_add_entities, lambda it: [AutoRelock(it)], needs=Capability.AUTO_RELOCK
    )


class AutoRelock(IgrsEntity, NumberEntity):
    """After how many seconds a lock locks itself; 0 is never."""

    _attr_device_class = NumberDeviceClass.DURATION
    _attr_entity_category = EntityCategory.CONFIG
    _attr_mode = NumberMode.BOX
    _attr_native_max_value = 3600
    _attr_native_min_value = 0
    _attr_native_step = 1
    _attr_native_unit_of_measurement = UnitOfTime.SECONDS
    _attr_translation_key = "auto_relock"

    def __init__(self, coordinator: IgrsCoordinator) -> None:
        """Show what the lock reported last."""
        super().__init__(coordinator, "auto_relock")

    @property
    @override
    def available(self) -> bool:
        """Return whether the RAS is there: it keeps the value, and takes a new one."""
        return self.coordinator.online

    @property
    @override
    def native_value(self) -> float | None:
        """Return the value in force, None before the lock has reported one."""
        return self.coordinator.supply.relock

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the connection to the RAS too."""
        await super().async_added_to_hass()
        gateway = self.coordinator.config_entry.runtime_data
        self.async_on_remove(gateway.async_on_online(self.async_write_ha_state))

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Want another value; it is shown once the lock has confirmed it."""
        try:
            await self.coordinator.supply.async_set_relock(int(value))
        except RasError as err:
            raise refusal(err) from err
