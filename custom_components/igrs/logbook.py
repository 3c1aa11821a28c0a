"""What the logbook says of an access: what, who, and how, in the language of the home."""

from collections.abc import Callable
from typing import Any

from homeassistant.components.logbook import (
    LOGBOOK_ENTRY_ENTITY_ID,
    LOGBOOK_ENTRY_MESSAGE,
    LOGBOOK_ENTRY_NAME,
)
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations

from .const import DOMAIN, EVENT_ACCESS


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[[str, str, Callable[[Event], dict[str, Any]]], None],
) -> None:
    """Describe what was fired by the event entities."""

    @callback
    def describe(event: Event) -> dict[str, Any]:
        data = event.data
        texts = async_get_cached_translations(hass, hass.config.language, "entity", DOMAIN)

        def text(kind: str) -> str | None:
            key = f"component.{DOMAIN}.entity.event.access.state_attributes.{kind}.state"
            value = data.get(kind)
            return None if value is None else texts.get(f"{key}.{value}", value)

        parts = (data.get("user"), text("method"), text("reason"))
        told = ", ".join(part for part in parts if part)
        what = text("event_type")
        return {
            LOGBOOK_ENTRY_NAME: data["name"],
            LOGBOOK_ENTRY_MESSAGE: f"{what} ({told})" if told else what,
            LOGBOOK_ENTRY_ENTITY_ID: data[ATTR_ENTITY_ID],
        }

    async_describe_event(DOMAIN, EVENT_ACCESS, describe)
