"""What is said to a lock: when it does it, and what is answered when it does not."""

from unittest.mock import AsyncMock

from homeassistant.components.lock import LockState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import Context, Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import intent
from homeassistant.setup import async_setup_component
import pytest

from igrs_codec.bsld.frame import Bolt, Operation
from tests.integration.assist import PIN, choose, expose, heard, say
from tests.integration.home import EVENT, LOCK, Home, later, until
from tests.integration.people import bea, connected


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
    spoken_to.radio.forget()
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
