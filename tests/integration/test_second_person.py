"""Who may not open alone: he is told what to wait for, the others that he asks."""

import time

from homeassistant.auth.models import User
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.igrs.errors import Reason, refusal
from custom_components.igrs.ras_errors import Code, RasRefusedError
from igrs_codec.bsld.frame import Bolt
from tests.integration.actions import act, tomorrow
from tests.integration.home import DEVICE_ID, LOCK, Home, until
from tests.integration.people import bea, connected

EVENT = "event.front_door_access"


async def unlock(home: Home, user: User) -> None:
    """Unlock as a user."""
    await home.hass.services.async_call(
        "lock",
        "unlock",
        {ATTR_ENTITY_ID: LOCK},
        blocking=True,
        context=Context(user_id=user.id),
    )


async def reply(home: Home, answer: str) -> None:
    """Answer, as the owner, what waits for an answer."""
    (waiting,) = (await home.ras.person.get("/v1/confirmations")).data["items"]
    path = f"/v1/confirmations/{waiting['confirmation']}"
    replied = await home.ras.person.post(path, {"answer": answer})
    assert replied.code == 0, replied


@pytest.mark.parametrize(
    ("code", "needs", "reason"),
    [
        (Code.CONFIRMATION_NEEDED, "second_person", Reason.NEEDS_SECOND_PERSON),
        (Code.NO_PERMISSION, "second_person", Reason.SECOND_PERSON_REFUSED),
        (Code.CONFIRMATION_NEEDED, "pin", Reason.NEEDS_PIN),
        (Code.CONFIRMATION_NEEDED, "confirm", Reason.NEEDS_CONFIRMATION),
        (Code.NO_PERMISSION, None, Reason.NO_PERMISSION),
    ],
)
def test_reasons(code: Code, needs: str | None, reason: Reason) -> None:
    """What the server says besides its code makes another sentence of it."""
    assert refusal(RasRefusedError(code, needs=needs)).reason is reason


async def test_yes(home: Home) -> None:
    """The first try asks the others; done again after somebody's yes it opens the door."""
    person = await bea(home, rights=["lock", "unlock"], second_person=True)
    user = await connected(home, person.user_id)

    with pytest.raises(HomeAssistantError, match="somebody else has to agree"):
        await unlock(home, user)
    assert home.state().state == "locked"
    event = home.state(EVENT).attributes
    assert (event["event_type"], event["user"]) == ("denied", "Bea")
    assert event["reason"] == "needs_second_person"

    await reply(home, "yes")
    await unlock(home, user)

    assert home.lock.state.bolt is Bolt.UNLOCKED
    assert home.state().state == "unlocked"


async def test_no(home: Home) -> None:
    """A no is told as one."""
    person = await bea(home, rights=["lock", "unlock"], second_person=True)
    user = await connected(home, person.user_id)
    with pytest.raises(HomeAssistantError, match="somebody else has to agree"):
        await unlock(home, user)

    await reply(home, "no")
    with pytest.raises(HomeAssistantError, match="said no"):
        await unlock(home, user)

    assert home.lock.state.bolt is Bolt.LOCKED


async def test_asked_elsewhere(home: Home) -> None:
    """Who asks from afar is an event here: an automation can tell those who may say yes."""
    person = await bea(home, rights=["lock", "unlock"], second_person=True)
    me = await person.get("/v1/users/me")

    await person.post(
        f"/v1/devices/{DEVICE_ID}/operate",
        {"cmd": "unlock", "expires": int(time.time()) + 20, "wait": 0},
    )

    await until(lambda: home.state(EVENT).attributes.get("event_type") == "asked")
    event = home.state(EVENT).attributes
    assert (event["user"], event["method"]) == (me.data["display_name"], "app")


async def test_given_here(manager: Home, anna: User) -> None:
    """A grant that is given here may want a second person, and says so until it is changed."""
    given = await act(
        manager,
        "set_lock_user",
        anna,
        account="bea@example.org",
        valid_until=tomorrow(),
        second_person=True,
    )
    assert given["second_person"]

    kept = await act(manager, "set_lock_user", anna, grant_id=given["grant_id"], notify=True)
    assert kept["second_person"]
    changed = await act(
        manager, "set_lock_user", anna, grant_id=given["grant_id"], second_person=False
    )
    assert not changed["second_person"]
