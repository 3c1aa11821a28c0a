"""What happened at each lock: who did it, and how (project profile, protocol 8)."""

from typing import override

from homeassistant.components.event import EventEntity
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .access import ASKED, DENIED, EVENTS, Access
from .const import EVENT_ACCESS
from .coordinator import IgrsCoordinator
from .entity import IgrsEntity, async_add_to_locks
from .gateway import IgrsConfigEntry

PARALLEL_UPDATES = 0  # nothing is polled


async def async_setup_entry(
    _: HomeAssistant,
    entry: IgrsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the events of each lock, now and later."""
    async_add_to_locks(entry, async_add_entities, lambda it: [AccessEvent(it)])


class AccessEvent(IgrsEntity, EventEntity):
    """The newest entry of a lock's log."""

    _attr_translation_key = "access"

    def __init__(self, coordinator: IgrsCoordinator) -> None:
        """Show the records of one lock."""
        super().__init__(coordinator, "access")
        self._attr_event_types = [*EVENTS.values(), DENIED, ASKED]

    @property
    @override
    def available(self) -> bool:
        """Return True: the RAS and Home Assistant refuse people wherever the lock is."""
        return True

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the lock's log."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.history.async_on_access(self._happened))

    @callback
    def _happened(self, access: Access) -> None:
        if access.context is not None:
            self.async_set_context(access.context)
        self._trigger_event(access.what, access.attributes)
        self.async_write_ha_state()
        self.hass.bus.async_fire(
            EVENT_ACCESS,
            {
                "entity_id": self.entity_id,
                "name": self.coordinator.name,
                "event_type": access.what,
                **access.attributes,
            },
            context=access.context,
        )
        self._context = None  # what happens next is somebody else's
