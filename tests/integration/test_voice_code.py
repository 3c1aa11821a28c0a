"""A PIN that the server wants of a person: given as the code of an action, and compared there."""

from typing import Any

from homeassistant.auth.models import User
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest

from igrs_codec.bsld.frame import Bolt
from tests.integration.home import DEVICE_ID, EVENT, LOCK, Home, until
from tests.integration.people import bea, connected
from tests.integration.server import logged
from tests.ras_server.client import Answer

PIN = "704319528"


async def unlock(home: Home, user: User | None, code: str | None = None) -> None:
    """Unlock as a person, or as the household."""
    data = {ATTR_ENTITY_ID: LOCK} | ({} if code is None else {"code": code})
    context = Context(user_id=None if user is None else user.id)
    await home.hass.services.async_call("lock", "unlock", data, blocking=True, context=context)


async def guest(home: Home, **grant: Any) -> User:
    """Return a user whose access at the server has a PIN."""
    person = await bea(home, rights=["lock", "unlock"], **grant)
    return await connected(home, person.user_id)


async def test_pin(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """Without a PIN the server refuses, and the form asks for one; with it the lock unlocks."""
    user = await guest(home, pin=PIN)
    assert "code_format" not in home.state().attributes

    with pytest.raises(HomeAssistantError, match="needs your PIN"):
        await unlock(home, user)
    assert home.state(EVENT).attributes["reason"] == "needs_pin"
    assert home.state().attributes["code_format"] == r"^(\d{4,12})?$"
    assert home.state().state == "locked"

    await unlock(home, user, PIN)

    assert home.lock.state.bolt is Bolt.UNLOCKED
    assert home.state().attributes["changed_by"] == "Bea"
    assert PIN not in logged(caplog)
    assert PIN not in str(home.hass.states.async_all())


async def test_others_need_none(home: Home) -> None:
    """A code that one person needs keeps nobody else out: the household leaves it empty."""
    user = await guest(home, pin=PIN)
    with pytest.raises(HomeAssistantError):
        await unlock(home, user)

    await home.call("unlock")
    assert home.lock.state.bolt is Bolt.UNLOCKED
    await home.call("lock")
    await unlock(home, None, "")

    assert home.lock.state.bolt is Bolt.UNLOCKED


async def test_wrong_pin(home: Home) -> None:
    """A wrong PIN is refused by the server; after five of them it compares none for a while."""
    user = await guest(home, pin=PIN)

    for _ in range(5):
        with pytest.raises(HomeAssistantError, match="The PIN is wrong"):
            await unlock(home, user, "1111")
    assert home.state(EVENT).attributes["reason"] == "pin_wrong"
    with pytest.raises(HomeAssistantError, match="too many wrong PINs"):
        await unlock(home, user, PIN)
    assert home.state(EVENT).attributes["reason"] == "pin_paused"
    assert home.lock.state.bolt is Bolt.LOCKED


@pytest.mark.parametrize("code", ["12", "front", "1234567890123"])
async def test_no_pin(home: Home, code: str) -> None:
    """What cannot be a PIN is not sent to the server, before and after it has asked for one."""
    user = await guest(home, pin=PIN)

    with pytest.raises(HomeAssistantError, match="4 to 12 digits"):
        await unlock(home, user, code)
    with pytest.raises(HomeAssistantError, match="needs your PIN"):
        await unlock(home, user)
    with pytest.raises(ServiceValidationError):
        await unlock(home, user, code)


async def test_pin_is_taken_back(home: Home) -> None:
    """Once the owner takes the PIN back nobody is asked for it any more."""
    user = await guest(home, pin=PIN, uses={"max": 9})
    with pytest.raises(HomeAssistantError, match="needs your PIN"):
        await unlock(home, user)
    assert "code_format" in home.state().attributes

    changed = await change(home, pin=None)
    assert changed.http == 200, changed
    await until(lambda: bool(home.coordinator._carrier.pending))
    await until(lambda: not home.coordinator._carrier.pending)
    await unlock(home, user)

    assert home.lock.state.bolt is Bolt.UNLOCKED
    assert "code_format" not in home.state().attributes


async def change(home: Home, **changes: Any) -> Answer:
    """Change the only grant, as its owner."""
    answer = await home.ras.person.get(f"/v1/devices/{DEVICE_ID}/grants")
    (grant,) = answer.data["items"]
    return await home.ras.person.request(
        "PUT",
        f"/v1/grants/{grant['grant_id']}",
        {"rev": grant["rev"], "rights": ["lock", "unlock"], "uses": {"max": 9}, **changes},
    )


async def test_confirmation(home: Home) -> None:
    """Where the server wants a confirmation a PIN is of no use; the message says what to do."""
    user = await guest(home, geofence={"policy": "confirm"})

    with pytest.raises(HomeAssistantError, match="needs a confirmation"):
        await unlock(home, user)

    assert home.state(EVENT).attributes["reason"] == "needs_confirmation"
    assert "code_format" not in home.state().attributes


async def test_code_of_the_household(home: Home) -> None:
    """A default code that somebody has set for the entity does no harm where none is needed."""
    await unlock(home, None, "1234")

    assert home.lock.state.bolt is Bolt.UNLOCKED
