"""The firmware of each lock, as far as the locks tell.

Nobody publishes firmware for this profile; a newer one is known only when another lock of the
same model in this home reports it. It is installed with the maker's own tool.
"""

from typing import override

from homeassistant.components.update import UpdateDeviceClass, UpdateEntity
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import IgrsCoordinator
from .entity import IgrsEntity, async_add_to_locks
from .gateway import IgrsConfigEntry
from .igrs_codec.bsld.values import Version

PARALLEL_UPDATES = 0  # nothing is polled


async def async_setup_entry(
    _: HomeAssistant,
    entry: IgrsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the firmware of each lock, now and later."""
    async_add_to_locks(entry, async_add_entities, lambda it: [Firmware(it)])


class Firmware(IgrsEntity, UpdateEntity):
    """The firmware that a lock reports, and the newest one that its like report."""

    _attr_device_class = UpdateDeviceClass.FIRMWARE
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    def __init__(self, coordinator: IgrsCoordinator) -> None:
        """Show what the lock reported."""
        super().__init__(coordinator, "firmware")

    @property
    @override
    def available(self) -> bool:
        """Return True: what was reported is remembered."""
        return True

    @property
    @override
    def installed_version(self) -> str | None:
        """Return the version that the lock reported."""
        version = self.coordinator.memory.version
        return None if version is None else version.firmware

    @property
    @override
    def latest_version(self) -> str | None:
        """Return the newest version that a lock of this model reported here."""
        own = self.coordinator.memory.version
        if own is None:
            return None
        others = self.coordinator.config_entry.runtime_data.coordinators.values()
        known = [other.memory.version for other in others if other.memory.version is not None]
        return max((it for it in known if it.model == own.model), key=_order, default=own).firmware


def _order(version: Version) -> tuple[int, int, int]:
    return version.major, version.minor, version.patch
