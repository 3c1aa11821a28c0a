"""What counts as said to a lock, and what is left to Home Assistant."""

import contextvars
from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import Context, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    intent,
)
from homeassistant.helpers.chat_session import async_get_chat_session
from homeassistant.setup import async_setup_component
import pytest

from custom_components.igrs.asker import How, async_asker
from igrs_codec.bsld.frame import Bolt
from tests.integration.assist import PIN, choose, heard, say
from tests.integration.home import EVENT, LOCK, Home


async def test_everything_else(spoken_to: Home) -> None:
    """What is not one of our locks is left to Home Assistant's own handlers."""
    assert await async_setup_component(
        spoken_to.hass, "input_boolean", {"input_boolean": {"lamp": {"name": "Lamp"}}}
    )
    await say(spoken_to, "turn on the lamp")
    assert spoken_to.hass.states.is_state("input_boolean.lamp", "off")  # it is not exposed

    response = await intent.async_handle(
        spoken_to.hass, "test", "HassTurnOn", {"name": {"value": "Lamp"}}
    )

    assert [target.id for target in response.success_results] == ["input_boolean.lamp"]
    assert spoken_to.hass.states.is_state("input_boolean.lamp", "on")
    with pytest.raises(intent.IntentHandleError, match="all devices"):
        await intent.async_handle(spoken_to.hass, "test", "HassTurnOff", {"name": {"value": "all"}})


async def test_whole_area(spoken_to: Home, caplog: pytest.LogCaptureFixture) -> None:
    """A lock that is only one of many things that are turned off is not unlocked along."""
    choose(spoken_to, "with_pin")
    assert await async_setup_component(
        spoken_to.hass, "input_boolean", {"input_boolean": {"lamp": {"name": "Lamp"}}}
    )
    hall = ar.async_get(spoken_to.hass).async_create("Hall")
    registry = er.async_get(spoken_to.hass)
    entity = registry.async_get(LOCK)
    assert entity is not None
    assert entity.device_id is not None
    dr.async_get(spoken_to.hass).async_update_device(entity.device_id, area_id=hall.id)
    registry.async_update_entity("input_boolean.lamp", area_id=hall.id)

    response = await intent.async_handle(
        spoken_to.hass, "test", "HassTurnOff", {"area": {"value": "Hall"}}
    )

    await spoken_to.hass.async_block_till_done()
    assert response.response_type is intent.IntentResponseType.ACTION_DONE
    assert spoken_to.state(EVENT).attributes["reason"] == "voice_needs_pin"
    assert spoken_to.lock.state.bolt is Bolt.LOCKED
    caplog.clear()  # Home Assistant logs what failed


async def test_what_a_conversation_starts(spoken_to: Home) -> None:
    """An action of a script that a voice started is a voice's; it can give the PIN as code."""
    choose(spoken_to, "with_pin")
    act = spoken_to.hass.services.async_call

    with async_get_chat_session(spoken_to.hass):
        with pytest.raises(HomeAssistantError, match="say the PIN"):
            await act("lock", "unlock", {"entity_id": LOCK}, blocking=True)
        await act("lock", "unlock", {"entity_id": LOCK, "code": PIN}, blocking=True)

    assert spoken_to.lock.state.bolt is Bolt.UNLOCKED


async def test_what_a_sentence_starts_indirectly(spoken_to: Home) -> None:
    """An automation that a helper starts, which a voice has switched, is a voice's, too."""
    hass = spoken_to.hass
    choose(spoken_to, "with_pin")
    assert await async_setup_component(
        hass, "input_boolean", {"input_boolean": {"party": {"name": "Party"}}}
    )
    automation = {
        "triggers": {"trigger": "state", "entity_id": "input_boolean.party", "to": "on"},
        "actions": {"action": "lock.unlock", "target": {"entity_id": LOCK}},
    }
    assert await async_setup_component(hass, "automation", {"automation": automation})

    await intent.async_handle(hass, "test", "HassTurnOn", {"name": {"value": "Party"}})
    await hass.async_block_till_done()

    assert spoken_to.state("input_boolean.party").state == "on"
    assert spoken_to.state(EVENT).attributes["reason"] == "voice_needs_pin"
    assert spoken_to.lock.state.bolt is Bolt.LOCKED


async def test_what_a_sentence_sets_off(spoken_to: Home, freezer: FrozenDateTimeFactory) -> None:
    """What comes of a sentence at once is a voice's; what a timer of it does hours later is not."""
    hass = spoken_to.hass
    kept: list[contextvars.Context] = []

    async def turn_off(_: ServiceCall) -> None:
        kept.append(contextvars.copy_context())  # as each task and timer that begins here

    hass.services.async_register("light", "turn_off", turn_off)
    hass.states.async_set("light.hall", "on", {"friendly_name": "Hall light"})
    async_expose_entity(hass, "conversation", "light.hall", should_expose=True)
    await say(spoken_to, "turn off the hall light")

    async def how() -> How:
        asking = async_asker(hass, Context(), {})
        return (await hass.loop.create_task(asking, context=kept[0])).how

    assert await how() is How.VOICE
    freezer.tick(timedelta(minutes=10))
    assert await how() is How.VOICE
    freezer.tick(timedelta(hours=1))
    assert await how() is How.AUTOMATION


async def test_intent_from_elsewhere(spoken_to: Home) -> None:
    """An intent counts as spoken without a conversation, too: nobody knows who wants it."""
    choose(spoken_to, "with_pin")
    hass, door = spoken_to.hass, {"name": {"value": "Front door"}}

    plain = await intent.async_handle(hass, "test", "HassTurnOff", door)
    await intent.async_handle(hass, "test", "IgrsUnlockWithPin", door | {"pin": {"value": PIN}})

    assert heard(plain) == "To unlock by voice, say the PIN as well."
    assert spoken_to.lock.state.bolt is Bolt.UNLOCKED
