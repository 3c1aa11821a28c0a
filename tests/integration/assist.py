"""Speaking to Home Assistant: its own conversation agent, with the sentences that it ships."""

from homeassistant.components.conversation import async_converse
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import Context
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.intent import IntentResponse

from custom_components.igrs.pin import sealed
from tests.integration.home import LOCK, Home

PIN = "2580"
NAMES = ("Haustür", "puerta principal", "前门")
"""The front door, for who does not speak English."""


def expose(home: Home) -> None:
    """Let Assist see the lock, under a name in each language."""
    er.async_get(home.hass).async_update_entity(LOCK, aliases=[er.COMPUTED_NAME, *NAMES])
    async_expose_entity(home.hass, "conversation", LOCK, should_expose=True)


def choose(home: Home, voice_unlock: str, pin: str | None = PIN) -> None:
    """Choose what a voice may do, as the owner does in the options."""
    options = {"voice_unlock": voice_unlock}
    kept = {} if pin is None else {"voice_pin": sealed(pin)}
    home.hass.config_entries.async_update_entry(home.entry, options=options | kept)


async def say(
    home: Home, text: str, language: str = "en", context: Context | None = None
) -> IntentResponse:
    """Say something, and return what is answered."""
    result = await async_converse(home.hass, text, None, context or Context(), language=language)
    return result.response


def heard(response: IntentResponse) -> str:
    """Return what is heard as an answer."""
    speech: str = response.speech["plain"]["speech"]
    return speech
