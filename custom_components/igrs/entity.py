"""What all entities of a lock have in common."""

from collections.abc import Callable, Iterable

from homeassistant.core import callback
from homeassistant.helpers.device_registry import CONNECTION_BLUETOOTH, DeviceInfo
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import IgrsCoordinator
from .device import described
from .gateway import IgrsConfigEntry
from .igrs_codec.bsld.frame import Capability


@callback
def async_add_to_locks(
    entry: IgrsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    entities: Callable[[IgrsCoordinator], Iterable[Entity]],
    *,
    needs: Capability | None = None,
) -> None:
    """Add entities to each lock, now and later; to those that need it once it says it can."""

    @callback
    def take(coordinator: IgrsCoordinator) -> None:
        @callback
        def add() -> None:
            async_add_entities(entities(coordinator), config_subentry_id=coordinator.subentry_id)

        if needs is None:
            add()
        else:
            coordinator.async_when_able(needs, add)

    entry.async_on_unload(entry.runtime_data.async_on_lock(take))


class IgrsEntity(CoordinatorEntity[IgrsCoordinator]):
    """Something that one lock shows or does."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: IgrsCoordinator, key: str) -> None:
        """Belong to the device of the lock; key tells its entities apart."""
        super().__init__(coordinator)
        self._attr_unique_id = f"{coordinator.device_id}_{key}"
        about = described(coordinator.memory.version)
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, coordinator.device_id)},
            connections={(CONNECTION_BLUETOOTH, coordinator.address)},
            name=coordinator.name,
            serial_number=coordinator.device_id,
            model_id=about["model_id"],
            hw_version=about["hw_version"],
            sw_version=about["sw_version"],
            via_device_id=coordinator.hub_device_id,
        )
