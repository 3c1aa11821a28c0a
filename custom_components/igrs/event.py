"""What happened at each lock: who did it, and how (project profile, protocol 8)."""

from typing import Any, Final, override

from homeassistant.components.event import EventEntity
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .coordinator import IgrsCoordinator
from .entity import IgrsEntity
from .gateway import IgrsConfigEntry
from .igrs_codec.bsld.frame import Event, Record

PARALLEL_UPDATES = 0  # nothing is polled

# Duress is not among them: whoever forces a person may look at this screen.
EVENTS: Final = {
    Event.LOCK: "locked",
    Event.UNLOCK: "unlocked",
    Event.OPEN: "opened",
    Event.DOOR_OPENED: "door_opened",
    Event.DOOR_CLOSED: "door_closed",
    Event.TAMPER: "tampered",
    Event.LOW_BATTERY: "battery_low",
    Event.WRONG_CODES: "wrong_codes",
    Event.JAM: "jammed",
    Event.FORCED: "forced",
    Event.AJAR: "door_ajar",
    Event.ALARM_CLEARED: "alarm_cleared",
}


async def async_setup_entry(
    _: HomeAssistant,
    entry: IgrsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the events of each lock, now and later."""
    entry.async_on_unload(
        entry.runtime_data.async_on_lock(
            lambda coordinator: async_add_entities(
                [AccessEvent(coordinator)], config_subentry_id=coordinator.subentry_id
            )
        )
    )


class AccessEvent(IgrsEntity, EventEntity):
    """The newest entry of a lock's log."""

    _attr_translation_key = "access"

    def __init__(self, coordinator: IgrsCoordinator) -> None:
        """Show the records of one lock."""
        super().__init__(coordinator, "access")
        self._attr_event_types = list(EVENTS.values())

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the lock's log."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.history.async_on_record(self._happened))

    @callback
    def _happened(self, record: Record, user: str | None) -> None:
        if (event_type := EVENTS.get(record.event)) is None:
            return
        attributes: dict[str, Any] = {
            "method": record.method.name.lower(),
            "user": user,
            "user_id": record.uid or None,
        }
        if not record.boot_time:
            attributes["recorded_at"] = dt_util.utc_from_timestamp(record.time).isoformat()
        self._trigger_event(event_type, attributes)
        self.async_write_ha_state()
