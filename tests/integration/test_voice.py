"""What is said to a lock, in four languages: what it does, and what is answered."""

import contextvars
from datetime import timedelta
import json
from pathlib import Path
import re
from typing import Final
from unittest.mock import AsyncMock

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.components.lock import LockState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import (
    Context,
    Event,
    EventStateChangedData,
    HomeAssistant,
    ServiceCall,
    callback,
)
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

from custom_components.igrs import sentences
from custom_components.igrs.asker import How, async_asker
from custom_components.igrs.errors import LockError, Reason
from custom_components.igrs.voice import async_said
from igrs_codec.bsld.frame import Bolt, Operation
from tests.integration.assist import PIN, choose, expose, heard, say
from tests.integration.home import LOCK, Home, later, until
from tests.integration.people import bea, connected

EVENT: Final = "event.front_door_access"
MANUAL: Final = Path(__file__).parents[2] / "docs/security-choices.md"
TRANSLATIONS: Final = Path(sentences.__file__).parent / "translations"

LOCKS: Final = [
    ("en", "lock the front door"),
    ("de", "schließe die Haustür ab"),
    ("es", "cierra con llave la puerta principal"),
    ("zh-CN", "锁上前门"),
]
UNLOCKS: Final = [
    ("en", "unlock the front door"),
    ("de", "entsperre die Haustür"),
    ("es", "abre la puerta principal"),
    ("zh-CN", "解锁前门"),
]
QUERIES: Final = [
    ("en", "is the front door locked", "Yes"),
    ("de", "ist die Haustür abgeschlossen", "Ja"),
    ("es", "está la puerta principal cerrada con llave", "Sí"),
    ("zh-CN", "前门锁了吗", "是的"),
]
WITH_PIN: Final = [
    ("en", "Unlock the front door with PIN 2580"),
    ("en", "unlock the front door, with my pin two five eight zero."),
    ("en", "use code 2 5 8 0 to unlock the front door"),
    ("de", "Entsperre die Haustür mit der PIN 2580"),
    ("de", "schließ die Haustür mit dem Code zwei fünf acht null auf"),
    ("es", "abre la puerta principal con el código 2580"),
    ("es", "desbloquea la puerta principal con el pin dos cinco ocho cero"),
    ("zh-CN", "用密码2580打开前门"),
    ("zh-CN", "打开前门\N{FULLWIDTH COMMA}密码是二五八零"),
]


@callback
def record_states(hass: HomeAssistant) -> list[str]:
    """Return the list of states that the lock shows from now on."""
    shown: list[str] = []

    @callback
    def changed(event: Event[EventStateChangedData]) -> None:
        new = event.data["new_state"]
        if event.data["entity_id"] == LOCK and new is not None:
            shown.append(new.state)

    hass.bus.async_listen("state_changed", changed)
    return shown


@pytest.mark.parametrize(("language", "text"), UNLOCKS)
async def test_unlock(spoken_to: Home, language: str, text: str) -> None:
    """Without a PIN, where the owner wants it so, the plain sentence unlocks."""
    choose(spoken_to, "without_pin")

    response = await say(spoken_to, text, language)

    assert response.response_type is intent.IntentResponseType.ACTION_DONE
    assert spoken_to.lock.state.bolt is Bolt.UNLOCKED
    assert [target.id for target in response.success_results] == [LOCK]


@pytest.mark.parametrize(("language", "text"), LOCKS)
async def test_lock(spoken_to: Home, language: str, text: str) -> None:
    """To lock nobody is asked for a PIN."""
    await spoken_to.call("unlock")

    response = await say(spoken_to, text, language)

    assert response.response_type is intent.IntentResponseType.ACTION_DONE
    assert spoken_to.lock.state.bolt is Bolt.LOCKED


@pytest.mark.parametrize(("language", "text", "answer"), QUERIES)
async def test_query(spoken_to: Home, language: str, text: str, answer: str) -> None:
    """A question is answered from the state, without a connection."""
    response = await say(spoken_to, text, language)

    assert response.response_type is intent.IntentResponseType.QUERY_ANSWER
    assert heard(response).startswith(answer)
    assert spoken_to.radio.traffic.connections == 0


@pytest.mark.parametrize(("language", "text"), WITH_PIN)
async def test_unlock_with_pin(spoken_to: Home, language: str, text: str) -> None:
    """With the PIN in the sentence the lock unlocks, and the event says it was a voice."""
    choose(spoken_to, "with_pin")

    await say(spoken_to, text, language)

    assert spoken_to.lock.state.bolt is Bolt.UNLOCKED
    assert spoken_to.state().attributes["changed_by"] == "voice"


def test_languages() -> None:
    """There is a sentence with a PIN in each of the four languages."""
    assert set(sentences.SENTENCES) == {language.partition("-")[0] for language, _ in WITH_PIN}


@pytest.mark.parametrize(("language", "text"), UNLOCKS)
async def test_pin_is_missing(spoken_to: Home, language: str, text: str) -> None:
    """By default a plain sentence does not unlock; the answer says what is missing."""
    choose(spoken_to, "with_pin")

    response = await say(spoken_to, text, language)

    assert response.response_type is intent.IntentResponseType.ERROR
    assert spoken_to.lock.state.bolt is Bolt.LOCKED
    event = spoken_to.state(EVENT).attributes
    assert (event["event_type"], event["method"]) == ("denied", "voice")
    assert event["reason"] == "voice_needs_pin"


async def test_default(spoken_to: Home) -> None:
    """As long as the owner has chosen nothing there is no PIN, and no way in by voice."""
    response = await say(spoken_to, "unlock the front door")

    assert heard(response).startswith("There is no voice PIN yet")
    assert spoken_to.lock.state.bolt is Bolt.LOCKED


@pytest.mark.parametrize("text", ["unlock the front door", f"unlock the front door with pin {PIN}"])
async def test_never(spoken_to: Home, text: str) -> None:
    """Where the owner wants it so, no voice unlocks, whatever it says."""
    choose(spoken_to, "never")

    response = await say(spoken_to, text)

    assert heard(response) == "This lock is not unlocked by voice. Its owner has chosen so."
    assert spoken_to.lock.state.bolt is Bolt.LOCKED
    assert spoken_to.state(EVENT).attributes["reason"] == "voice_off"


async def test_wrong_pin(spoken_to: Home) -> None:
    """A wrong PIN opens nothing, and is told as refused."""
    choose(spoken_to, "with_pin")

    response = await say(spoken_to, "unlock the front door with pin 9999")

    assert heard(response) == "The PIN is wrong."
    assert spoken_to.radio.traffic.connections == 0
    assert spoken_to.state(EVENT).attributes["reason"] == "pin_wrong"


@pytest.mark.parametrize("said", ["twelve", "123", "abcd", "1234567890123"])
async def test_no_pin(spoken_to: Home, said: str) -> None:
    """What is no PIN is not compared with it, and does not count."""
    choose(spoken_to, "with_pin")

    response = await say(spoken_to, f"unlock the front door with pin {said}")

    assert heard(response).startswith("A PIN has 4 to 12 digits")
    assert spoken_to.gateway.memory.pin_tries.wrong == 0


async def test_fault(
    spoken_to: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of our own is logged, and not said to be a door that nobody knows."""
    choose(spoken_to, "with_pin")
    fault = AsyncMock(side_effect=KeyError)
    monkeypatch.setattr("custom_components.igrs.intent.async_operate", fault)

    response = await say(spoken_to, f"unlock the front door with pin {PIN}")

    assert response.response_type is intent.IntentResponseType.ERROR
    assert heard(response).startswith("Error handling")
    assert "KeyError" in caplog.text
    caplog.clear()  # it was meant to be logged


async def test_other_door(spoken_to: Home) -> None:
    """A door that nobody knows is said to be unknown; so is one that is not exposed."""
    choose(spoken_to, "with_pin")

    response = await say(spoken_to, f"unlock the back door with pin {PIN}")

    assert heard(response) == "No lock of this name can be unlocked with a voice PIN."


async def test_not_exposed(assist: None, home: Home) -> None:
    """A lock that the owner has not exposed is not there for a voice."""
    choose(home, "without_pin")

    plain = await say(home, "unlock the front door")
    with_pin = await say(home, f"unlock the front door with pin {PIN}")

    assert plain.error_code is intent.IntentResponseErrorCode.NO_VALID_TARGETS
    assert heard(with_pin) == "No lock of this name can be unlocked with a voice PIN."
    assert home.lock.state.bolt is Bolt.LOCKED


@pytest.mark.parametrize(
    "text",
    ["unlock the front door", f"unlock the front door with pin {PIN}", "lock the front door"],
)
async def test_out_of_reach(spoken_to: Home, text: str) -> None:
    """A lock that shows as unavailable is not said to be unlocking: nobody reaches it."""
    choose(spoken_to, "with_pin")
    spoken_to.radio.silence()
    later(spoken_to, 301)
    await spoken_to.until_state(STATE_UNAVAILABLE)

    response = await say(spoken_to, text)

    assert heard(response) == "The lock is out of range."
    assert spoken_to.radio.traffic.connections == 0


async def test_known_to_be_out_of_reach(home: Home) -> None:
    """What nobody hears any more is refused at once, and never shown as unlocking."""
    home.radio.forget()
    shown = record_states(home.hass)

    with pytest.raises(HomeAssistantError, match="out of range"):
        await home.call("unlock")

    assert LockState.UNLOCKING not in shown
    assert home.state().state == LockState.LOCKED


async def test_jam(spoken_to: Home) -> None:
    """The answer waits for the bolt: one that jams is not said to be locking."""
    await spoken_to.call("unlock")
    spoken_to.lock.jam_next()

    response = await say(spoken_to, "lock the front door")

    assert heard(response) == "The bolt is jammed."


async def test_lock_set_apart(spoken_to: Home) -> None:
    """What the owner chose for a lock goes before what he chose for the home."""
    choose(spoken_to, "without_pin")
    (subentry,) = spoken_to.entry.get_subentries_of_type("lock")
    spoken_to.hass.config_entries.async_update_subentry(
        spoken_to.entry, subentry, data={**subentry.data, "voice_unlock": "never"}
    )

    response = await say(spoken_to, "unlock the front door")

    assert heard(response).startswith("This lock is not unlocked by voice")


async def test_user_without_permission(spoken_to: Home) -> None:
    """Who may not control the lock in Home Assistant may not by voice either."""
    choose(spoken_to, "without_pin")
    await spoken_to.hass.auth.async_create_user("Anna")  # the first one is the owner
    carl = await spoken_to.hass.auth.async_create_user("Carl", group_ids=["system-read-only"])

    response = await say(spoken_to, "unlock the front door", context=Context(user_id=carl.id))

    assert heard(response) == "You may not do this at this lock. Ask its owner for access."
    assert spoken_to.lock.state.bolt is Bolt.LOCKED
    assert spoken_to.state(EVENT).attributes["user"] == "Carl"


async def test_person(spoken_to: Home) -> None:
    """Who speaks where he is logged in is told by name, and only for what he did."""
    choose(spoken_to, "with_pin")
    user = await spoken_to.hass.auth.async_create_user("Bea")
    context = Context(user_id=user.id)

    await say(spoken_to, f"unlock the front door with pin {PIN}", context=context)

    assert spoken_to.lock.state.bolt is Bolt.UNLOCKED
    assert spoken_to.state().attributes["changed_by"] == "Bea"
    assert spoken_to.state().context.user_id == user.id
    await until(lambda: spoken_to.state(EVENT).attributes.get("method") == "voice")
    await spoken_to.settle()
    spoken_to.lock.turn_knob(Operation.LOCK)
    await spoken_to.until_state("locked")
    assert spoken_to.state().context.user_id is None


async def test_person_without_right(spoken_to: Home) -> None:
    """The server decides for a person who speaks, as for one who presses a button."""
    choose(spoken_to, "without_pin")
    user = await connected(spoken_to, (await bea(spoken_to)).user_id)

    response = await say(spoken_to, "unlock the front door", context=Context(user_id=user.id))

    assert heard(response) == "You may not do this at this lock. Ask its owner for access."
    assert spoken_to.radio.traffic.connections == 0


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


async def test_assist_comes_later(home: Home) -> None:
    """Home Assistant may set up Assist after us; the sentences and refusals are there as well."""
    assert await async_setup_component(home.hass, "homeassistant", {})
    assert await async_setup_component(home.hass, "conversation", {})
    await home.hass.async_block_till_done()
    expose(home)
    choose(home, "with_pin")

    plain = await say(home, "unlock the front door")
    assert heard(plain) == "To unlock by voice, say the PIN as well."
    await say(home, f"unlock the front door with pin {PIN}")

    assert home.lock.state.bolt is Bolt.UNLOCKED


async def test_home_that_is_gone(spoken_to: Home) -> None:
    """Once the home is unloaded its lock is nobody's, and the answer says so."""
    choose(spoken_to, "with_pin")
    await spoken_to.hass.config_entries.async_unload(spoken_to.entry.entry_id)

    response = await say(spoken_to, f"unlock the front door with pin {PIN}")

    assert heard(response) == "No lock of this name can be unlocked with a voice PIN."


async def test_intent_from_elsewhere(spoken_to: Home) -> None:
    """An intent counts as spoken without a conversation, too: nobody knows who wants it."""
    choose(spoken_to, "with_pin")
    hass, door = spoken_to.hass, {"name": {"value": "Front door"}}

    plain = await intent.async_handle(hass, "test", "HassTurnOff", door)
    await intent.async_handle(hass, "test", "IgrsUnlockWithPin", door | {"pin": {"value": PIN}})

    assert heard(plain) == "To unlock by voice, say the PIN as well."
    assert spoken_to.lock.state.bolt is Bolt.UNLOCKED


async def test_other_language(
    spoken_to: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The sentences that the manual has for another language work."""
    choose(spoken_to, "with_pin")
    (text,) = re.findall(r"```yaml\n(language: fr.*?)```", MANUAL.read_text("utf-8"), re.DOTALL)
    folder = tmp_path / "custom_sentences/fr"
    folder.mkdir(parents=True)
    (folder / "igrs.yaml").write_text(text, "utf-8")
    monkeypatch.setattr(spoken_to.hass.config, "config_dir", str(tmp_path))

    response = await say(spoken_to, f"ouvre la Front door avec le code {PIN}", "fr")

    assert heard(response) == "Front door est déverrouillée"
    assert spoken_to.lock.state.bolt is Bolt.UNLOCKED


@pytest.mark.parametrize(
    ("language", "name"),
    [("en-GB", "en"), ("de-AT", "de"), ("es-MX", "es"), ("zh-CN", "zh-Hans"), ("tlh", "en")],
)
async def test_language_of_the_answer(hass: HomeAssistant, language: str, name: str) -> None:
    """A refusal is said in the language that is spoken, else in English."""
    texts = json.loads((TRANSLATIONS / f"{name}.json").read_text("utf-8"))["exceptions"]
    far = LockError(Reason.OUT_OF_RANGE, why="because of the walls")

    said = await async_said(hass, LockError(Reason.VOICE_NEEDS_PIN), language)
    explained = await async_said(hass, far, language)

    assert said == texts["voice_needs_pin"]["message"]
    assert explained == texts["out_of_range"]["message"].format(why="").strip()
