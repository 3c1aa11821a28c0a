"""Actions for several locks: what one was given is not lost because another one fails."""

from collections.abc import AsyncGenerator
from typing import Any, Final

from homeassistant.auth.models import User
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context
from homeassistant.exceptions import ServiceValidationError
import pytest

from igrs_codec.bsld.frame import Capability
from reference_devices.peripheral import on_air
from tests.integration.actions import act, tomorrow
from tests.integration.home import LOCK, Home, new_lock, register

GARAGE: Final = "lock.garage"
DEVICE: Final = bytes.fromhex("A1B2C3D4E5F7")


@pytest.fixture
async def homes(manager: Home) -> AsyncGenerator[Home]:
    """Return a home with another lock, which has no keypad."""
    garage = new_lock(DEVICE, capabilities=Capability.OPEN)
    async with on_air(garage, await manager.air.radio(DEVICE)):
        await register(manager, garage, "Garage")
        await manager.until_state("locked", GARAGE)
        await manager.settle()
        yield manager


async def act_on_both(home: Home, action: str, user: User | None = None, **data: Any) -> Any:
    """Call an action for both locks, and return its answer, if it has one."""
    return await home.hass.services.async_call(
        "igrs",
        action,
        {ATTR_ENTITY_ID: [LOCK, GARAGE], **data},
        blocking=True,
        context=Context(user_id=None if user is None else user.id),
        return_response=home.hass.services.supports_response("igrs", action) != "none",
    )


async def test_given_for_one(homes: Home) -> None:
    """The code of the lock that has a keypad is told; the other one's answer is why not."""
    told = await act_on_both(homes, "create_temporary_code", kind="one_time")

    assert homes.lock.type_code(told[LOCK]["code"])
    assert told[GARAGE] == {"error": "no_keypad", "error_text": "The lock has no keypad."}


async def test_done_for_one(homes: Home, anna: User) -> None:
    """An action without an answer says for which lock it was done, and for which not, and why."""
    given = await act(homes, "set_lock_user", anna, user_name="Plumber", valid_until=tomorrow())

    with pytest.raises(ServiceValidationError) as caught:
        await act_on_both(homes, "clear_lock_user", anna, grant_id=given["grant_id"])

    assert str(caught.value) == (
        f"Done for {LOCK}, but not for all. {GARAGE}: There is no such grant or person."
    )
    assert (await act(homes, "get_lock_users"))["users"] == []


async def test_done_for_none(homes: Home, admin: User) -> None:
    """An action that nothing comes of fails as it does for one lock."""
    with pytest.raises(ServiceValidationError, match="Only the owner"):
        await act_on_both(
            homes, "set_lock_user", admin, user_name="Plumber", valid_until=tomorrow()
        )
