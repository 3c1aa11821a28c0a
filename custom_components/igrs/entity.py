"""What all entities of a lock have in common."""

from homeassistant.helpers.device_registry import CONNECTION_BLUETOOTH, DeviceInfo
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import IgrsCoordinator
from .device import described


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
