"""Users of Home Assistant who are persons of the RAS: it decides for each of them."""

from homeassistant.auth.const import GROUP_ID_ADMIN
from homeassistant.auth.models import User
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
import pytest

from igrs_codec.bsld.frame import Bolt
from tests.integration.home import DEVICE_ID, EVENT, LOCK, Home, until
from tests.integration.people import bea, connected


async def unlock(home: Home, user: User) -> None:
    """Unlock as a user."""
    await home.hass.services.async_call(
        "lock",
        "unlock",
        {ATTR_ENTITY_ID: LOCK},
        blocking=True,
        context=Context(user_id=user.id),
    )


async def test_without_the_right(home: Home) -> None:
    """Who has no right is refused in words, told, and nothing is written to the lock."""
    user = await connected(home, (await bea(home)).user_id)
    home.radio.reset()

    with pytest.raises(HomeAssistantError, match="may not do this"):
        await unlock(home, user)

    assert home.radio.traffic.connections == 0
    assert home.lock.state.bolt is Bolt.LOCKED
    assert home.state().state == "locked"
    event = home.state(EVENT).attributes
    assert (event["event_type"], event["user"], event["method"]) == ("denied", "Bea", "app")
    assert event["reason"] == "no_permission"


async def test_with_a_grant(home: Home) -> None:
    """Who has the right unlocks with a ticket of his own; the lock's record says whose."""
    person = await bea(home, rights=["lock", "unlock"])
    user = await connected(home, person.user_id)

    await unlock(home, user)

    assert home.lock.state.bolt is Bolt.UNLOCKED
    own = home.coordinator.memory.people[person.user_id][1]
    assert own.uid != home.coordinator.memory.tickets[1].uid
    await until(lambda: home.state(EVENT).attributes.get("user_id") == own.uid)
    assert home.state(EVENT).attributes["user"] == "Bea"


async def test_revoked(home: Home) -> None:
    """A right that was taken away is gone with the next try."""
    person = await bea(home, rights=["lock", "unlock"])
    user = await connected(home, person.user_id)
    await unlock(home, user)
    await home.call("lock")
    grants = (await home.ras.person.get(f"/v1/devices/{DEVICE_ID}/grants")).data["items"]
    await home.ras.person.request("DELETE", f"/v1/grants/{grants[0]['grant_id']}")

    with pytest.raises(HomeAssistantError, match="refuses"):
        await unlock(home, user)

    assert not home.coordinator.memory.people[person.user_id]
    assert home.lock.state.bolt is Bolt.LOCKED


async def test_asked_each_time(home: Home) -> None:
    """A grant whose uses are counted has no ticket: the server does it, until they are spent."""
    person = await bea(home, rights=["lock", "unlock"], uses={"max": 1})
    user = await connected(home, person.user_id)

    await unlock(home, user)
    assert home.lock.state.bolt is Bolt.UNLOCKED
    assert home.state().state == "unlocked"

    with pytest.raises(HomeAssistantError, match="spent"):
        await unlock(home, user)


async def test_without_the_server(home: Home) -> None:
    """A ticket that a person got before works while the server is away; others are refused."""
    person = await bea(home, rights=["lock", "unlock"])
    user = await connected(home, person.user_id)
    await unlock(home, user)
    await home.call("lock")
    stranger = await home.hass.auth.async_create_user("Carl", group_ids=[GROUP_ID_ADMIN])
    home.gateway.people[stranger.id] = "u-carl"
    await home.switch.stop()
    await home.until_state("off", "binary_sensor.home_connectivity")

    with pytest.raises(HomeAssistantError, match="no ticket"):
        await unlock(home, stranger)
    await unlock(home, user)

    assert home.lock.state.bolt is Bolt.UNLOCKED
    await home.switch.start()


async def test_flow(home: Home) -> None:
    """A user is connected with a person once."""
    flows = home.hass.config_entries.subentries
    handler = (home.entry.entry_id, "person")
    user = await home.hass.auth.async_create_user("Bea")

    form = await flows.async_init(handler, context={"source": "user"})
    assert form["type"] is FlowResultType.FORM
    done = await flows.async_configure(
        form["flow_id"], {"user": user.id, "person": home.ras.person.user_id}
    )

    assert done["type"] is FlowResultType.CREATE_ENTRY
    await until(lambda: home.gateway.people == {user.id: home.ras.person.user_id})
    again = await flows.async_init(handler, context={"source": "user"})
    assert again["type"] is FlowResultType.ABORT
    assert again["reason"] == "no_users_left"


async def test_flow_without_the_server(home: Home) -> None:
    """Without the server nobody knows its persons."""
    await home.switch.stop()

    result = await home.hass.config_entries.subentries.async_init(
        (home.entry.entry_id, "person"), context={"source": "user"}
    )

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "cannot_connect")
    await home.switch.start()


async def test_flow_of_a_home_that_is_not_loaded(home: Home) -> None:
    """A home that is not set up has to be first."""
    await home.hass.config_entries.async_unload(home.entry.entry_id)

    result = await home.hass.config_entries.subentries.async_init(
        (home.entry.entry_id, "person"), context={"source": "user"}
    )

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "entry_not_loaded")
